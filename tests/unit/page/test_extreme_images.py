import numpy as np
import pytest
from page.extreme_images import direction_extremes, extreme_images

from interpreting_clip.statistics import concept_scores

RNG = np.random.default_rng(0)
SCORES = np.round(RNG.standard_normal((300, 7)), 1)  # some scores are equal


@pytest.mark.parametrize("count", [1, 299, 500])
def test_agrees_with_a_sort(count):
    found = extreme_images(SCORES, count)
    for ends, keys in ((found.top, -SCORES), (found.bottom, SCORES)):
        order = np.argsort(keys, axis=0, kind="stable")[:count]
        np.testing.assert_array_equal(ends, order.T)


def test_a_few_directions_at_a_time_give_the_same(monkeypatch):
    vectors = np.eye(7)[[4, 2, 0]]
    whole = extreme_images(SCORES[:, [4, 2, 0]], 3)
    monkeypatch.setattr(concept_scores, "NUMBERS_AT_A_TIME", 1)
    for found, rows in (
        (direction_extremes(SCORES, vectors, 3), slice(None)),
        (direction_extremes(SCORES, None, 3), [4, 2, 0]),
    ):
        for name, expected in vars(whole).items():
            np.testing.assert_array_equal(getattr(found, name)[rows], expected)
