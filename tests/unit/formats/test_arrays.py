"""Arrays in safetensors, read without the library that wrote them."""

import weakref

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import StreamedArray, read_tensors, write_tensors

DTYPES = ["float64", "float32", "int64", "int32", "uint8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps_what_the_library_reads(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {
        "b": rng.integers(0, 9, (3, 5)),
        "a": rng.integers(0, 9, 7),
        "empty": np.zeros((0, 4)),
    }
    write_tensors(tmp_path / "x", {k: a.astype(dtype) for k, a in arrays.items()})
    mapped, loaded = read_tensors(tmp_path / "x"), load_file(tmp_path / "x")
    assert list(mapped) == sorted(loaded)
    for key, array in loaded.items():
        np.testing.assert_array_equal(mapped[key], array)
        assert mapped[key].dtype == array.dtype


@pytest.mark.parametrize("seed", range(3))
def test_the_bytes_are_those_of_the_library(tmp_path, seed):
    rng = np.random.default_rng(seed)
    arrays = {
        f"{'é/.x'[: rng.integers(5)]}{rng.integers(99)}": np.asarray(
            rng.integers(0, 9, rng.integers(0, 4, rng.integers(4)))
        ).astype(rng.choice(DTYPES))
        for _ in range(6)
    }
    write_tensors(tmp_path / "x", arrays)
    assert (tmp_path / "x").read_bytes() == save(arrays)


def streamed(*blocks: np.ndarray, rows: int) -> StreamedArray:
    return StreamedArray((rows, 2), np.dtype(np.float32), blocks)


def test_what_comes_in_blocks_is_the_array(tmp_path):
    values, classes = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5)
    write_tensors(tmp_path / "x", {"a": streamed(values[:3], values[3:], rows=5), "b": classes})
    write_tensors(tmp_path / "y", {"a": values, "b": classes})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_what_is_not_finite_names_its_row_and_leaves_nothing(tmp_path, bad):
    good, spoilt = np.ones((5000, 2), np.float32), np.ones((5000, 2), np.float32)
    spoilt[4321] = bad
    for values, row in ((spoilt, 4321), (streamed(good, spoilt, rows=10_000), 9321)):
        with pytest.raises(InputError, match=rf"x: 'a': .*row {row}"):
            write_tensors(tmp_path / "x", {"a": values})
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (np.ones((3, 2), np.float32), "5 rows, got 3"),
        (np.ones((5, 3), np.float32), r"got \(3,\) float32"),
        (np.ones((5, 2)), r"got \(2,\) float64"),
    ],
)
def test_refuses_blocks_that_do_not_make_the_array(tmp_path, block, complaint):
    with pytest.raises(ValueError, match=complaint):
        write_tensors(tmp_path / "x", {"a": streamed(block, rows=5)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [4, 90])
def test_refuses_a_truncated_file(tmp_path, cut):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"x: .*dvc checkout"):
        read_tensors(tmp_path / "x")


def test_refuses_a_missing_array(tmp_path):
    write_tensors(tmp_path / "x", {"a": np.ones(9)})
    with pytest.raises(InputError, match="'b'"):
        read_tensors(tmp_path / "x", "a", "b")
