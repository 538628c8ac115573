from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.measures import intervals
from interpreting_clip.measures.intervals import (
    bootstrap_mean,
    percentile_interval,
    wilson_interval,
)

VALUES = np.random.default_rng(0).exponential(size=400)


def test_the_interval_holds_the_middle_draws():
    estimate = percentile_interval(50.0, np.arange(101.0), confidence=0.9)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((50.0, 5.0, 95.0))


def test_equal_values_leave_no_uncertainty():
    estimate = bootstrap_mean(np.full(10, 2.5), resamples=50, confidence=0.95, seed=0)
    assert (estimate.low, estimate.high) == (2.5, 2.5)


def test_a_single_value_has_no_interval():
    alone = bootstrap_mean(np.array([2.5]), resamples=50, confidence=0.95, seed=0)
    assert (alone.low, alone.high, alone.ends) == (None, None, (2.5, 2.5))


def test_agrees_with_drawing_one_resample_after_another(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS_AT_A_TIME", 1000)
    generator = np.random.default_rng(3)
    plain = [VALUES[generator.integers(400, size=400)].mean() for _ in range(100)]
    expected = percentile_interval(VALUES.mean(), np.array(plain), 0.9)
    found = bootstrap_mean(VALUES, resamples=100, confidence=0.9, seed=3)
    assert astuple(found) == pytest.approx(astuple(expected), rel=1e-14)


def test_the_interval_is_that_of_the_central_limit_theorem():
    estimate = bootstrap_mean(VALUES, resamples=4000, confidence=0.95, seed=0)
    (low, high), margin = estimate.ends, stats.norm.ppf(0.975) * VALUES.std() / np.sqrt(400)
    assert high - low == pytest.approx(2 * margin, rel=0.05)


@pytest.mark.parametrize("confidence", [0.0, 95.0])
def test_refuses_a_confidence_that_is_no_share(confidence):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        percentile_interval(0.0, VALUES, confidence)


def test_a_fraction_has_wilson_s_interval():
    found = wilson_interval(0.1, 20, 0.95)
    # Equation 4 of Brown, Cai & DasGupta (2001), by hand.
    assert (found.low, found.high) == pytest.approx((0.0278665, 0.3010336), abs=1e-6)
    for right, images, confidence in ((0, 7, 0.9), (7, 7, 0.9), (150, 1000, 0.5), (1, 1, 0.99)):
        found = wilson_interval(right / images, images, confidence)
        oracle = stats.binomtest(right, images).proportion_ci(confidence, "wilson")
        assert found.ends == pytest.approx(tuple(oracle), abs=1e-12)
        assert 0 <= found.ends[0] <= found.value <= found.ends[1] <= 1


def test_wilson_s_interval_holds_the_truth_about_as_often_as_it_says():
    right = np.random.default_rng(1).binomial(60, 0.93, 4000) / 60
    ends = [wilson_interval(fraction, 60, 0.9).ends for fraction in right.tolist()]
    held = [low <= 0.93 <= high for low, high in ends]
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("fraction", "images", "confidence"), [(0.5, 0, 0.9), (50.0, 10, 0.9), (0.5, 10, 95.0)]
)
def test_refuses_the_interval_of_nothing(fraction, images, confidence):
    with pytest.raises(ValueError, match="fractions from 0 to 1"):
        wilson_interval(fraction, images, confidence)
