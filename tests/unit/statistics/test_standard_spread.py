import numpy as np
import pytest
from scipy import stats

from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.statistics.logit_line import expit, fit_line, logit
from interpreting_clip.statistics.standard_spread import line_residuals, standard_spread

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.4, 0.9, size=40)
SHIFT = expit(0.9 * logit(IMAGENET) - 0.5 + RNG.normal(scale=0.2, size=40))


def spread(*residuals, confidence=0.95):
    found = standard_spread(residuals, confidence)
    assert found
    return found


def test_spread_of_five_models_by_hand():
    found = spread(np.array([3.0, -1.0, 0.0, 1.0, -1.0]))
    assert found.deviation == pytest.approx(2)  # sqrt(12 / 3)
    # Student's t of 3 degrees of freedom
    assert found.limit == pytest.approx(3.182446 * 2 * np.sqrt(1.2))
    assert (found.largest, found.models) == (3, 5)


def test_residuals_are_the_standard_models_own_effective_robustness():
    line = fit_line(IMAGENET, SHIFT)
    expected = [above_line(x, y, line)[0] for x, y in zip(IMAGENET, SHIFT, strict=True)]
    assert line_residuals(IMAGENET, SHIFT, line) == pytest.approx(expected)
    unknown = SHIFT.copy()
    unknown[:3] = np.nan, 0.0, 1.0
    residuals = line_residuals(IMAGENET, unknown, line)
    assert np.isnan(residuals).nonzero()[0].tolist() == [0, 1, 2]
    assert residuals[3:] == pytest.approx(expected[3:])


def test_the_mean_is_over_models_that_have_all_shifts():
    first, second = RNG.normal(size=(2, 10))
    first[0] = second[1] = np.nan
    found = spread(first, second)
    assert found.models == 8
    assert found.deviation == pytest.approx(np.sqrt(np.sum(((first + second)[2:] / 2) ** 2) / 6))
    # Distances that are the same on both shifts do not average out.
    assert spread(first, first).deviation == pytest.approx(spread(first).deviation)


def test_one_more_standard_model_lies_within_the_limit_as_often_as_stated():
    drawn = RNG.normal(scale=3, size=(2000, 17))
    inside = [abs(row[0]) <= spread(row[1:], confidence=0.8).limit for row in drawn]
    # Two degrees of freedom are those of a line, which is known here.
    exact = 1 - 2 * stats.t(16).sf(stats.t(14).ppf(0.9) * np.sqrt(17 / 14))
    assert np.mean(inside) == pytest.approx(exact, abs=0.03)


def test_an_interval_has_to_lie_beyond_the_limit():
    found = spread(np.array([3.0, -1.0, 0.0, 1.0, -1.0]))
    assert found.is_exceeded_by(Estimate(8, 7, 9))
    assert not found.is_exceeded_by(Estimate(8, 6.9, 9))
    assert not found.is_exceeded_by(Estimate(-8, -9, -7))


def test_too_few_models_have_no_spread():
    assert standard_spread([np.array([1.0, 2.0, np.nan])], 0.95) is None
    assert standard_spread([], 0.95) is None
