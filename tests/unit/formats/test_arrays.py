"""Arrays in safetensors, read without the library that wrote them."""

import itertools
import os
import weakref

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import StreamedArray, read_tensors, write_tensors

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


def streamed(*blocks: np.ndarray, rows: int) -> StreamedArray:
    return StreamedArray((rows, 2), np.dtype(np.float32), blocks)


def test_what_comes_in_blocks_is_the_array(tmp_path):
    values, classes = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5)
    write_tensors(tmp_path / "x", {"a": streamed(values[:3], values[3:], rows=5), "b": classes})
    assert (tmp_path / "x").read_bytes() == save({"a": values, "b": classes})


def test_a_block_is_let_go_before_the_next_but_one_is_made(tmp_path):
    alive: list[weakref.ref[np.ndarray]] = []

    def blocks():
        for _ in range(9):
            assert sum(block() is not None for block in alive) <= 1
            alive.append(weakref.ref(block := np.ones((4, 2), np.float32)))
            yield block
            del block

    write_tensors(tmp_path / "x", {"a": StreamedArray((36, 2), np.dtype(np.float32), blocks())})
    assert len(alive) == 9


def test_refuses_what_is_not_finite_names_its_row_and_leaves_nothing(tmp_path):
    good, spoilt = np.ones((5000, 2), np.float32), np.ones((5000, 2), np.float32)
    spoilt[4321] = np.inf
    for values, row in ((spoilt, 4321), (streamed(good, spoilt, rows=10_000), 9321)):
        with pytest.raises(InputError, match=rf"x: 'a': .*row {row}"):
            write_tensors(tmp_path / "x", {"a": values})
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (np.ones((3, 2), np.float32), "5 rows, got 3"),
        (np.ones((5, 3), np.float32), r"got \(3,\) float32"),
        (np.ones((5, 2)), "float64"),
    ],
)
def test_refuses_blocks_that_do_not_make_the_array(tmp_path, block, complaint):
    with pytest.raises(ValueError, match=complaint):
        write_tensors(tmp_path / "x", {"a": streamed(block, rows=5)})
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_truncated_file_and_a_missing_array(tmp_path):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    with pytest.raises(InputError, match="'b'"):
        read_tensors(tmp_path / "x", "a", "b")
    os.truncate(tmp_path / "x", 90)
    with pytest.raises(InputError, match=r"x: .*dvc checkout"):
        read_tensors(tmp_path / "x")


def test_the_library_reads_the_texts_about_the_arrays(tmp_path):
    arrays = {"b": np.ones(3), "a": np.arange(2)}
    write_tensors(tmp_path / "x", arrays, {"by": "é", "names": ["ü", "b"]})
    with safe_open(tmp_path / "x", "numpy") as stored:
        assert stored.metadata() == {"by": "é", "names": '["ü", "b"]'}
        for key, array in arrays.items():
            np.testing.assert_array_equal(stored.get_tensor(key), array)
    write_tensors(tmp_path / "y", arrays, {"by": "é"})
    assert (tmp_path / "y").read_bytes() == save(arrays, {"by": "é"})
