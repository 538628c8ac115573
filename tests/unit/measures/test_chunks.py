import tracemalloc

import numpy as np
import pytest

from interpreting_clip.measures.chunks import chunks
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.pruning import pruned_accuracies
from interpreting_clip.measures.singular_directions import rank, singular_directions


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


def prune(activations):
    weight = np.random.default_rng(0).normal(size=(50, activations.shape[1]))
    classes = np.zeros(len(activations), np.int64)
    own, fractions = rank(activations, singular_directions(weight)), np.arange(10) / 10
    pruned_accuracies(activations, classes, Head(weight, None, True), own, fractions=fractions)


@pytest.mark.parametrize("measure", [lambda rows: kurtosis_and_deviations(rows, 6.0), prune])
def test_memory_does_not_grow_with_the_activations(measure):
    activations, peaks = np.random.default_rng(0).normal(size=(16384, 256)).astype(np.float32), []
    for images in (4096, 16384):
        tracemalloc.start()
        measure(activations[:images])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.05 * activations[4096:].nbytes
