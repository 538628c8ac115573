import tracemalloc

import numpy as np
import pytest

from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.statistics.chunks import chunks


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
