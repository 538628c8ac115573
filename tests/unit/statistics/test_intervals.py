from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.statistics import intervals
from interpreting_clip.statistics.intervals import (
    bootstrap_mean,
    jackknife_interval,
    percentile_interval,
    wilson_interval,
)
from interpreting_clip.statistics.random_numbers import generator

VALUES = np.random.default_rng(0).exponential(size=400)


def test_the_interval_holds_the_middle_draws():
    estimate = percentile_interval(50.0, np.arange(101.0), confidence=0.9)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((50.0, 5.0, 95.0))


def test_agrees_with_drawing_one_resample_after_another(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS_AT_A_TIME", 1000)
    rng = generator(3, "bootstrap of images")
    plain = [VALUES[rng.integers(400, size=400)].mean() for _ in range(100)]
    expected = percentile_interval(VALUES.mean(), np.array(plain), 0.9)
    found = bootstrap_mean(VALUES, resamples=100, confidence=0.9, seed=3)
    assert astuple(found) == pytest.approx(astuple(expected), rel=1e-14)


def test_a_fraction_has_wilson_s_interval():
    found = wilson_interval(0.1, 20, 0.95)
    # Equation 4 of Brown, Cai & DasGupta (2001), by hand.
    assert (found.low, found.high) == pytest.approx((0.0278665, 0.3010336), abs=1e-6)
    for right, images, confidence in ((0, 7, 0.9), (7, 7, 0.9), (150, 1000, 0.5), (1, 1, 0.99)):
        found = wilson_interval(right / images, images, confidence)
        oracle = stats.binomtest(right, images).proportion_ci(confidence, "wilson")
        assert found.ends == pytest.approx(tuple(oracle), abs=1e-12)
        assert 0 <= found.ends[0] <= found.value <= found.ends[1] <= 1


def test_the_jackknife_of_a_mean_has_its_standard_error():
    values = np.random.default_rng(0).normal(size=50)
    without = np.array([np.delete(values, place).mean() for place in range(len(values))])
    found = jackknife_interval(float(values.mean()), without, 0.95)
    reach = stats.norm.ppf(0.975) * values.std(ddof=1) / len(values) ** 0.5
    assert found.ends == pytest.approx((values.mean() - reach, values.mean() + reach))
