import numpy as np
import pytest

from interpreting_clip.statistics.curved_line import KNEE_LEVEL, baseline_lines, fit_curve
from interpreting_clip.statistics.logit_line import expit, logit

RNG = np.random.default_rng(0)
IMAGENET = np.sort(RNG.uniform(0.45, 0.9, size=60))
X = logit(IMAGENET)
KNEE = float(logit(np.array([0.75]))[0])
BENT = 0.8 * X - 1.5 + 3 * np.maximum(X - KNEE, 0)
FAMILIES = np.arange(60) // 3


def curve(y, resamples=50, seed=0, families=None):
    return fit_curve(IMAGENET, expit(y), resamples, seed, families)


def slow_best(y):
    """Try every knee with an ordinary least-squares fit."""
    best = (np.inf, 0.0, np.zeros(3))
    for knee in IMAGENET[6:-6]:
        hinge = np.maximum(X - logit(np.array([knee])), 0)
        design = np.stack([X, np.ones(60), hinge], axis=1)
        fit = np.linalg.lstsq(design, y, rcond=None)[0]
        left = float(np.sum((y - design @ fit) ** 2))
        if fit[0] > 0 and fit[0] + fit[2] > 0 and left < best[0]:
            best = (left, float(knee), fit)
    return best


def test_is_the_least_squares_fit_over_all_knees():
    y = BENT + RNG.normal(scale=0.2, size=60)
    found = curve(y)
    assert found
    line, _ = found
    left, knee, fit = slow_best(y)
    assert line.knee == pytest.approx(knee)
    assert (line.slope, line.intercept, line.bend) == pytest.approx(fit)
    predicted = logit(line.predict(IMAGENET))
    assert np.sum((y - predicted) ** 2) == pytest.approx(left)
    assert line.r_squared == pytest.approx(1 - left / np.sum((y - y.mean()) ** 2))


def test_both_pieces_rise():
    """Where the best knee has a falling piece, another one or the straight line is taken."""
    falling = 2 * X - 4 * np.maximum(X - KNEE, 0)
    found = curve(falling + RNG.normal(scale=0.1, size=60))
    assert found is None or (found[0].slope > 0 and found[0].slope + found[0].bend > 0)
    drawn = curve(BENT + RNG.normal(scale=0.6, size=60), resamples=500)
    assert drawn and (drawn[1].slope > 0).all() and (drawn[1].slope + drawn[1].bend > 0).all()


@pytest.mark.parametrize("families", [None, FAMILIES])
def test_a_straight_line_has_a_knee_as_rarely_as_stated(families):
    rng = np.random.default_rng(1)
    knees = 0
    for seed in range(200):
        common = rng.normal(scale=0.2, size=20)[FAMILIES] if families is not None else 0.0
        # Models scatter more where they are accurate, as the standard models do.
        noise = rng.normal(scale=0.1 + 0.2 * (X > KNEE), size=60) + common
        knees += curve(1.1 * X - 1 + noise, seed=seed, families=families) is not None
    # 2 of 200 are expected; 8 or more have a probability of .001 if the level holds.
    assert knees < 8
    assert KNEE_LEVEL == 0.01


def test_resamples_cover_the_planted_curve_as_often_as_stated():
    rng = np.random.default_rng(2)
    at = np.array([0.55, 0.7, 0.85])
    truth = expit(0.8 * logit(at) - 1.5 + 3 * np.maximum(logit(at) - KNEE, 0))
    held = []
    for seed in range(200):
        noise = rng.normal(scale=0.15, size=60) + rng.normal(scale=0.15, size=20)[FAMILIES]
        found = curve(BENT + noise, resamples=200, seed=seed, families=FAMILIES)
        assert found
        drawn = np.stack([found[1].predict(np.full(200, x)) for x in at])
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        held.append((low <= truth) & (truth <= high))
    np.testing.assert_allclose(np.mean(held, axis=0), 0.95, atol=0.045)


def test_too_few_models_on_a_side_have_no_knee():
    few = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    assert fit_curve(few, few**3, 5, 0) is None
    # Three families leave no degree of freedom for a line with a knee.
    assert curve(BENT, families=np.arange(60) // 20) is None


def test_only_shifts_with_a_knee_have_a_curve():
    noise = RNG.normal(scale=0.1, size=60)
    shifts = {"bent": expit(BENT + noise), "straight": expit(0.9 * X - 0.5 + noise)}
    found = baseline_lines(dict.fromkeys(shifts, IMAGENET), shifts, 20, 0)
    assert [*found.curves] == [*found.resampled_curves] == ["bent"]
    assert found.curved.lines["straight"] is found.lines["straight"]
    assert found.curved.lines["bent"] is found.curves["bent"] is not found.lines["bent"]
    assert found.curved.resampled["bent"] is found.resampled_curves["bent"]
