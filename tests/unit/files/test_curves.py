"""Training curves, as DVCLive leaves them."""

import pytest

from stages.files.curves import METRICS, read_curve
from stages.runtime.errors import InputError


@pytest.fixture
def curve(tmp_path):
    folder = tmp_path / "plots/metrics"
    folder.mkdir(parents=True)
    for metric in METRICS:
        (folder / f"{metric}.tsv").write_text(f"step\t{metric}\n5\t0.5\n10\t0.25\n")
    return tmp_path


def test_joins_the_metrics_by_step(curve):
    (curve / "plots/metrics/loss.tsv").write_text("step\tloss\n5\t2.5\n10\t1\n")
    rest = {"accuracy": 0.25, "learning_rate": 0.25}
    assert read_curve(curve)[1] == {"step": 10, "loss": 1.0, **rest}


def test_an_encoder_that_came_ready_has_no_points(tmp_path):
    (tmp_path / "ready.json").touch()
    assert read_curve(tmp_path) == []


def test_refuses_a_missing_metric(curve):
    (curve / "plots/metrics/accuracy.tsv").unlink()
    with pytest.raises(InputError, match=r"accuracy.tsv: no such file; `dvc repro`"):
        read_curve(curve)


def test_refuses_metrics_of_other_steps(curve):
    (curve / "plots/metrics/loss.tsv").write_text("step\tloss\n5\t2.5\n")
    with pytest.raises(InputError, match="not of the same steps"):
        read_curve(curve)


@pytest.mark.parametrize("text", ["step\tloss\n5\t2.5\n10", "step\tloss\n5\tx", "step\n5\n"])
def test_refuses_a_damaged_metric(curve, text):
    (curve / "plots/metrics/loss.tsv").write_text(text)
    with pytest.raises(InputError, match=r"loss.tsv: expected the columns step and loss"):
        read_curve(curve)
