import math

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import CURVE_COLUMNS, read_curve, read_table, write_table


def test_round_trip(tmp_path):
    write_table(tmp_path / "t.csv", [{"model": "a,b", "x": 1 / 3}], ["model", "x"])
    assert read_table(tmp_path / "t.csv", ["x"]) == [{"model": "a,b", "x": "0.333333"}]
    write_table(tmp_path / "t.csv", [], ["a", "b"])
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n\xff\n", "UTF-8.*`dvc repro`"),
        (b"a\n" + 200_000 * b"x", "UTF-8.*`dvc repro`"),
        (b"", "missing: "),
        (b"b\n1\n", "missing: .*'a'"),
        (b"a\n1,2\n", "row 1: "),
        (b"a,b\n1,2\n3\n", "row 2: "),
    ],
)
def test_refuses_what_is_no_table_with_these_columns(tmp_path, content, message):
    with pytest.raises(InputError, match=r"t.csv: no such file"):
        read_table(tmp_path / "t.csv", ["a"])
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{message}"):
        read_table(tmp_path / "t.csv", ["a"])


def test_refuses_nan_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"t.csv: 'a': .*nan"):
        write_table(tmp_path / "t.csv", [{"a": math.nan}], ["a"])
    assert not (tmp_path / "t.csv").exists()


@pytest.fixture
def curve(tmp_path):
    (tmp_path / "plots/metrics").mkdir(parents=True)
    for place, metric in enumerate(CURVE_COLUMNS):
        text = f"step\t{metric}\n5\t0.5\n10\t{place}\n"
        (tmp_path / f"plots/metrics/{metric}.tsv").write_text(text)
    return tmp_path


def test_joins_the_metrics_by_step(curve):
    expected = {"step": 10, "loss": 0.0, "accuracy": 1.0, "learning_rate": 2.0}
    assert read_curve(curve)[1] == expected


def test_an_encoder_that_came_ready_has_no_points(tmp_path):
    (tmp_path / "ready.json").touch()
    assert read_curve(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step\tloss\n5\t2.5\n10", "loss.tsv: row 2"),
        ("step\tloss\n5\tx", "loss.tsv: "),
        ("step\tloss\n5\t2.5\n", "same steps"),
    ],
)
def test_refuses_a_damaged_metric_and_one_of_other_steps(curve, text, message):
    (curve / "plots/metrics/loss.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_curve(curve)
