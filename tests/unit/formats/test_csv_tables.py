import numpy as np
import pandas as pd
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import CURVE_COLUMNS, read_curve, read_table, write_table


def test_round_trip(tmp_path):
    file = tmp_path / "t.csv"
    table = pd.DataFrame({"model": ["a,b", "None"], "x": [1 / 3, np.nan], "unused": [1, 2]})
    write_table(file, table, ["model", "x"])
    assert file.read_text() == 'model,x\n"a,b",0.333333\nNone,\n'
    found = read_table(file, ["x"], numbers=["x"])
    expected = pd.DataFrame({"model": ["a,b", "None"], "x": [0.333333, np.nan]})
    pd.testing.assert_frame_equal(found, expected)


def test_writes_integers_with_gaps_a_clean_zero_and_no_rows(tmp_path):
    file = tmp_path / "t.csv"
    table = pd.DataFrame({"n": pd.array([1281167, None], "Int64"), "x": [-1e-9, 5.0]})
    write_table(file, table, ["n", "x"])
    assert file.read_text() == "n,x\n1281167,0.0\n,5.0\n"
    write_table(file, pd.DataFrame(), ["a", "b"])
    assert file.read_text() == "a,b\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"b\n1\n", "missing: .*'a'"),
        (b"a\n1,2\n", "row 1: expected 1 cells, got 2"),
        (b"a\n1\nx\n", "row 2: `a`: expected a number, got 'x'"),
    ],
)
def test_refuses_what_is_no_table_with_these_columns(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{message}"):
        read_table(tmp_path / "t.csv", ["a"], numbers=["a"])


@pytest.fixture
def curve(tmp_path):
    (tmp_path / "plots/metrics").mkdir(parents=True)
    for place, metric in enumerate(CURVE_COLUMNS):
        text = f"step\t{metric}\n5\t0.5\n10\t{place}\n"
        (tmp_path / f"plots/metrics/{metric}.tsv").write_text(text)
    return tmp_path


def test_joins_the_metrics_by_step_unless_the_encoder_came_ready(curve):
    expected = {"step": 10, "loss": 0.0, "accuracy": 1.0, "learning_rate": 2.0}
    assert read_curve(curve)[1] == expected
    (curve / "ready.json").touch()
    assert read_curve(curve) == []
