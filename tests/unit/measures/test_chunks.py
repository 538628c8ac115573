import numpy as np
import pytest

from stages.measures.chunks import chunks


def test_blocks_in_order_hold_every_image_once():
    activations = np.arange(20, dtype=np.float32).reshape(10, 2)
    blocks = list(chunks(activations, chunk_size=4))
    assert [(rows.start, rows.stop) for rows, _ in blocks] == [(0, 4), (4, 8), (8, 10)]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), activations)


def test_blocks_are_in_double_precision():
    _, block = next(chunks(np.ones((3, 2), dtype=np.float32)))
    assert block.dtype == np.float64


def test_a_mapped_file_is_read_block_by_block(tmp_path):
    np.save(tmp_path / "activations.npy", np.ones((5, 3), dtype=np.float32))
    mapped = np.load(tmp_path / "activations.npy", mmap_mode="r")
    assert sum(block.sum() for _, block in chunks(mapped, chunk_size=2)) == 15


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_a_value_that_is_not_finite_and_names_the_image(bad):
    activations = np.ones((10, 2))
    activations[7, 1] = bad
    with pytest.raises(ValueError, match="image 7"):
        list(chunks(activations, chunk_size=4))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_refuses_nothing(shape):
    with pytest.raises(ValueError, match="at least one image and one feature"):
        list(chunks(np.ones(shape)))
