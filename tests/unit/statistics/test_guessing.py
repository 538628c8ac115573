import numpy as np
import pytest
from scipy import stats

from interpreting_clip.statistics.guessing import LEVEL, Guessing, above_chance, lowest_above_chance


def test_four_images_of_two_classes_by_hand():
    # All four right: 1/16. That is more than 5 %, so no number of right answers is above chance.
    assert lowest_above_chance(4, 2) == 5
    assert Guessing(4, 2).above == 1.25
    # All five right: 1/32.
    assert lowest_above_chance(5, 2) == 5
    assert not above_chance(np.array([0.0, 1.0]), Guessing(100, 1)).any()


def test_agrees_with_the_exact_test_of_scipy_where_probabilities_underflow():
    images, classes = 50_889, 1000
    lowest = lowest_above_chance(images, classes)
    below, at = stats.binom.sf([lowest - 2, lowest - 1], images, 1 / classes)
    assert at <= LEVEL < below


@pytest.mark.parametrize("images", [1, 50, 400])
@pytest.mark.parametrize("classes", [2, 16, 300])
def test_agrees_with_the_plain_sum_and_with_the_lower_end_of_the_interval(images, classes):
    lowest = lowest_above_chance(images, classes)
    tails = stats.binom.sf(np.arange(-1, images), images, 1 / classes)
    assert lowest == np.count_nonzero(tails > LEVEL)
    for right in {max(lowest - 1, 1), min(lowest, images)}:
        end = stats.beta.ppf(LEVEL, right, images - right + 1)
        assert (end >= 1 / classes) == (right >= lowest)


def test_a_rounded_accuracy_counts_as_its_number_and_an_unknown_one_is_not_above():
    guessing = Guessing(30_000, 200)
    lowest = lowest_above_chance(30_000, 200)
    right = np.array([lowest, lowest - 1])
    rounded = np.round(100 * right / 30_000, 3) / 100
    assert above_chance(np.append(rounded, np.nan), guessing).tolist() == [True, False, False]
