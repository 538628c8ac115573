from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.measures import intervals
from interpreting_clip.measures.intervals import bootstrap_mean, percentile_interval

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
    margin = stats.norm.ppf(0.975) * VALUES.std() / np.sqrt(400)
    assert estimate.high - estimate.low == pytest.approx(2 * margin, rel=0.05)


@pytest.mark.parametrize("confidence", [0.0, 95.0])
def test_refuses_a_confidence_that_is_no_share(confidence):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        percentile_interval(0.0, VALUES, confidence)
