"""Effective robustness: accuracy on a shift beyond what accuracy on ImageNet predicts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from stages.measures.intervals import Estimate, percentile_interval
from stages.measures.logit_line import LogitLine, ResampledLines


@dataclass(frozen=True)
class Accuracy:
    """A top-1 accuracy and how well it is known.

    Attributes
    ----------
    share : 0 to 1
    images : how many images it was measured on; None where unknown: it is then taken as exact
    """

    share: float
    images: int | None


@dataclass(frozen=True)
class EffectiveRobustness:
    """Effective robustness on each measured shift and its mean over them, in percentage points."""

    shifts: dict[str, Estimate]
    mean: Estimate


def effective_robustness(imagenet: float, shift: float, line: LogitLine) -> float:
    """Compute `acc_shift - β(acc_ImageNet)` in percentage points (Taori et al. 2020).

    `acc_ImageNet` is over all 1,000 classes on every shift, also where the head is restricted to
    the classes of the shift, and so are the accuracies that β was fitted to.

    Parameters
    ----------
    imagenet, shift : top-1 accuracy, share from 0 to 1
    line : β of this shift

    Raises
    ------
    ValueError
        An accuracy is not a share from 0 to 1.
    """
    for share in (imagenet, shift):
        if not 0 <= share <= 1:
            raise ValueError(f"accuracy {share}: expected a share from 0 to 1, not a percentage")
    return 100.0 * (shift - float(line.at(np.array([imagenet]))[0]))


def estimate_effective_robustness(
    imagenet: Accuracy,
    shifts: Mapping[str, Accuracy | None],
    lines: Mapping[str, LogitLine],
    resampled: Mapping[str, ResampledLines],
    *,
    confidence: float,
    seed: int,
) -> EffectiveRobustness:
    """Compute effective robustness per shift and its mean, with percentile intervals.

    The intervals are ours and hold two uncertainties: which standard models the line was fitted to
    (`resample_lines`) and which images the encoder was measured on. For the latter an accuracy is
    drawn from its posterior under Jeffreys' prior, `Beta(k + 1/2, n - k + 1/2)` for k right of n
    images, which stays inside 0 to 1 and does not vanish at their ends. One draw of the ImageNet
    accuracy serves all shifts, as one encoder has one such accuracy.

    Parameters
    ----------
    imagenet, shifts : accuracy over all ImageNet classes, and on each shift; None for a shift that
        was not measured, which neither the result nor its mean has; it changes no other shift's
    lines, resampled : β of each shift and its resamples, equally many for every shift
    confidence, seed : the share of draws inside an interval, and the seed of drawing accuracies

    Raises
    ------
    ValueError
        No shift is measured, a shift has no line, or a value is out of its range.
    """
    measured = {shift: accuracy for shift, accuracy in shifts.items() if accuracy is not None}
    _require_lines(measured, lines, resampled)
    positions = {shift: position for position, shift in enumerate(shifts, start=1)}
    values, draws = [], []
    for shift, accuracy in measured.items():
        values.append(effective_robustness(imagenet.share, accuracy.share, lines[shift]))
        line = resampled[shift]
        x = _draw(imagenet, len(line.slope), (seed, 0))
        y = _draw(accuracy, len(line.slope), (seed, positions[shift]))
        draws.append(100.0 * (y - line.at(x)))
    pairs = zip(values, draws, strict=True)
    estimates = [percentile_interval(value, drawn, confidence) for value, drawn in pairs]
    mean = percentile_interval(float(np.mean(values)), np.mean(draws, axis=0), confidence)
    return EffectiveRobustness(dict(zip(measured, estimates, strict=True)), mean)


def _draw(
    accuracy: Accuracy, resamples: int, seed: tuple[int, int]
) -> Float[np.ndarray, " resample"]:
    if accuracy.images is None:
        return np.full(resamples, accuracy.share)
    right = accuracy.share * accuracy.images
    return np.random.default_rng(seed).beta(
        right + 0.5, accuracy.images - right + 0.5, size=resamples
    )


def _require_lines(
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
        raise ValueError("the shifts' lines are resampled differently often: resample them alike")
