import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from stages.measures.logit_line import baseline_lines, expit, fit_line, logit, resample_lines

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


def test_the_ends_of_the_scale_have_their_limits():
    ends = np.array([0.0, 1.0])
    assert fit_line(IMAGENET, SHIFT).predict(ends).tolist() == [0.0, 1.0]
    flat = fit_line(IMAGENET, np.full(40, 0.5))
    assert (flat.slope, flat.r_squared, flat.predict(ends).tolist()) == (0.0, 1.0, [0.5, 0.5])


def test_resampled_lines_agree_with_weighted_polyfit():
    missing = np.where(np.arange(40) == 3, np.nan, SHIFT)
    lines = resample_lines(IMAGENET, missing, resamples=5, seed=4)
    # A model keeps its weight on every shift, so weights are drawn for the missing one as well.
    weights = np.delete(np.random.default_rng(4).standard_exponential((5, 40)), 3, axis=1)
    x, y = logit(np.delete(IMAGENET, 3)), logit(np.delete(SHIFT, 3))
    for slope, intercept, weight in zip(lines.slope, lines.intercept, weights, strict=True):
        assert (slope, intercept) == pytest.approx(tuple(np.polyfit(x, y, 1, w=np.sqrt(weight))))


def test_resampled_slopes_spread_like_those_of_drawn_models():
    generator, x, y = np.random.default_rng(1), logit(IMAGENET), logit(SHIFT)
    drawn = [generator.integers(40, size=40) for _ in range(2000)]
    plain = np.std([np.polyfit(x[models], y[models], 1)[0] for models in drawn])
    lines = resample_lines(IMAGENET, SHIFT, resamples=2000, seed=0)
    assert lines.slope.std() == pytest.approx(plain, rel=0.1)
    assert lines.slope.mean() == pytest.approx(fit_line(IMAGENET, SHIFT).slope, abs=0.01)


def test_resampled_lines_of_few_models_stay_finite():
    lines = resample_lines(IMAGENET[:3], SHIFT[:3], resamples=2000, seed=0)
    assert np.isfinite(lines.slope).all()
    assert np.isfinite(lines.predict(np.full(2000, 0.7))).all()


def test_every_shift_has_its_line_and_its_resamples():
    shifts = {"near": SHIFT, "far": SHIFT**2}
    lines, resampled = baseline_lines(IMAGENET, shifts, resamples=3, seed=1)
    assert lines == {shift: fit_line(IMAGENET, values) for shift, values in shifts.items()}
    far = resample_lines(IMAGENET, SHIFT**2, resamples=3, seed=1)
    assert resampled["far"].slope.tolist() == far.slope.tolist()


def test_a_refusal_names_the_shift():
    with pytest.raises(ValueError, match="shift far: model 0"):
        baseline_lines(IMAGENET, {"near": SHIFT, "far": 100 * SHIFT}, resamples=3, seed=1)


@pytest.mark.parametrize(
    ("imagenet", "shift", "message"),
    [
        (100 * IMAGENET, 100 * SHIFT, "divide percentages by 100"),
        (IMAGENET[:3], np.array([0.2, 0.0, 0.3]), "2 of 3 models"),
        (np.full(40, 0.7), SHIFT, "same ImageNet accuracy"),
    ],
)
def test_refuses_accuracies_that_no_line_fits(imagenet, shift, message):
    with pytest.raises(ValueError, match=message):
        fit_line(imagenet, shift)


def test_refuses_no_resamples():
    with pytest.raises(ValueError, match="at least one"):
        resample_lines(IMAGENET, SHIFT, resamples=0, seed=0)
