import numpy as np
import pytest

from interpreting_clip.measures.concept_scores import extreme_images

RNG = np.random.default_rng(0)
SCORES = np.round(RNG.standard_normal((300, 7)), 1)  # some scores are equal


def test_by_hand():
    found = extreme_images(np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 5.0], [3.0, 0.0]]), 2)
    assert found.top.tolist() == [[0, 3], [2, 0]]
    assert found.bottom.tolist() == [[1, 2], [0, 1]]
    assert found.top_scores.tolist() == [[3, 3], [5, 0]]
    assert found.bottom_scores.tolist() == [[1, 2], [0, 0]]


@pytest.mark.parametrize("count", [1, 299, 500])
def test_agrees_with_a_sort(count):
    found = extreme_images(SCORES, count)
    for ends, keys in ((found.top, -SCORES), (found.bottom, SCORES)):
        order = np.argsort(keys, axis=0, kind="stable")[:count]
        np.testing.assert_array_equal(ends, order.T)
