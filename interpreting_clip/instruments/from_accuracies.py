"""Instruments for accuracies: effective robustness, on the published testbed's lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, ClassVar

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import one_line
from interpreting_clip.formats.published_accuracies import (
    FEWER_CLASSES,
    GUESSING,
    TESTBED,
    Settings,
    accuracy_fractions,
    family_numbers,
    fractions_above_chance,
    standard_models,
)
from interpreting_clip.instruments.arguments import SHOWN, as_count, as_mapping, checked
from interpreting_clip.instruments.from_head import Accuracy as MeasuredAccuracy
from interpreting_clip.instruments.readable import Readable
from interpreting_clip.measures.effective_robustness import (
    Accuracy,
    Result,
    estimate_effective_robustness,
)
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_line import baseline_lines
from interpreting_clip.measures.result import Label, Number, numbers

IMAGENET = "imagenet"

STANDARD_MODELS = Path(__file__).parents[1] / "reference" / TESTBED.name
"""The testbed, wherever the package is installed."""

IMAGES = {
    IMAGENET: 50_000,
    **{shift: guessing.images for shift, guessing in GUESSING.items()},
    # ImageNet has 50 validation images of each class. ObjectNet's 113 classes are 125 of
    # ImageNet's.
    on_classes("imagenet_r"): 10_000,
    on_classes("imagenet_a"): 10_000,
    on_classes("objectnet"): 6_250,
}
"""The images of each set, as published."""


@dataclass(frozen=True, repr=False, eq=False)
class EffectiveRobustness(Readable, Result):
    """Accuracy on shifts beyond what accuracy on ImageNet predicts, in points.

    Attributes
    ----------
    standard : what a standard model has on average, by definition
    accuracies : on each shift, in percent
    per_shift : effective robustness on each shift, in points
    extrapolated_shifts : those whose line reaches beyond the standard models there
    """

    INTERVAL: ClassVar[str] = (
        "Interval: of the lines and of the accuracies. Chance: 0, the standard models' line."
    )

    robustness: Annotated[
        Estimate, Label("mean effective robustness", 1, unit="points", chance="standard")
    ]
    natural: Annotated[
        Estimate | None,
        Label("effective robustness on natural shifts", 1, unit="points", chance="standard"),
    ]
    style: Annotated[
        Estimate | None,
        Label("effective robustness on style shifts", 1, unit="points", chance="standard"),
    ]
    standard: float
    accuracies: dict[str, float]
    per_shift: dict[str, Estimate]
    extrapolated_shifts: tuple[str, ...]
    models: int

    @property
    def numbers(self) -> list[Number]:
        """The means, and the effective robustness of each shift."""
        each = [
            Number(
                name=shift,
                label=f"effective robustness on {shift}",
                **{"unit": "points", "digits": 1, "headline": "", "chance": self.standard},
                value=one.value,
                low=one.low,
                high=one.high,
            )
            for shift, one in self.per_shift.items()
        ]
        return [*numbers(self), *each]

    @property
    def notes(self) -> list[str]:
        """What the lines are, and where they are extrapolated."""
        line = f"Lines: up to {self.models} standard models of the testbed of Taori et al. (2020)."
        if not self.extrapolated_shifts:
            return [line, self.INTERVAL]
        which = ", ".join(self.extrapolated_shifts)
        return [
            line,
            f"Extrapolated, since no standard model has such an accuracy on ImageNet: {which}.",
            self.INTERVAL,
        ]


def effective_robustness(
    accuracies: Mapping[str, float | MeasuredAccuracy],
    *,
    images: Mapping[str, int | None] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
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
    resamples, confidence, seed : of the intervals; as in params.yaml

    Raises
    ------
    TypeError, ValueError
        A set is unknown, ImageNet or every shift is missing, or an accuracy is not a percentage.
    """
    given = measured_accuracies(accuracies, as_mapping(images, "images", "{'imagenet': 50_000}"))
    settings = checked(Settings, resamples=resamples, confidence=confidence, seed=seed)
    shifts = [shift for shift in TESTBED_SHIFTS if shift in given]
    starts = {
        shift: on_classes(shift) if on_classes(shift) in given else IMAGENET for shift in shifts
    }
    models = standard_models(STANDARD_MODELS)
    lines, resampled = baseline_lines(
        {shift: accuracy_fractions(models, start) for shift, start in starts.items()},
        {shift: fractions_above_chance(models, shift) for shift in shifts},
        settings.resamples,
        settings.seed,
        family_numbers(models),
    )
    found = estimate_effective_robustness(
        {shift: given[start] for shift, start in starts.items()},
        # All shifts, so that the draws of one do not depend on which others are given.
        {shift: given.get(shift) for shift in TESTBED_SHIFTS},
        lines,
        resampled,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return EffectiveRobustness(
        imagenet=100 * given[IMAGENET].fraction,
        shifts=fmean(100 * given[shift].fraction for shift in shifts),
        robustness=found.mean,
        natural=found.natural,
        style=found.style,
        extrapolated=len(found.extrapolated),
        standard=0.0,
        accuracies={shift: 100 * given[shift].fraction for shift in shifts},
        per_shift=found.shifts,
        extrapolated_shifts=found.extrapolated,
        models=max(line.models for line in lines.values()),
    )


def measured_accuracies(accuracies: Any, images: Mapping[str, Any]) -> dict[str, Accuracy]:
    """Return accuracies by set, each with the number of images that it was measured on.

    Raises
    ------
    TypeError, ValueError
        As `effective_robustness`.
    """
    example = "{'imagenet': 76.1, 'imagenet_v2': 63.2}"
    accuracies = as_mapping(accuracies, "accuracies", example)
    legal = (IMAGENET, *TESTBED_SHIFTS, *(on_classes(shift) for shift in FEWER_CLASSES))
    for name in (*accuracies, *images):
        if name not in legal:
            raise ValueError(
                f"{one_line(str(name))[:SHOWN]}: no line is known for this set; expected some of "
                f"{', '.join(legal)}"
            )
    if IMAGENET not in accuracies:
        raise ValueError("imagenet: missing; give the top-1 accuracy on ImageNet in percent")
    if not any(shift in accuracies for shift in TESTBED_SHIFTS):
        raise ValueError(
            f"no shift: give the accuracy on at least one of {', '.join(TESTBED_SHIFTS)}"
        )
    found = {}
    for name, value in accuracies.items():
        counted = IMAGES[name]
        if isinstance(value, MeasuredAccuracy):
            counted, percent = value.images, value.accuracy.value
        else:
            percent = percentage(name, value)
        count = images.get(name, counted)
        exact = count is None
        found[name] = Accuracy(
            percent / 100, None if exact else as_count(count, f"images of {name}", 1)
        )
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
        got = one_line(repr(value))[:SHOWN]
        raise TypeError(f"{name}: expected an accuracy in percent, got {got}") from None
    if not 0 <= percent <= 100:
        raise ValueError(f"{name} {percent}: expected a percentage, 0 to 100")
    # Only on ImageNet-A do standard models score less than 1 %.
    if percent <= 1 and name != "imagenet_a":
        raise ValueError(
            f"{name} {percent}: expected percent, not a fraction; is it {100 * percent:g}?"
        )
    return percent
