import tracemalloc

import numpy as np
import pytest

from interpreting_clip.measures.chunks import chunks
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations


def test_chunks_in_order_hold_every_image_once_in_double_precision():
    activations = np.arange(20, dtype=np.float32).reshape(10, 2)
    found = list(chunks(activations, chunk_size=4))
    assert [(rows.start, rows.stop) for rows, _ in found] == [(0, 4), (4, 8), (8, 10)]
    np.testing.assert_array_equal(np.concatenate([chunk for _, chunk in found]), activations)
    assert all(chunk.dtype == np.float64 for _, chunk in found)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.where(np.arange(20).reshape(10, 2) == 15, np.nan, 1), "image 7"),
        (np.ones((0, 3)), "at least one image"),
    ],
)
def test_refuses_nothing_and_a_value_that_is_not_finite(rows, message):
    with pytest.raises(ValueError, match=message):
        list(chunks(rows, chunk_size=4))


def test_memory_does_not_grow_with_the_activations():
    activations, peaks = np.random.default_rng(0).normal(size=(16384, 256)).astype(np.float32), []
    for images in (4096, 16384):
        tracemalloc.start()
        kurtosis_and_deviations(activations[:images], 6.0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.05 * activations[4096:].nbytes
