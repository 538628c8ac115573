from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.rank_correlation import rank_correlation

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=12)
SECOND = np.round(FIRST + RNG.normal(size=12))
BOOTSTRAP = {"resamples": 200, "confidence": 0.9, "seed": 3}


def test_the_same_order_gives_one_and_the_reverse_minus_one():
    found = rank_correlation(np.arange(5.0), np.exp(np.arange(5.0)), **BOOTSTRAP)
    assert astuple(found) == pytest.approx((1, 1, 1))
    # A resample of equal values has no correlation and is drawn again.
    few = rank_correlation(np.eye(4)[0], np.eye(4)[0], **BOOTSTRAP)
    assert astuple(few) == pytest.approx((1, 1, 1))
    assert rank_correlation(np.arange(5.0), -np.arange(5.0), **BOOTSTRAP).value == pytest.approx(-1)


def test_agrees_with_scipy_one_resample_after_another():
    rng, draws = generator(3, "bootstrap of encoders"), []
    for _ in range(200):
        drawn = rng.integers(12, size=12)
        draws.append(stats.spearmanr(FIRST[drawn], SECOND[drawn])[0])
    found = rank_correlation(FIRST, SECOND, **BOOTSTRAP)
    assert found.value == pytest.approx(stats.spearmanr(FIRST, SECOND)[0])
    assert [found.low, found.high] == pytest.approx(np.quantile(draws, [0.05, 0.95]))


def test_rising_transforms_and_the_order_of_measures_change_nothing():
    found = rank_correlation(FIRST, SECOND, **BOOTSTRAP)
    assert rank_correlation(SECOND, np.exp(FIRST), **BOOTSTRAP) == found


def test_measures_that_have_nothing_in_common_have_an_interval_around_zero():
    found = rank_correlation(RNG.normal(size=300), RNG.normal(size=300), **BOOTSTRAP)
    # Without a relation the variance of Spearman's coefficient is 1 / (n - 1).
    assert abs(found.value) < 4 / np.sqrt(299) and found.ends[0] < 0 < found.ends[1]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1.0, 2, 3], [1.0, 2, 3], "3 encoders"),
        ([1.0, 2, 3, 4], [2.0, 2, 2, 2], "not all equal"),
        ([1.0, 2, 3, np.nan], [1.0, 2, 3, 4], "finite"),
    ],
)
def test_refuses_too_few_encoders_and_what_has_no_ranks(first, second, words):
    with pytest.raises(ValueError, match=words):
        rank_correlation(np.array(first), np.array(second), **BOOTSTRAP)
