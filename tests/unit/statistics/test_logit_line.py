import numpy as np
import pytest
from scipy import stats

from interpreting_clip.statistics.logit_line import expit, fit_line, logit, resample_lines

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.5, 0.9, size=40)
SHIFT = expit(1.2 * logit(IMAGENET) - 1 + RNG.normal(scale=0.2, size=40))


def test_finds_the_line_that_models_lie_on():
    line = fit_line(IMAGENET, expit(1.7 * logit(IMAGENET) - 0.4))
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((1.7, -0.4, 1.0))
    np.testing.assert_allclose(line.predict(np.array([0.5])), expit(np.array([-0.4])), rtol=1e-12)


def test_agrees_with_numpy_and_errors_in_place_of_accuracies_mirror_the_line():
    line, mirrored = fit_line(IMAGENET, SHIFT), fit_line(1 - IMAGENET, 1 - SHIFT)
    x, y = logit(IMAGENET), logit(SHIFT)
    assert (line.slope, line.intercept) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    assert line.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert (mirrored.slope, mirrored.intercept) == pytest.approx((line.slope, -line.intercept))


def test_a_line_is_extrapolated_outside_the_models_that_it_was_fitted_to():
    # Models without a logit are left out.
    line = fit_line(np.append(IMAGENET, [0.1, 0.95, 0.2]), np.append(SHIFT, [np.nan, 0.0, 1.0]))
    assert line == fit_line(IMAGENET, SHIFT) and line.models == 40
    assert (line.low, line.high) == (IMAGENET.min(), IMAGENET.max())
    ends = (line.low - 1e-3, line.low, 0.7, line.high, line.high + 1e-3)
    assert [line.is_extrapolated(end) for end in ends] == [True, False, False, False, True]
    # A line that was written with six decimals and read back still covers its own models.
    assert not any(line.is_extrapolated(round(end, 6)) for end in (line.low, line.high))


def test_the_ends_of_the_scale_have_their_limits():
    ends = np.array([0.0, 1.0])
    assert fit_line(IMAGENET, SHIFT).predict(ends).tolist() == [0.0, 1.0]
    flat = fit_line(IMAGENET, np.full(40, 0.5))
    assert (flat.slope, flat.r_squared, flat.predict(ends).tolist()) == (0.0, 1.0, [0.5, 0.5])


def test_drawn_lines_are_refits_to_scaled_residuals():
    """Compare with numpy's polyfit and leverages; one model has no accuracy on this shift."""
    missing = np.where(np.arange(40) == 3, np.nan, SHIFT)
    lines = resample_lines(IMAGENET, missing, resamples=5, seed=4)
    generator = np.random.default_rng(4)
    # A model has the same numbers on every shift, so they are drawn for the missing one too.
    normal = np.delete(generator.standard_normal((5, 40)), 3, axis=1)
    squares = generator.standard_normal((5, 40))[:, :37] ** 2
    x, y = logit(np.delete(IMAGENET, 3)), logit(np.delete(SHIFT, 3))
    design = np.stack((x, np.ones(39)), axis=1)
    leverage = np.diag(design @ np.linalg.pinv(design))
    fitted = np.polyval(np.polyfit(x, y, 1), x)
    noise = normal * (y - fitted) / (1 - leverage) / np.sqrt(squares.sum(axis=1) / 37)[:, None]
    expected = np.polyfit(x, (fitted + noise).T, 1)
    np.testing.assert_allclose([lines.slope, lines.intercept], expected)


def test_equal_residuals_give_the_quantiles_of_student():
    """Place models at each of two accuracies, equally far above and below the line."""
    x, sign = np.repeat([0.0, 1.0], 6), np.tile([1.0, -1.0], 6)
    lines = resample_lines(expit(x), expit(2 * x + 0.1 * sign), resamples=40_000, seed=0)
    # Each model has a leverage of 1 / 6.
    spread, shares = 0.1 / (1 - 1 / 6) * np.sqrt(2 / 6), (0.6, 0.9, 0.975)
    expected = 2 + spread * stats.t(10).ppf(shares)
    np.testing.assert_allclose(np.quantile(lines.slope, shares), expected, atol=0.03 * spread)


def test_drawn_lines_of_few_models_stay_finite():
    """A model that is alone at its accuracy has leverage 1: the line goes through it."""
    for few in (IMAGENET[:3], IMAGENET[[0, 0, 2]]):
        lines = resample_lines(few, SHIFT[:3], resamples=2000, seed=0)
        assert np.isfinite(lines.predict(np.full(2000, 0.7))).all()


@pytest.mark.parametrize(
    ("imagenet", "shift", "message"),
    [
        (IMAGENET[:3], np.array([0.2, 0.0, 0.3]), "2 of 3 models"),
        (np.full(40, 0.7), SHIFT, "same ImageNet accuracy"),
    ],
)
def test_refuses_accuracies_that_no_line_fits(imagenet, shift, message):
    with pytest.raises(ValueError, match=message):
        fit_line(imagenet, shift)
