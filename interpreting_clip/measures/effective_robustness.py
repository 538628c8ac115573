"""Effective robustness: accuracy on a shift beyond what accuracy on ImageNet predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate, percentile_interval
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines
from interpreting_clip.measures.result import Label, Part, Result
from interpreting_clip.quantities import Confidence, Described, Seed, StrictStruct

NATURAL = ("imagenet_v2", "objectnet", "imagenet_a")
"""The testbed's shifts of photographs, taken or chosen anew. The paper averages over all five."""

STYLE = ("imagenet_r", "imagenet_sketch")
"""Those of renditions in another style. The division is ours."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The confidence of the interval and the seed of its draws, one per line of the baseline."""

    seed: Annotated[Seed, Described("of the draws")]
    confidence: Annotated[Confidence, Described("of the interval", "probability")]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnShift(Result):
    """An encoder on one shift: accuracies in percent, effective robustness in points.

    Attributes
    ----------
    accuracy : on the shift, among its classes; without an interval if the images are not known
    imagenet : the accuracy on ImageNet that it is compared with; None if it is compared with none
    robustness : None if no line is known for the shift, or if it does not compare
    images, classes : of the shift; images are None if unknown
    imagenet_images : the images of ImageNet behind `imagenet`; None if unknown
    guessing : the accuracy of guessing among the shift's classes
    standard : what a standard model has on average, by definition
    extrapolated : whether the line is extrapolated to the encoder
    left_out : why there is no effective robustness; empty if there is
    """

    accuracy: Annotated[Estimate, Label("accuracy", 1, unit="%", chance="guessing")]
    imagenet: Annotated[float | None, Label("accuracy on ImageNet, compared with", 1, unit="%")]
    robustness: Annotated[
        Estimate | None, Label("effective robustness", 1, unit="points", chance="standard")
    ]
    images: int | None
    classes: int
    imagenet_images: int | None
    guessing: float
    standard: float = 0.0
    extrapolated: bool = False
    left_out: str = ""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnOwnShift(OnShift):
    """An encoder on one shift of a study's own, with columns in `dvc metrics show`."""

    accuracy: Annotated[
        Estimate, Label("accuracy", 1, unit="%", chance="guessing", headline="accuracy")
    ]
    robustness: Annotated[
        Estimate | None,
        Label("effective robustness", 1, unit="points", chance="standard", headline="robust"),
    ]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EffectiveRobustness(Result):
    """Accuracy on shifts beyond what accuracy on ImageNet predicts, in points.

    `shift_accuracy` and `robustness` are means over the testbed's shifts that have an effective
    robustness, `natural` and `style` over those of `NATURAL` and `STYLE`; None if none has, or if
    some were not given, since the mean of others does not compare.

    Attributes
    ----------
    imagenet : accuracy in percent
    extrapolated : how many shifts of the mean have a line that is extrapolated to the encoder
    standard : what a standard model has on average, by definition
    imagenet_images, imagenet_classes : of ImageNet's test set; images are None if unknown
    per_shift : each of the testbed's shifts that was measured
    own : each shift of the study's own
    not_given : the testbed's shifts that a folder of activations lacks
    models : standard models of the line that has most
    """

    CAPTION: ClassVar[str] = (
        "Interval: of the lines and of the accuracies. Chance: 0, the standard models' line."
    )

    imagenet: Annotated[float, Label("accuracy on ImageNet", 1, unit="%", headline="imagenet")]
    shift_accuracy: Annotated[
        float | None, Label("mean accuracy on the shifts", 1, unit="%", headline="shifts")
    ]
    robustness: Annotated[
        Estimate | None,
        Label("mean effective robustness", 1, unit="points", chance="standard", headline="robust"),
    ]
    natural: Annotated[
        Estimate | None,
        Label("effective robustness on natural shifts", 1, unit="points", chance="standard"),
    ]
    style: Annotated[
        Estimate | None,
        Label("effective robustness on style shifts", 1, unit="points", chance="standard"),
    ]
    extrapolated: Annotated[
        int, Label("shifts whose line is extrapolated", 0, headline="extrapolated")
    ]
    standard: float = 0.0
    imagenet_images: int | None
    imagenet_classes: int
    per_shift: Annotated[dict[str, OnShift], Part("")]
    own: Annotated[dict[str, OnOwnShift], Part("")] = field(default_factory=dict)
    not_given: list[str] = field(default_factory=list)
    models: int = 0

    @property
    def shifts(self) -> dict[str, OnShift]:
        """The testbed's shifts and the study's own, by name."""
        return {**self.per_shift, **self.own}

    @property
    def compared(self) -> list[str]:
        """The testbed's shifts that the mean is over: those with an effective robustness."""
        return [name for name, one in self.per_shift.items() if one.robustness is not None]

    @property
    def extrapolated_shifts(self) -> list[str]:
        """The testbed's shifts whose line is extrapolated to the encoder."""
        return [name for name, one in self.per_shift.items() if one.extrapolated]


@dataclass(frozen=True)
class MeasuredAccuracy:
    """A top-1 accuracy and how well it is known.

    Attributes
    ----------
    fraction : 0 to 1
    images : how many images it was measured on; None if unknown: the fraction is taken as exact
    """

    fraction: float
    images: int | None


@dataclass(frozen=True)
class Estimates:
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


def accuracy_interval(accuracy: MeasuredAccuracy, confidence: float) -> Estimate:
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
    imagenet: MeasuredAccuracy | Mapping[str, MeasuredAccuracy],
    shifts: Mapping[str, MeasuredAccuracy | None],
    lines: Mapping[str, LogitLine],
    resampled: Mapping[str, ResampledLines],
    *,
    confidence: float,
    seed: int,
) -> Estimates:
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
    return Estimates(
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
    accuracy: MeasuredAccuracy, resamples: int, seed: tuple[int, int]
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
    accuracy: MeasuredAccuracy, resamples: int, seed: tuple[int, int]
) -> Float[np.ndarray, " resample"]:
    """Draw in an order that is the same for every accuracy."""
    order = np.random.default_rng([*seed, 1]).permutation(resamples)
    return np.sort(_draw_fractions(accuracy, resamples, seed))[order]


def _require_baselines(
    shifts: Mapping[str, MeasuredAccuracy],
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
