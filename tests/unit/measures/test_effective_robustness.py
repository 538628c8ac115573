from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.formats.result import plain
from interpreting_clip.measures.effective_robustness import (
    NATURAL,
    STYLE,
    Settings,
    above_line,
    compare_with_lines,
    robustness_on_own_shift,
)
from interpreting_clip.statistics.accuracy_draws import MeasuredAccuracy
from interpreting_clip.statistics.curved_line import ShiftLines, baseline_lines
from interpreting_clip.statistics.intervals import wilson_interval
from interpreting_clip.statistics.logit_line import (
    ResampledLines,
    expit,
    fit_line,
    logit,
    resample_lines,
)
from interpreting_clip.statistics.standard_limit import StandardModels, standard_limit
from interpreting_clip.statistics.standard_spread import standard_spread

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.4, 0.9, size=60)
STANDARD = {
    "near": expit(0.9 * logit(IMAGENET) - 0.5 + RNG.normal(scale=0.05, size=60)),
    "far": expit(1.5 * logit(IMAGENET) - 2 + RNG.normal(scale=0.3, size=60)),
}
LINES = {shift: fit_line(IMAGENET, accuracies) for shift, accuracies in STANDARD.items()}
RESAMPLED = {shift: resample_lines(IMAGENET, acc, 2000, 0) for shift, acc in STANDARD.items()}


def straight(lines: Any, resampled: Any) -> ShiftLines:
    return ShiftLines(lines, resampled, {}, {})


STRAIGHT = straight(LINES, RESAMPLED)
DIAGONAL = fit_line(IMAGENET, IMAGENET)
# The line through 0.5 and 0.5, and nothing but the images is uncertain.
FIXED = straight(
    dict.fromkeys(STANDARD, DIAGONAL),
    dict.fromkeys(STANDARD, ResampledLines(np.full(9999, 1.0), np.full(9999, 0.0))),
)


def share(fraction: float, images: int | None = None) -> MeasuredAccuracy:
    return MeasuredAccuracy(fraction, images, 10)


def estimate(start, shifts, lines=STRAIGHT, **how) -> Any:
    if not isinstance(start, dict):
        start = dict.fromkeys(list(shifts), start)
    return compare_with_lines(share(0.7), shifts, lines=lines, starts=start, **how)


def with_distances(residuals) -> StandardModels:
    return StandardModels(IMAGENET, residuals, residuals)


def width(one):
    return one.high - one.low


def test_is_the_height_above_the_line_in_points():
    assert above_line(0.6, 0.75, DIAGONAL).tolist() == pytest.approx([15])
    found = estimate(share(0.7), {"near": share(0.6), "far": share(0.5)})
    at = np.array([0.7])
    heights = [60 - 100 * LINES["near"].predict(at)[0], 50 - 100 * LINES["far"].predict(at)[0]]
    assert [one.robustness.value for one in found.per_shift.values()] == pytest.approx(heights)
    assert found.robustness.value == pytest.approx(np.mean(heights))
    assert (found.shift_accuracy, found.models) == (pytest.approx(55), 60)


def test_a_standard_model_has_none():
    values = above_line(IMAGENET, STANDARD["far"], LINES["far"])
    assert np.mean(values) == pytest.approx(0, abs=3 * np.std(values) / np.sqrt(60))


@pytest.mark.parametrize("points", [0, 10])
def test_intervals_hold_the_planted_robustness_as_often_as_stated(points):
    rng, held, images = np.random.default_rng(0), [], 2000
    for seed in range(200):
        x, common, at = rng.normal(1.8, 1.3, 16), rng.normal(size=16), rng.uniform(1.8, 3.1)
        # Residuals in logits are correlated between shifts, as in the miniature.
        noise = {shift: 0.4 * (common + rng.normal(size=16)) for shift in STANDARD}
        lines = baseline_lines(
            dict.fromkeys(STANDARD, expit(x)),
            {shift: expit(0.6 * x - 1 + one) for shift, one in noise.items()},
            resamples=100,
            seed=seed,
        )
        imagenet, on_line = expit(np.array([at, 0.6 * at - 1]))
        start, *shifts = (
            share(rng.binomial(images, truth) / images, images)
            for truth in (imagenet, *[on_line + points / 100] * 2)
        )
        shifts = dict(zip(STANDARD, shifts, strict=True))
        found = estimate(start, shifts, lines, settings=Settings(seed=seed))
        every = (found.per_shift["near"].robustness, found.robustness)
        held.append([one.low <= points <= one.high for one in every])
    # Percentiles of 100 draws hold the truth with a probability of 0.95 · 99 / 101.
    stated = 0.95 * 99 / 101
    error = 3.5 * np.sqrt(stated * (1 - stated) / 200)
    np.testing.assert_allclose(np.mean(held, axis=0), stated, atol=error)


def test_photographs_and_renditions_have_means_of_their_own():
    shifts = {shift: share(0.6 - i / 10) for i, shift in enumerate((*NATURAL, *STYLE))}
    lines = straight(*(dict.fromkeys(shifts, one["near"]) for one in (LINES, RESAMPLED)))
    residuals = {shift: i * IMAGENET for i, shift in enumerate(shifts, 1)}
    found = estimate(share(0.7), shifts, lines, standard=with_distances(residuals))
    for mean, spread, kind in (
        (found.natural, found.natural_spread, NATURAL),
        (found.style, found.style_spread, STYLE),
    ):
        each = [found.per_shift[shift].robustness.value for shift in kind]
        assert mean.value == pytest.approx(np.mean(each))
        assert vars(spread) == vars(standard_spread([residuals[s] for s in kind], 0.95))
    assert vars(found.spread) == vars(standard_spread([*residuals.values()], 0.95))
    assert estimate(share(0.7), {"near": share(0.6)}).natural is None


def test_what_was_not_measured_has_no_entry_and_changes_no_other():
    both = {"near": share(0.6, 100), "far": share(0.5, 100)}
    found = estimate(share(0.7, 100), both | {"near": None})
    whole = estimate(share(0.7, 100), both)
    assert list(found.per_shift) == found.compared == ["far"]
    assert found.robustness == whole.per_shift["far"].robustness
    # There is no mean without a shift that could have been given.
    lacking = estimate(share(0.7, 100), both | {"near": None}, reasons={"near": "x"})
    assert lacking.robustness is lacking.shift_accuracy is None
    assert lacking.per_shift["far"].robustness and [*lacking.reasons] == ["near"]


def test_what_does_not_compare_has_an_accuracy_alone():
    shifts = {"near": share(0.6, 100), "none": share(0.2, 50)}
    found = estimate({"near": share(0.7)}, shifts, reasons={"none": "no line"})
    one = found.per_shift["none"]
    assert (one.robustness, one.imagenet) == (None, None) and found.reasons == {"none": "no line"}
    ends = 100 * np.array(wilson_interval(0.2, 50, 0.95).ends)
    assert one.accuracy.value == 20 and one.accuracy.ends == pytest.approx(tuple(ends))
    assert (one.images, one.classes, one.guessing) == (50, 10, 10.0)
    assert found.shift_accuracy == pytest.approx(60) and found.compared == ["near"]


def test_an_own_shift_is_measured_like_one_that_follows_those_of_the_testbed():
    accuracy, start = share(0.5, 100), share(0.7, 90)
    shifts = {**dict.fromkeys((*NATURAL, *STYLE), share(0.6, 80)), "mine": accuracy}
    lines = straight(*(dict.fromkeys(shifts, one["far"]) for one in (LINES, RESAMPLED)))
    standard = with_distances(dict.fromkeys(shifts, 2 * IMAGENET))
    whole = estimate(start, shifts, lines, standard=standard)
    found = robustness_on_own_shift("mine", accuracy, start, lines=lines, standard=standard)
    assert found.spread and plain(found) == plain(whole.per_shift["mine"])
    height = 50 - 100 * LINES["far"].predict(np.array([0.7]))[0]
    assert found.robustness and found.robustness.value == pytest.approx(height)


def test_an_own_shift_that_does_not_compare_has_an_accuracy_alone():
    for lines in (straight({}, {}), STRAIGHT):
        found = robustness_on_own_shift(
            "far", share(0.5, 100), share(0.7, 90), lines=lines, reason="no line"
        )
        assert (found.robustness, found.spread, found.left_out) == (None, None, "no line")
        assert (found.accuracy.value, found.imagenet) == (50, pytest.approx(70))


CURVED = replace(
    FIXED,
    curves={"far": replace(DIAGONAL, slope=1.0, intercept=0.0, knee=0.6, bend=2.0)},
    resampled_curves={"far": ResampledLines(*(np.full(9999, x) for x in (1.0, 0.0, 0.6, 2.0)))},
)


def test_a_curved_line_changes_what_is_above_its_knee_and_nothing_else():
    shifts = {"near": share(0.5, 400), "far": share(0.5, 400)}
    below, above = (estimate(share(at), shifts, CURVED) for at in (0.55, 0.7))
    plain_one = estimate(share(0.7), shifts, FIXED)
    assert plain(below.curved.robustness) == pytest.approx(plain(below.robustness))
    assert below.curved.knees == {"far": pytest.approx(60)}
    # logit(0.7) + 2 (logit(0.7) - logit(0.6))
    odds = 7 / 3 * (7 / 3 / 1.5) ** 2
    on_curve = 50 - 100 * odds / (1 + odds)
    assert above.curved.per_shift["far"].value == pytest.approx(on_curve)
    assert above.curved.robustness.value == pytest.approx((on_curve - 20) / 2)
    # The straight line's numbers and draws stay.
    assert above.robustness == plain_one.robustness and above.draws == plain_one.draws
    assert plain_one.curved.draws == plain_one.draws and plain_one.curved.knees == {}


def test_is_robust_if_the_interval_lies_above_the_limit_at_its_accuracy():
    shifts: dict[str, MeasuredAccuracy] = dict.fromkeys((*NATURAL[:2], *STYLE), share(0.75))
    lines = straight(
        *(dict.fromkeys(shifts, one["near"]) for one in (FIXED.lines, FIXED.resampled))
    )
    residuals = np.where(np.arange(60) % 2, 1.0, -1.0) * IMAGENET
    standard = with_distances(dict.fromkeys(shifts, residuals))
    limit = standard_limit(IMAGENET, residuals, 0.95)
    found = estimate(share(0.7), shifts, lines, standard=standard)
    assert limit and found.curved.limit == limit.at(0.7) and found.curved.limit < 5
    assert found.is_robust and found.is_robust_on_straight_lines
    wide = replace(standard, curved_residuals=dict.fromkeys(shifts, 5 * residuals))
    found = estimate(share(0.7), shifts, lines, standard=wide)
    assert (found.is_robust, found.is_robust_on_straight_lines) == (False, True)
    assert any("decide otherwise" in note for note in found.notes)
    # Three shifts have no limit, and neither has an encoder outside the models' range.
    three = {shift: shifts[shift] for shift in [*shifts][:3]}
    assert estimate(share(0.7), three, lines, standard=standard).is_robust is None
    narrow = replace(standard, imagenet=IMAGENET / 2)
    assert estimate(share(0.7), shifts, lines, standard=narrow).curved.limit is None


def test_says_which_shifts_line_is_extrapolated():
    narrow = LINES | {"far": replace(LINES["far"], low=0.75)}
    for at, expected in ((0.8, []), (0.7, ["far"]), (0.2, [*LINES])):
        lines = replace(STRAIGHT, lines=narrow)
        found = estimate(share(at), {"near": share(0.6), "far": share(0.5)}, lines)
        assert found.extrapolated_shifts == expected and found.extrapolated == len(expected)


@pytest.mark.parametrize(("fraction", "images"), [(0.6, 500), (0.0, 10)])
def test_with_a_fixed_line_the_interval_is_that_of_jeffreys_posterior(fraction, images):
    right, shifts = fraction * images, {"near": share(fraction, images)}
    found = estimate(share(0.7), shifts, FIXED).robustness
    ends = 100 * stats.beta(right + 0.5, images - right + 0.5).ppf([0.025, 0.975]) - 70
    assert found.ends == pytest.approx(tuple(ends), rel=0.05, abs=0.1)


def test_each_shift_is_read_at_its_own_imagenet_accuracy():
    """Parts of the same images do not average out: their draws go together."""
    starts = {"near": share(0.7, 400), "far": share(0.4, 900)}
    found = estimate(starts, dict.fromkeys(STANDARD, share(0.5)), FIXED)
    for name, right, images in (("near", 280, 400), ("far", 360, 900)):
        ends = 50 - 100 * stats.beta(right + 0.5, images - right + 0.5).ppf([0.975, 0.025])
        one = found.per_shift[name].robustness
        assert one.value == pytest.approx(50 - 100 * right / images)
        assert (one.low, one.high) == pytest.approx(tuple(ends), abs=0.15)
    widths = [width(one.robustness) for one in found.per_shift.values()]
    assert width(found.robustness) == pytest.approx(np.mean(widths), rel=0.01)


def test_draws_of_the_mean_can_be_subtracted_from_another_encoder_s():
    rng = np.random.default_rng(1)
    one = (rng.uniform(size=400) < 0.6).astype(float)
    # 8 images differ.
    similar = np.where(np.arange(400) % 50 == 0, 1 - one, one)
    found = [
        estimate(share(0.7, 400), {name: MeasuredAccuracy.of_images(x, 10) for name in STANDARD})
        for x in (one, one, similar)
    ]
    first, same, other = (np.array(each.draws) for each in found)
    assert len(first) == 2000 and (first == same).all()
    ends = np.quantile(first, [0.025, 0.975])
    assert found[0].robustness.ends == pytest.approx(tuple(ends), abs=1e-4)
    assert np.std(first - other) < np.std(first) / 3
    # The known images give the same interval of one encoder as their number does.
    counted = estimate(share(0.7, 400), dict.fromkeys(STANDARD, share(float(one.mean()), 400)))
    assert width(found[0].robustness) == pytest.approx(width(counted.robustness), rel=0.1)
    lacking = estimate(share(0.7), {"near": share(0.6), "far": None}, reasons={"far": "x"})
    assert lacking.draws == []
