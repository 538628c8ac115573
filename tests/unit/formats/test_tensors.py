"""Arrays in safetensors, read without the library that wrote them."""

import itertools
import os

import numpy as np
import pytest
from safetensors.numpy import save

from interpreting_clip.errors import InputError
from interpreting_clip.formats.tensors import (
    read_tensors,
    stacked,
    write_rows,
    write_tensors,
)

DTYPES = ["float64", "float32", "int64", "int32", "uint8"]


def test_the_bytes_are_those_of_the_library_and_are_read_back(tmp_path):
    rng = np.random.default_rng(0)
    shapes = ((3, 5), (7,), (), (0, 4), (2, 1, 3), (1,))
    arrays = {
        f"{'é/.x'[: place % 5]}{place}": rng.integers(0, 9, shape).astype(dtype)
        for place, (shape, dtype) in enumerate(itertools.product(shapes, DTYPES))
    }
    write_tensors(tmp_path / "x", arrays)
    assert (tmp_path / "x").read_bytes() == save(arrays)
    mapped = read_tensors(tmp_path / "x")
    assert list(mapped) == sorted(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(mapped[key], array)
        assert mapped[key].dtype == array.dtype


def test_rows_come_in_blocks(tmp_path):
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    write_rows(tmp_path / "x.npy", (5, 2), iter((values[:3], values[3:])))
    np.save(tmp_path / "y.npy", values)
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()
    np.testing.assert_array_equal(stacked((5, 2), iter((values[:3], values[3:]))), values)


def test_refuses_what_is_not_finite_names_its_row_and_leaves_nothing(tmp_path):
    spoilt = np.ones((5000, 2), np.float32)
    spoilt[4321] = np.inf
    with pytest.raises(InputError, match=r"x: 'a': .*row 4321"):
        write_tensors(tmp_path / "x", {"a": spoilt})
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_truncated_file_and_a_missing_array(tmp_path):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    with pytest.raises(InputError, match="'b'"):
        read_tensors(tmp_path / "x", "a", "b")
    os.truncate(tmp_path / "x", 90)
    with pytest.raises(InputError, match=r"x: .*dvc checkout"):
        read_tensors(tmp_path / "x")
