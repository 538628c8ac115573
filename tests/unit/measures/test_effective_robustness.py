import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.formats.published_accuracies import TESTBED
from interpreting_clip.measures.effective_robustness import (
    NATURAL,
    STYLE,
    Accuracy,
    accuracy_interval,
    effective_robustness,
    estimate_effective_robustness,
    robustness_curve,
)
from interpreting_clip.measures.logit_line import (
    ResampledLines,
    expit,
    fit_line,
    logit,
    resample_lines,
)
from tests.reads import ROOT

RNG = np.random.default_rng(0)
IMAGENET = RNG.uniform(0.4, 0.9, size=60)
STANDARD = {
    "near": expit(0.9 * logit(IMAGENET) - 0.5 + RNG.normal(scale=0.05, size=60)),
    "far": expit(1.5 * logit(IMAGENET) - 2 + RNG.normal(scale=0.3, size=60)),
}
LINES = {shift: fit_line(IMAGENET, accuracies) for shift, accuracies in STANDARD.items()}
RESAMPLED = {shift: resample_lines(IMAGENET, acc, 2000, 0) for shift, acc in STANDARD.items()}


def estimate(imagenet, shifts, resampled=RESAMPLED, confidence=0.95):
    return estimate_effective_robustness(
        imagenet, shifts, LINES, resampled, confidence=confidence, seed=0
    )


def test_is_the_height_above_the_line_in_points():
    line = fit_line(IMAGENET, IMAGENET)
    assert effective_robustness(imagenet=0.6, shift=0.75, line=line) == pytest.approx(15)


def test_the_mean_is_over_the_shifts():
    shifts = {"near": Accuracy(0.6, None), "far": Accuracy(0.5, None)}
    result = estimate(Accuracy(0.7, None), shifts)
    values = [effective_robustness(0.7, shifts[s].fraction, LINES[s]) for s in shifts]
    assert [result.shifts[shift].value for shift in shifts] == values
    assert result.mean.value == pytest.approx(np.mean(values))
    assert result.natural is result.style is None


def test_photographs_and_renditions_have_means_of_their_own():
    shifts = {shift: Accuracy(0.6, None) for shift in (*NATURAL, *STYLE)}
    lines = {s: fit_line(IMAGENET, expit(logit(IMAGENET) - i)) for i, s in enumerate(shifts)}
    drawn = {
        s: ResampledLines(np.array([0.9, 1.0, 1.1]), np.full(3, line.intercept))
        for s, line in lines.items()
    }
    found = estimate_effective_robustness(
        Accuracy(0.7, None), shifts, lines, drawn, confidence=0.5, seed=0
    )
    assert found.natural and found.style
    for mean, kind in ((found.natural, NATURAL), (found.style, STYLE)):
        assert mean.value == pytest.approx(np.mean([found.shifts[s].value for s in kind]))
        assert mean.low < mean.value < mean.high
    three, two = found.natural.value, found.style.value
    assert found.mean.value == pytest.approx((3 * three + 2 * two) / 5)


def test_a_curve_is_the_mean_over_shifts_at_every_fraction():
    imagenet = {"near": np.array([0.8, 0.7, 0.5]), "far": np.array([0.82, 0.6, 0.5])}
    shifts = {"near": np.array([0.7, 0.6, 0.4]), "far": np.array([0.5, 0.5, 0.1])}
    found = robustness_curve(imagenet, shifts, LINES)
    for i, one in enumerate(found):
        plain = [effective_robustness(imagenet[s][i], shifts[s][i], LINES[s]) for s in shifts]
        assert one == pytest.approx(np.mean(plain))
    # Who loses on both as the line says stays as robust as before.
    along = np.array([0.8, 0.6, 0.3])
    follows = robustness_curve({"far": along}, {"far": LINES["far"].predict(along)}, LINES)
    np.testing.assert_allclose(follows, 0, atol=1e-12)
    with pytest.raises(ValueError, match="not a percentage"):
        robustness_curve({"far": 100 * along}, {"far": along}, LINES)


def test_says_which_shifts_line_is_extrapolated():
    narrow = LINES | {"far": replace(LINES["far"], low=0.75)}
    shifts = {"near": Accuracy(0.6, None), "far": Accuracy(0.5, None), "none": None}
    found = [
        estimate_effective_robustness(
            Accuracy(imagenet, None), shifts, lines, RESAMPLED, confidence=0.95, seed=0
        ).extrapolated
        for imagenet, lines in ((0.7, LINES), (0.7, narrow), (0.2, narrow))
    ]
    assert found == [(), ("far",), ("near", "far")]


def test_a_standard_model_has_none():
    pairs = zip(IMAGENET, STANDARD["far"], strict=True)
    values = [effective_robustness(x, y, LINES["far"]) for x, y in pairs]
    assert np.mean(values) == pytest.approx(0, abs=3 * np.std(values) / np.sqrt(60))


@pytest.mark.parametrize(("fraction", "images"), [(0.6, 500), (0.0, 10)])
def test_with_a_fixed_line_the_interval_is_that_of_jeffreys_posterior(fraction, images):
    line, right = LINES["near"], fraction * images
    fixed = ResampledLines(np.full(20000, line.slope), np.full(20000, line.intercept))
    result = estimate(Accuracy(0.7, None), {"near": Accuracy(fraction, images)}, {"near": fixed})
    ends = stats.beta(right + 0.5, images - right + 0.5).ppf([0.025, 0.975]) - fraction
    found = result.shifts["near"]
    assert (found.low - found.value, found.high - found.value) == pytest.approx(
        tuple(100 * ends), rel=0.05, abs=0.1
    )


def test_the_images_of_different_shifts_are_drawn_independently():
    fixed = dict.fromkeys(STANDARD, ResampledLines(np.full(9999, 1.0), np.full(9999, 0.0)))
    shifts = dict.fromkeys(STANDARD, Accuracy(0.5, 400))
    result = estimate(Accuracy(0.7, None), shifts, fixed)
    wide, mean = (each.high - each.low for each in (result.shifts["near"], result.mean))
    assert mean == pytest.approx(wide / np.sqrt(2), rel=0.05)


def test_uncertainties_that_all_shifts_share_do_not_average_out():
    # The same line and the same ImageNet images twice: their mean has the variance of one.
    names: list[str] = ["one", "two"]
    result = estimate_effective_robustness(
        Accuracy(0.7, 500),
        dict.fromkeys(names, Accuracy(0.5, None)),
        dict.fromkeys(names, LINES["far"]),
        dict.fromkeys(names, RESAMPLED["far"]),
        confidence=0.9,
        seed=0,
    )
    assert result.mean == result.shifts["one"]


HALF = Accuracy(0.5, None)
UNEQUAL = RESAMPLED | {"far": resample_lines(IMAGENET, STANDARD["far"], 10, seed=0)}


@pytest.mark.parametrize(
    ("shifts", "resampled", "message"),
    [
        ({"near": None}, RESAMPLED, "at least one"),
        ({"sketch": HALF}, RESAMPLED, "shift sketch"),
        ({"near": HALF, "far": HALF}, UNEQUAL, "different numbers"),
    ],
)
def test_refuses_shifts_without_lines_and_lines_that_do_not_fit(shifts, resampled, message):
    with pytest.raises(ValueError, match=message):
        estimate(Accuracy(0.7, None), shifts, resampled)


SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")


def table(name):
    with (ROOT / name).open() as file:
        return list(csv.DictReader(file))


def shares(rows, column):
    return np.array([float(row[column] or "nan") / 100 for row in rows])


@pytest.fixture(scope="module")
def lines():
    rows = [r for r in table(TESTBED) if r["training"] == "standard"]
    return {shift: fit_line(shares(rows, "imagenet"), shares(rows, shift)) for shift in SHIFTS}


def test_the_lines_of_standard_models(lines):
    slopes = {shift: round(line.slope, 2) for shift, line in lines.items()}
    assert slopes == dict(zip(SHIFTS, (0.92, 0.91, 1.07, 1.20, 3.06), strict=True))
    # Five models have no ImageNet-R accuracy, and ResNet-50 scores 0 on ImageNet-A.
    assert [line.models for line in lines.values()] == [87, 82, 87, 87, 86]


@pytest.mark.parametrize(
    ("model", "points"), [("RN50", 22.8), ("ViT-B-32", 26.6), ("ViT-L-14", 38.9)]
)
def test_the_effective_robustness_of_openai_clip(lines, model, points):
    (row,) = [r for r in table("data/published/openclip.csv") if r["model"] == f"{model}/openai"]
    imagenet, *shifts = (float(shares([row], column)[0]) for column in ("imagenet", *SHIFTS))
    on_shifts = zip(shifts, lines.values(), strict=True)
    mean = np.mean([effective_robustness(imagenet, share, line) for share, line in on_shifts])
    assert round(float(mean), 1) == points


FIXED = dict.fromkeys(STANDARD, ResampledLines(np.full(9999, 1.0), np.full(9999, 0.0)))
ONE = dict.fromkeys(STANDARD, fit_line(IMAGENET, IMAGENET))


def of_parts(at):
    shifts = dict.fromkeys(STANDARD, Accuracy(0.5, None))
    return estimate_effective_robustness(at, shifts, ONE, FIXED, confidence=0.95, seed=0)


def test_each_shift_is_read_at_its_own_imagenet_accuracy():
    result = of_parts({"near": Accuracy(0.7, 400), "far": Accuracy(0.4, 900)})
    assert {s: e.value for s, e in result.shifts.items()} == pytest.approx({"near": -20, "far": 10})
    for name, right, images in (("near", 280, 400), ("far", 360, 900)):
        ends = 50 - 100 * stats.beta(right + 0.5, images - right + 0.5).ppf([0.975, 0.025])
        found = result.shifts[name]
        assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.15)


def test_the_same_accuracy_for_every_shift_is_one_accuracy():
    one = Accuracy(0.7, 400)
    assert of_parts(dict.fromkeys(STANDARD, one)) == of_parts(one)


def test_parts_of_the_same_images_do_not_average_out():
    result = of_parts({"near": Accuracy(0.7, 400), "far": Accuracy(0.4, 900)})
    widths = [one.high - one.low for one in result.shifts.values()]
    assert result.mean.high - result.mean.low == pytest.approx(np.mean(widths), rel=0.01)


def test_an_accuracy_has_wilson_s_interval():
    found = accuracy_interval(Accuracy(0.1, 20), 0.95)
    # Equation 4 of Brown, Cai & DasGupta (2001), by hand.
    assert (found.low, found.high) == pytest.approx((0.0278665, 0.3010336), abs=1e-6)
    for right, images, confidence in ((0, 7, 0.9), (7, 7, 0.9), (150, 1000, 0.5), (1, 1, 0.99)):
        found = accuracy_interval(Accuracy(right / images, images), confidence)
        oracle = stats.binomtest(right, images).proportion_ci(confidence, "wilson")
        assert (found.low, found.high) == pytest.approx(tuple(oracle), abs=1e-12)
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    right = np.random.default_rng(1).binomial(60, 0.93, 4000)
    held = [
        one.low <= 0.93 <= one.high
        for k in right.tolist()
        for one in [accuracy_interval(Accuracy(k / 60, 60), 0.9)]
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("accuracy", "confidence"),
    [(Accuracy(0.5, None), 0.9), (Accuracy(50.0, 10), 0.9), (Accuracy(0.5, 10), 95.0)],
)
def test_an_interval_of_nothing_is_refused(accuracy, confidence):
    with pytest.raises(ValueError, match="fractions from 0 to 1"):
        accuracy_interval(accuracy, confidence)
