"""Encoders whose accuracies are drawn on a known line, or a known number of points above it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.measures.accuracy_draws import MeasuredAccuracy
from interpreting_clip.measures.effective_robustness import (
    EffectiveRobustness,
    Settings,
    effective_robustness,
)
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_line import baseline_lines, expit, fit_line
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.standard_spread import line_residuals, standard_spread

MODELS = (16, 87)
"""The numbers of standard models: that of the miniature, and that of the testbed."""

POINTS = (0.0, 10.0)
"""The effective robustness that is planted."""

IMAGES, CLASSES = 2000, 24
"""How many images an encoder's accuracy is measured on, and of how many classes."""

IMAGENET = (1.8, 1.3)
"""Mean and spread of the standard models' logits on ImageNet, as in the miniature."""

SLOPE = 0.6
INTERCEPTS = (-0.8, -0.9, -1.9, -2.2, -1.7)
"""Lines like those of the miniature's baseline, one per shift."""

RESIDUAL, CORRELATION = 0.55, 0.5
"""Spread of the residuals in logits and their correlation between shifts, as in the miniature."""


@dataclass(frozen=True)
class Coverage:
    """How often the interval of effective robustness held the truth.

    Attributes
    ----------
    models : standard models
    points : the planted effective robustness
    shifts, mean : the share of repetitions, for each shift and for the mean over them
    """

    models: int
    points: float
    shifts: dict[str, float]
    mean: float


def robustness_controls(
    shifts: Sequence[str], confidence: float, resamples: int, repetitions: int, seed: int
) -> tuple[list[Control], list[Coverage]]:
    """Measure how often the interval of effective robustness holds what was planted.

    In each repetition standard models are drawn around a line per shift, with Gaussian residuals in
    logit space that are correlated between shifts. An encoder's true ImageNet accuracy lies up to
    one spread above the models' mean; on each shift it is the line's, or lies `POINTS` above. The
    accuracies that are measured are binomial. An interval from the percentiles of B resamples that
    are distributed like the truth holds it with probability `confidence · (B - 1) / (B + 1)`; this
    is the planted value. Last, the share of further standard models, drawn like the others, that
    lie within the limit of the prediction interval.

    Parameters
    ----------
    shifts : their names, at most five
    confidence : of the interval
    resamples : B
    repetitions : how often
    seed : of the draws
    """
    how = {"confidence": confidence, "resamples": resamples, "repetitions": repetitions}
    coverages = [one for models in MODELS for one in coverage(models, shifts, **how, seed=seed)]
    planted = confidence * (resamples - 1) / (resamples + 1)
    error = STANDARD_ERRORS * np.sqrt(planted * (1 - planted) / repetitions)
    rows = [exact(shifts, points) for points in POINTS]
    share = f"{repetitions:,} intervals of {100 * confidence:g} %, share that holds the truth"
    for one in coverages:
        off = max(one.shifts, key=lambda shift: abs(one.shifts[shift] - planted))
        rows += controls(
            f"{one.models} standard models, {one.points:g} points above the line, ",
            (f"over all shifts: {share}", planted, one.mean, error),
            (f"the shift furthest off: {share}", planted, one.shifts[off], error),
        )
    error = STANDARD_ERRORS * np.sqrt(confidence * (1 - confidence) / repetitions)
    for models in MODELS:
        # About so often: the distances are Gaussian in logits, and not in points.
        found = share_within_limit(models, shifts, confidence, repetitions, seed)
        what = f"{models} standard models: {repetitions:,} further ones, share within the limit"
        rows += controls("", (what, confidence, found, error))
    return rows, coverages


def exact(shifts: Sequence[str], points: float) -> Control:
    """Estimate the effective robustness of an encoder if the models are exactly on a line."""
    x = IMAGENET[0] + IMAGENET[1] * np.linspace(-2, 2, MODELS[0])
    imagenet = IMAGENET[0] + IMAGENET[1]
    lines, resampled, accuracies = {}, {}, {}
    for shift, intercept in zip(shifts, INTERCEPTS[: len(shifts)], strict=True):
        y = {shift: expit(SLOPE * x + intercept)}
        line, draws = baseline_lines({shift: expit(x)}, y, 1, 0)
        lines |= line
        resampled |= draws
        on_line = float(expit(np.array([SLOPE * imagenet + intercept]))[0])
        accuracies[shift] = MeasuredAccuracy(on_line + points / 100, None, CLASSES)
    start = MeasuredAccuracy(float(expit(np.array([imagenet]))[0]), None, CLASSES)
    result = effective_robustness(
        start,
        accuracies,
        lines=lines,
        resampled=resampled,
        starts=dict.fromkeys(shifts, start),
        settings=Settings(confidence=0.5),
    )
    values = [one.value for one in estimates(result, shifts)]
    worst = max(values, key=lambda value: abs(value - points))
    what = f"{MODELS[0]} standard models exactly on their lines, {points:g} points above: estimate"
    # Percentages of 16 models, each with a rounding error.
    rounding = float(100 * MODELS[0] * np.finfo(np.float64).eps * 10)
    return Control(f"{what}, the shift furthest off", points, worst, rounding)


def coverage(
    models: int,
    shifts: Sequence[str],
    *,
    confidence: float,
    resamples: int,
    repetitions: int,
    seed: int,
) -> Iterator[Coverage]:
    """Yield the coverage at each of `POINTS`; the arguments are those of `robustness_controls`."""
    rng = generator(seed, "drawn accuracies", models)
    held = np.zeros((len(POINTS), repetitions, len(shifts) + 1), np.bool_)
    for repetition in range(repetitions):
        x, accuracies = drawn_models(rng, models, shifts)
        standard = dict.fromkeys(shifts, x)
        lines, resampled = baseline_lines(standard, accuracies, resamples, int(rng.integers(2**31)))
        imagenet = IMAGENET[0] + IMAGENET[1] * rng.uniform(0, 1)
        on_line = expit(SLOPE * imagenet + np.array(INTERCEPTS[: len(shifts)]))
        for number, points in enumerate(POINTS):
            (start,) = measured(rng, expit(np.array([imagenet])))
            result = effective_robustness(
                start,
                dict(zip(shifts, measured(rng, on_line + points / 100), strict=True)),
                lines=lines,
                resampled=resampled,
                starts=dict.fromkeys(shifts, start),
                settings=Settings(confidence=confidence, seed=int(rng.integers(2**31))),
            )
            ends = [one.ends for one in estimates(result, shifts)]
            held[number, repetition] = [low <= points <= high for low, high in ends]
    for number, points in enumerate(POINTS):
        share = held[number].mean(axis=0)
        of_shifts = dict(zip(shifts, share[:-1].tolist(), strict=True))
        yield Coverage(models, points, of_shifts, float(share[-1]))


def share_within_limit(
    models: int, shifts: Sequence[str], confidence: float, repetitions: int, seed: int
) -> float:
    """Return how often one more standard model lies within the limit of the mean over shifts."""
    rng, held = generator(seed, "one more standard model", models), 0
    for _ in range(repetitions):
        x, accuracies = drawn_models(rng, models + 1, shifts)
        residuals = []
        for y in accuracies.values():
            residuals.append(line_residuals(x, y, fit_line(x[:-1], y[:-1])))
        spread = standard_spread([each[:-1] for each in residuals], confidence)
        further = abs(np.mean([each[-1] for each in residuals]))
        held += spread is not None and bool(further <= spread.limit)
    return held / repetitions


def drawn_models(
    rng: np.random.Generator, models: int, shifts: Sequence[str]
) -> tuple[Float[np.ndarray, " model"], dict[str, Float[np.ndarray, " model"]]]:
    """Draw the accuracies of standard models, on ImageNet and on each shift."""
    x = rng.normal(*IMAGENET, models)
    noise = rng.standard_normal((len(shifts), models)) * np.sqrt(1 - CORRELATION)
    noise += rng.standard_normal(models) * np.sqrt(CORRELATION)
    y = SLOPE * x + np.array(INTERCEPTS[: len(shifts)])[:, None] + RESIDUAL * noise
    return expit(x), {shift: expit(logits) for shift, logits in zip(shifts, y, strict=True)}


def measured(rng: np.random.Generator, truth: Float[np.ndarray, " set"]) -> list[MeasuredAccuracy]:
    """Draw the accuracies that an encoder of known accuracies has on some images."""
    drawn = rng.binomial(IMAGES, truth)
    return [MeasuredAccuracy(float(k) / IMAGES, IMAGES, CLASSES) for k in drawn]


def estimates(result: EffectiveRobustness, shifts: Sequence[str]) -> list[Estimate]:
    """Return the effective robustness on each shift, and last the mean's."""
    found = [*(result.per_shift[shift].robustness for shift in shifts), result.robustness]
    return [one for one in found if one is not None]
