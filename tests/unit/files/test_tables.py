"""CSV tables and training curves."""

import math

import pytest

from stages.files.tables import CURVE_COLUMNS, read_curve, read_table, write_table
from stages.runtime.errors import InputError


def test_round_trip(tmp_path):
    write_table(tmp_path / "t.csv", [{"model": "a,b", "x": 1 / 3}], ["model", "x"])
    assert read_table(tmp_path / "t.csv", ["x"]) == [{"model": "a,b", "x": "0.333333"}]


def test_refuses_a_missing_column(tmp_path):
    write_table(tmp_path / "t.csv", [{"a": 1}], ["a"])
    with pytest.raises(InputError, match=r"t.csv: expected the columns a, b; missing: \['b'\]"):
        read_table(tmp_path / "t.csv", ["a", "b"])


def test_a_table_without_rows_has_its_header(tmp_path):
    write_table(tmp_path / "t.csv", [], ["a", "b"])
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


def test_refuses_a_column_that_was_not_announced(tmp_path):
    with pytest.raises(ValueError, match="fields not in fieldnames: 'b'"):
        write_table(tmp_path / "t.csv", [{"a": 1, "b": 2}], ["a"])
    assert not (tmp_path / "t.csv").exists()


def test_refuses_nan_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"t.csv.a: a result must be finite, got nan"):
        write_table(tmp_path / "t.csv", [{"a": math.nan}], ["a"])
    assert not (tmp_path / "t.csv").exists()


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"t.csv: no such file"):
        read_table(tmp_path / "t.csv", ["a"])


@pytest.fixture
def curve(tmp_path):
    folder = tmp_path / "plots/metrics"
    folder.mkdir(parents=True)
    for metric in CURVE_COLUMNS:
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
