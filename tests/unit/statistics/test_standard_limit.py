import numpy as np
import pytest
from scipy import optimize, stats

from interpreting_clip.statistics.logit_line import logit
from interpreting_clip.statistics.standard_limit import StandardModels, standard_limit

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.5, 0.85, size=80)
X = logit(IMAGENET)
RESIDUALS = RNG.normal(scale=np.exp(0.2 + 0.8 * X))
FAMILIES = np.arange(80) // 4


def limit(residuals=RESIDUALS, families=None, confidence=0.95, imagenet=IMAGENET):
    found = standard_limit(imagenet, residuals, confidence, families)
    assert found
    return found


def test_is_the_maximum_likelihood_of_a_log_linear_spread():
    def loss(c):
        return -stats.norm.logpdf(RESIDUALS, scale=np.exp(c[0] + c[1] * X)).sum()

    best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8}).x
    found = limit(families=FAMILIES)
    # 20 families: Student's t of 18 degrees of freedom.
    factor = stats.t(18).ppf(0.975) * np.sqrt(20 / 18 * 21 / 20)
    assert found.rise == pytest.approx(best[1], abs=1e-5)
    expected = factor * np.exp(best[0] + best[1] * logit(np.array([0.7]))[0])
    assert found.at(0.7) == pytest.approx(expected, rel=1e-5)
    assert (found.models, found.families) == (80, 20)


def test_scales_with_the_residuals_and_ignores_what_is_unknown():
    one, three = limit().at(0.7), limit(3 * RESIDUALS).at(0.7)
    assert one and three == pytest.approx(3 * one)
    more = limit(np.append(RESIDUALS, np.nan), imagenet=np.append(IMAGENET, 0.99))
    assert more == limit()


def test_equal_spread_gives_an_equal_limit():
    found = limit(np.where(np.arange(80) % 2, 2.0, -2.0))
    assert found.rise == pytest.approx(0, abs=1e-9)
    factor = stats.t(78).ppf(0.975) * np.sqrt(80 / 78 * 81 / 80)
    assert found.at(0.6) == pytest.approx(2 * factor)


def test_has_none_outside_the_range_of_the_models():
    found = limit()
    assert found.at(IMAGENET.min()) and found.at(IMAGENET.max())
    assert found.at(IMAGENET.min() - 0.001) is found.at(0.9) is None


def test_one_more_model_of_another_family_lies_within_as_often_as_stated():
    rng = np.random.default_rng(1)
    by_family, by_model = [], []
    for _ in range(400):
        x = rng.uniform(0, 1.7, size=49)
        families = np.append(np.arange(48) // 4, 12)
        common = rng.normal(scale=0.9, size=13)[families]
        residuals = np.exp(0.2 + 0.8 * x) * (common + rng.normal(scale=0.45, size=49))
        imagenet, others = 1 / (1 + np.exp(-x)), slice(0, 48)
        for inside, groups in ((by_family, families[others]), (by_model, None)):
            found = standard_limit(imagenet[others], residuals[others], 0.95, groups)
            allowed = np.exp(found.level + found.rise * x[48]) if found else np.nan
            inside.append(abs(residuals[48]) <= allowed)
    assert np.mean(by_family) == pytest.approx(0.95, abs=0.03)
    assert np.mean(by_model) < np.mean(by_family)


def test_a_mean_over_fewer_than_four_shifts_has_no_limit():
    each = dict.fromkeys("abcde", RESIDUALS)
    models = StandardModels(IMAGENET, each, each)
    four, five = models.limit([*"abcd"], 0.95), models.limit([*"abcde"], 0.95)
    assert four and five and four.at(0.7) == pytest.approx(limit().at(0.7))
    assert five.at(0.7) == pytest.approx(limit().at(0.7))
    assert models.limit([*"abc"], 0.95) is models.limit([*"abcx"], 0.95) is None
    assert models.spread(["a"], 0.95) and models.spread(["x"], 0.95) is None


def test_two_families_have_no_limit():
    assert standard_limit(IMAGENET, RESIDUALS, 0.95, np.arange(80) // 40) is None
