"""CSV tables."""

import math

import pytest

from stages.files.tables import read_table, write_table
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
