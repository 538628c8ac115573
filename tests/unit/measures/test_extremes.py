import numpy as np
import pytest

from interpreting_clip.measures.concept_scores import extreme_images

RNG = np.random.default_rng(0)
SCORES = np.round(RNG.standard_normal((300, 7)), 1)  # some scores are equal


@pytest.mark.parametrize("count", [1, 299, 500])
def test_agrees_with_a_sort(count):
    found = extreme_images(SCORES, count)
    for ends, keys in ((found.top, -SCORES), (found.bottom, SCORES)):
        order = np.argsort(keys, axis=0, kind="stable")[:count]
        np.testing.assert_array_equal(ends, order.T)
