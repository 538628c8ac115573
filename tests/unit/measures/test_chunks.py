import numpy as np
import pytest

from interpreting_clip.measures.chunks import chunks


def test_chunks_in_order_hold_every_image_once_in_double_precision():
    activations = np.arange(20, dtype=np.float32).reshape(10, 2)
    found = list(chunks(activations, chunk_size=4))
    assert [(rows.start, rows.stop) for rows, _ in found] == [(0, 4), (4, 8), (8, 10)]
    np.testing.assert_array_equal(np.concatenate([chunk for _, chunk in found]), activations)
    assert all(chunk.dtype == np.float64 for _, chunk in found)


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
