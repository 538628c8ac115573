"""Effective robustness of anybody's accuracies, on the lines of the published testbed's models."""

from collections.abc import Mapping
from typing import Any

from interpreting_clip.arrays import LONGEST, as_value
from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import one_line
from interpreting_clip.formats.published_accuracies import GUESSING, Settings, published_lines
from interpreting_clip.measures import effective_robustness as of_lines
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.measures.effective_robustness import EffectiveRobustness, MeasuredAccuracy
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.quantities import Count

IMAGENET = "imagenet"

# ImageNet has 50 validation images of each class. ObjectNet's 113 classes are 125 of ImageNet's.
SETS = {
    IMAGENET: Guessing(50_000, 1000),
    **GUESSING,
    on_classes("imagenet_r"): Guessing(10_000, 200),
    on_classes("imagenet_a"): Guessing(10_000, 200),
    on_classes("objectnet"): Guessing(6_250, 113),
}
"""The images and classes of each set, as published."""


def effective_robustness(
    accuracies: Mapping[str, Any],
    *,
    images: Mapping[str, Any] | None = None,
    settings: Settings = Settings(),  # noqa: B008 - immutable
) -> EffectiveRobustness:
    """Compare accuracies on shifts with the line of standard models (Taori et al. 2020).

    `acc_shift − β(acc_ImageNet)` in points, for each shift and on average over those that are
    given. β is fitted to the standard models of the published testbed.

    Parameters
    ----------
    accuracies : top-1 accuracy **in percent** by the name of the set, or results of `accuracy`:
        `imagenet`, over all 1,000 classes, and one or more of `imagenet_v2`, `imagenet_r`,
        `imagenet_sketch`, `objectnet` and `imagenet_a`. A line starts at `imagenet`, or, if you
        give them, at `imagenet_on_r_classes`, `imagenet_on_a_classes` or
        `imagenet_on_objectnet_classes`: accuracy on ImageNet's images of the shift's classes, among
        these classes, as the testbed compares these shifts
    images : on how many images each was measured; None for one that is exact. By default as many
        as were published

    Raises
    ------
    TypeError, ValueError
        A set is unknown, ImageNet or every shift is missing, or an accuracy is not a percentage.
    """
    measured = measured_accuracies(accuracies, images or {})
    shifts = [shift for shift in TESTBED_SHIFTS if shift in measured]
    starts = {
        shift: on_classes(shift) if on_classes(shift) in measured else IMAGENET for shift in shifts
    }
    lines, resampled = published_lines(starts, resamples=settings.resamples, seed=settings.seed)
    return of_lines.effective_robustness(
        measured[IMAGENET],
        # All shifts, so that the draws of one do not depend on which others are given.
        {shift: measured.get(shift) for shift in TESTBED_SHIFTS},
        lines=lines,
        resampled=resampled,
        starts={shift: measured[start] for shift, start in starts.items()},
        settings=of_lines.Settings(confidence=settings.confidence, seed=settings.seed),
    )


def measured_accuracies(
    accuracies: Mapping[str, Any], images: Mapping[str, Any]
) -> dict[str, MeasuredAccuracy]:
    """Return accuracies by set, each with the number of images that it was measured on.

    Raises
    ------
    TypeError, ValueError
        As `effective_robustness`.
    """
    for name in (*accuracies, *images):
        if name not in SETS:
            raise ValueError(
                f"{one_line(str(name))[:LONGEST]}: no line is known for this set; expected some of "
                f"{', '.join(SETS)}"
            )
    if IMAGENET not in accuracies:
        raise ValueError("imagenet: missing; give the top-1 accuracy on ImageNet in percent")
    if not any(shift in accuracies for shift in TESTBED_SHIFTS):
        raise ValueError(
            f"no shift: give the accuracy on at least one of {', '.join(TESTBED_SHIFTS)}"
        )
    found = {}
    for name, value in accuracies.items():
        if isinstance(value, Accuracy):
            percent, count, classes = value.accuracy.value, value.images, value.classes
        else:
            percent, count, classes = percentage(name, value), SETS[name].images, SETS[name].classes
        # None: the accuracy is exact.
        count = images.get(name, count)
        if count is not None:
            count = as_value(count, Count, f"images of {name}")
        found[name] = MeasuredAccuracy(percent / 100, count, classes)
    return found


def percentage(name: str, value: Any) -> float:
    """Return an accuracy in percent.

    Raises
    ------
    TypeError, ValueError
        It is not a number, not from 0 to 100, or looks like a fraction.
    """
    try:
        percent = float(value)
    except (TypeError, ValueError):
        got = one_line(repr(value))[:LONGEST]
        raise TypeError(f"{name}: expected an accuracy in percent, got {got}") from None
    if not 0 <= percent <= 100:
        raise ValueError(f"{name} {percent}: expected a percentage, 0 to 100")
    # Only on ImageNet-A do standard models score less than 1 %.
    if percent <= 1 and name != "imagenet_a":
        raise ValueError(
            f"{name} {percent}: expected percent, not a fraction; is it {100 * percent:g}?"
        )
    return percent
