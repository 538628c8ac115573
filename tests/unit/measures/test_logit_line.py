import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression

from interpreting_clip.measures.logit_line import (
    baseline_lines,
    expit,
    fit_line,
    logit,
    resample_lines,
)

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.5, 0.9, size=40)
SHIFT = expit(1.2 * logit(IMAGENET) - 1 + RNG.normal(scale=0.2, size=40))


def test_finds_the_line_that_models_lie_on():
    line = fit_line(IMAGENET, expit(1.7 * logit(IMAGENET) - 0.4))
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((1.7, -0.4, 1.0))
    np.testing.assert_allclose(line.predict(np.array([0.5])), expit(np.array([-0.4])), rtol=1e-12)


def test_errors_in_place_of_accuracies_mirror_the_line():
    line, mirrored = fit_line(IMAGENET, SHIFT), fit_line(1 - IMAGENET, 1 - SHIFT)
    assert (mirrored.slope, mirrored.intercept) == pytest.approx((line.slope, -line.intercept))


def test_agrees_with_polyfit_and_scikit_learn():
    line, x, y = fit_line(IMAGENET, SHIFT), logit(IMAGENET), logit(SHIFT)
    assert (line.slope, line.intercept) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    score = LinearRegression().fit(x[:, None], y).score(x[:, None], y)
    assert line.r_squared == pytest.approx(score)


def test_unrelated_accuracies_explain_nothing():
    line = fit_line(RNG.uniform(0.2, 0.8, size=2000), RNG.uniform(0.2, 0.8, size=2000))
    assert line.r_squared < 0.01
    assert line.slope == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_model_without_a_logit_is_left_out(value):
    line = fit_line(np.append(IMAGENET, 0.7), np.append(SHIFT, value))
    assert line == fit_line(IMAGENET, SHIFT)
    assert line.models == 40


def test_a_line_is_extrapolated_outside_the_models_that_it_was_fitted_to():
    with_gap = np.append(SHIFT, [np.nan, 0.0])
    line = fit_line(np.append(IMAGENET, [0.1, 0.95]), with_gap)
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
    for i in range(5):
        noise = normal[i] * (y - fitted) / (1 - leverage) / np.sqrt(squares[i].sum() / 37)
        expected = np.polyfit(x, fitted + noise, 1)
        assert (lines.slope[i], lines.intercept[i]) == pytest.approx(tuple(expected))


def test_equal_residuals_give_the_quantiles_of_student():
    """Place models at each of two accuracies, equally far above and below the line."""
    models = 6
    x, sign = np.repeat([0.0, 1.0], models), np.tile([1.0, -1.0], models)
    lines = resample_lines(expit(x), expit(2 * x + 0.1 * sign), resamples=40_000, seed=0)
    leverage = 1 / models
    spread = 0.1 / (1 - leverage) * np.sqrt(2 / models)
    for share in (0.6, 0.9, 0.975):
        expected = 2 + spread * stats.t(2 * models - 2).ppf(share)
        assert np.quantile(lines.slope, share) == pytest.approx(expected, abs=0.03 * spread)


def test_drawn_lines_of_few_models_stay_finite():
    """A model that is alone at its accuracy has leverage 1: the line goes through it."""
    alone = IMAGENET[:3].copy()
    alone[1] = alone[0]
    for few in (IMAGENET[:3], alone):
        lines = resample_lines(few, SHIFT[:3], resamples=2000, seed=0)
        assert np.isfinite(lines.slope).all()
        assert np.isfinite(lines.predict(np.full(2000, 0.7))).all()


def test_every_shift_has_its_line_and_its_resamples():
    shifts = {"near": SHIFT, "far": SHIFT**2}
    lines, resampled = baseline_lines(dict.fromkeys(shifts, IMAGENET), shifts, resamples=3, seed=1)
    assert lines == {shift: fit_line(IMAGENET, values) for shift, values in shifts.items()}
    far = resample_lines(IMAGENET, SHIFT**2, resamples=3, seed=1)
    assert resampled["far"].slope.tolist() == far.slope.tolist()


@pytest.mark.parametrize(
    ("imagenet", "shift", "message"),
    [
        (100 * IMAGENET, 100 * SHIFT, "by 100"),
        (IMAGENET[:3], np.array([0.2, 0.0, 0.3]), "2 of 3 models"),
        (np.full(40, 0.7), SHIFT, "same ImageNet accuracy"),
    ],
)
def test_refuses_accuracies_that_no_line_fits(imagenet, shift, message):
    with pytest.raises(ValueError, match=message):
        fit_line(imagenet, shift)
