"""Effective robustness: accuracy on a shift beyond what accuracy on ImageNet predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Annotated

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate, percentile_interval
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines
from interpreting_clip.measures.result import Label
from interpreting_clip.quantities import Confidence, Described, Seed, StrictStruct

NATURAL = ("imagenet_v2", "objectnet", "imagenet_a")
"""The testbed's shifts of photographs, taken or chosen anew. The paper averages over all five."""

STYLE = ("imagenet_r", "imagenet_sketch")
"""Those of renditions in another style. The division is ours."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The confidence of the interval and the seed of its draws, one per line of the baseline."""

    seed: Annotated[Seed, Described("of the draws")]
    confidence: Annotated[Confidence, Described("of the interval", "probability")]


@dataclass(frozen=True)
class Result:
    """The numbers of an encoder's accuracy and effective robustness.

    `shifts` and `robustness` are means over the testbed's shifts that have an effective robustness,
    `natural` and `style` over those of `NATURAL` and `STYLE`, and None if none has; a study's own
    shifts have a `ShiftResult` each. `extrapolated` counts the
    shifts of the mean whose line is extrapolated to the encoder.
    """

    imagenet: Annotated[float, Label("accuracy on ImageNet", 1, unit="%", headline="imagenet")]
    shifts: Annotated[
        float | None, Label("mean accuracy on the shifts", 1, unit="%", headline="shifts")
    ]
    robustness: Annotated[
        Estimate | None, Label("mean effective robustness", 1, unit="points", headline="robust")
    ]
    natural: Annotated[
        Estimate | None, Label("effective robustness on natural shifts", 1, unit="points")
    ]
    style: Annotated[
        Estimate | None, Label("effective robustness on style shifts", 1, unit="points")
    ]
    extrapolated: Annotated[
        int, Label("shifts whose line is extrapolated", 0, headline="extrapolated")
    ]


@dataclass(frozen=True)
class ShiftResult:
    """The numbers of an encoder on one shift of the study's own, in percent and in points.

    `robustness` is None if no standard models stand beside it. `chance` is the accuracy of
    guessing among the shift's classes, and `imagenet` the accuracy on ImageNet that the shift's is
    compared with.
    """

    accuracy: Annotated[
        Estimate, Label("accuracy on", 1, unit="%", chance="chance", headline="accuracy")
    ]
    imagenet: Annotated[float, Label("accuracy on ImageNet, compared with", 1, unit="%")]
    robustness: Annotated[
        Estimate | None, Label("effective robustness on", 1, unit="points", headline="robust")
    ]
    chance: float


@dataclass(frozen=True)
class Accuracy:
    """A top-1 accuracy and how well it is known.

    Attributes
    ----------
    fraction : 0 to 1
    images : how many images it was measured on; None if unknown: the fraction is taken as exact
    """

    fraction: float
    images: int | None


@dataclass(frozen=True)
class EffectiveRobustness:
    """Effective robustness on each measured shift and its means, in percentage points.

    `mean` is over all of them, `natural` and `style` over those of `NATURAL` and `STYLE`, None if
    none was measured. `extrapolated` lists the shifts whose line is extrapolated to this encoder
    (`LogitLine.is_extrapolated`); if there is one, the mean is a guess too.
    """

    shifts: dict[str, Estimate]
    mean: Estimate
    natural: Estimate | None
    style: Estimate | None
    extrapolated: tuple[str, ...]


def accuracy_interval(accuracy: Accuracy, confidence: float) -> Estimate:
    """Compute Wilson's score interval of an accuracy (Wilson 1927), all as fractions.

    It stays within 0 to 1 and has about the stated coverage for few images and at both ends, where
    a normal approximation has not (Brown, Cai & DasGupta 2001). The paper has no interval.

    Parameters
    ----------
    accuracy : with its number of images
    confidence : of the interval

    Raises
    ------
    ValueError
        The number of images is unknown or 0, or a value is out of its range.
    """
    share, images = accuracy.fraction, accuracy.images
    if not images or not 0 <= share <= 1 or not 0 < confidence < 1:
        raise ValueError(
            f"accuracy {share} on {images} images, confidence {confidence}: expected fractions "
            "from 0 to 1 and at least one image"
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z**2 / (2 * images)) / (1 + z**2 / images)
    half = z * sqrt(share * (1 - share) / images + (z / (2 * images)) ** 2) / (1 + z**2 / images)
    # At 0 and 1 one end is the share itself, which the rounding of the other terms would miss.
    low = 0.0 if share == 0 else middle - half
    return Estimate(share, low, 1.0 if share == 1 else middle + half)


def effective_robustness(imagenet: float, shift: float, line: LogitLine) -> float:
    """Compute `acc_shift - β(acc_ImageNet)` in percentage points (Taori et al. 2020).

    `acc_ImageNet` is over the same classes as the ImageNet accuracies that β was fitted to: the
    shift's own, as in the testbed of Taori et al. if a shift has fewer than ImageNet, or all.

    Parameters
    ----------
    imagenet, shift : top-1 accuracy, fraction from 0 to 1
    line : β of this shift

    Raises
    ------
    ValueError
        An accuracy is not a fraction from 0 to 1.
    """
    for fraction in (imagenet, shift):
        if not 0 <= fraction <= 1:
            raise ValueError(
                f"accuracy {fraction}: expected a fraction from 0 to 1, not a percentage"
            )
    return float(above_line(imagenet, shift, line)[0])


def above_line(
    imagenet: float | Float[np.ndarray, " line"],
    shift: float | Float[np.ndarray, " line"],
    line: LogitLine | ResampledLines,
) -> Float[np.ndarray, " line"]:
    """Compute the same formula for each of some resampled lines, or for one, without the check.

    Parameters
    ----------
    imagenet, shift : accuracies as in `effective_robustness`, the same for all lines or one each
    line : β as fitted or as resampled
    """
    abscissas = np.broadcast_to(imagenet, np.shape(line.slope) or (1,))
    return 100.0 * (shift - line.predict(abscissas))


def estimate_effective_robustness(
    imagenet: Accuracy | Mapping[str, Accuracy],
    shifts: Mapping[str, Accuracy | None],
    lines: Mapping[str, LogitLine],
    resampled: Mapping[str, ResampledLines],
    *,
    confidence: float,
    seed: int,
) -> EffectiveRobustness:
    """Compute effective robustness per shift and its mean, with percentile intervals.

    The intervals are ours; the paper has none. They cover two uncertainties: which standard models
    the line was fitted to (`resample_lines`) and which images the encoder was measured on. For the
    latter, accuracies are drawn from the posterior under Jeffreys' prior,
    `Beta(k + 1/2, n - k + 1/2)` for k correct of n images, which stays within 0 to 1 and has a
    spread even at both ends. The encoder's ImageNet accuracies for several shifts are measured on
    the same images or subsets of them, so their draws are coupled: the k-th lowest draw of one goes
    with the k-th lowest of every other, and equal accuracies share their draws. Subsets that
    overlap little are less correlated, so with rising lines the mean's interval is rather too wide.

    Parameters
    ----------
    imagenet : accuracy on ImageNet: one for all shifts, or one per shift on the shift's own classes
    shifts : accuracy on each shift; None for a shift that was not measured: it is left out of the
        result and the mean, and the other shifts' draws do not change
    lines, resampled : β of each shift and its resamples, the same number for every shift
    confidence : the fraction of draws inside an interval
    seed : of the draws of accuracies

    Raises
    ------
    ValueError
        No shift is measured, a shift has no line, or a value is out of its range.
    """
    measured = {shift: accuracy for shift, accuracy in shifts.items() if accuracy is not None}
    _require_baselines(measured, lines, resampled)
    # Among all shifts, so that one that was not measured leaves the draws of the others as they
    # are.
    positions = {shift: position for position, shift in enumerate(shifts, start=1)}
    abscissas = imagenet if isinstance(imagenet, Mapping) else dict.fromkeys(measured, imagenet)
    values, draws = [], []
    for shift, accuracy in measured.items():
        values.append(
            effective_robustness(abscissas[shift].fraction, accuracy.fraction, lines[shift])
        )
        line = resampled[shift]
        # The same seed for every shift couples the draws of ImageNet accuracies.
        x = _draw_coupled(abscissas[shift], len(line.slope), (seed, 0))
        y = _draw_fractions(accuracy, len(line.slope), (seed, positions[shift]))
        draws.append(above_line(x, y, line))
    pairs = zip(values, draws, strict=True)
    estimates = [percentile_interval(value, drawn, confidence) for value, drawn in pairs]

    def mean_over(places: Sequence[int]) -> Estimate:
        # Taken draw by draw, which keeps the correlation between shifts.
        drawn = np.mean([draws[place] for place in places], axis=0)
        value = float(np.mean([values[place] for place in places]))
        return percentile_interval(value, drawn, confidence)

    natural, style = (
        [place for place, shift in enumerate(measured) if shift in kind]
        for kind in (NATURAL, STYLE)
    )
    extrapolated = tuple(s for s in measured if lines[s].is_extrapolated(abscissas[s].fraction))
    return EffectiveRobustness(
        shifts=dict(zip(measured, estimates, strict=True)),
        mean=mean_over(range(len(values))),
        natural=mean_over(natural) if natural else None,
        style=mean_over(style) if style else None,
        extrapolated=extrapolated,
    )


def robustness_curve(
    imagenet: Mapping[str, Float[np.ndarray, " fraction"]],
    shifts: Mapping[str, Float[np.ndarray, " fraction"]],
    lines: Mapping[str, LogitLine],
) -> Float[np.ndarray, " fraction"]:
    """Compute the mean effective robustness, in points, of an encoder that is pruned more and more.

    Each shift is compared with what its line predicts from the accuracy on ImageNet of the encoder
    *as pruned*, so that robustness falls only where the shift suffers more than ImageNet does.

    Parameters
    ----------
    imagenet : per shift, the accuracies on ImageNet at which its line is read, 0 to 1
    shifts : the accuracies on each shift, one or more, 0 to 1, at the same pruned fractions
    lines : β of each shift

    Raises
    ------
    ValueError
        An accuracy is not a fraction from 0 to 1.
    """
    curves = [
        [
            effective_robustness(float(x), float(y), lines[shift])
            for x, y in zip(imagenet[shift], accuracies, strict=True)
        ]
        for shift, accuracies in shifts.items()
    ]
    return np.mean(curves, axis=0)


def _draw_fractions(
    accuracy: Accuracy, resamples: int, seed: tuple[int, int]
) -> Float[np.ndarray, " resample"]:
    if accuracy.images is None:
        return np.full(resamples, accuracy.fraction)
    correct = accuracy.fraction * accuracy.images
    return np.random.default_rng(seed).beta(
        # Jeffreys' prior.
        correct + 0.5,
        accuracy.images - correct + 0.5,
        size=resamples,
    )


def _draw_coupled(
    accuracy: Accuracy, resamples: int, seed: tuple[int, int]
) -> Float[np.ndarray, " resample"]:
    """Draw in an order that is the same for every accuracy."""
    order = np.random.default_rng([*seed, 1]).permutation(resamples)
    return np.sort(_draw_fractions(accuracy, resamples, seed))[order]


def _require_baselines(
    shifts: Mapping[str, Accuracy],
    lines: Mapping[str, LogitLine],
    resampled: Mapping[str, ResampledLines],
) -> None:
    if not shifts:
        raise ValueError("no shift is measured: expected the accuracy on at least one")
    for shift in shifts:
        if shift not in lines or shift not in resampled:
            raise ValueError(f"shift {shift} has no baseline line: fit one to standard models")
    if len({len(resampled[shift].slope) for shift in shifts}) > 1:
        raise ValueError(
            "the shifts have different numbers of resampled lines: resample all equally often"
        )
