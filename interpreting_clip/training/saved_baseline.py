"""The baseline on disk: its lines, and the tables of a study's own standard models.

data/baseline/baseline.json     `FittedBaseline`, what stage `robustness` needs
plots/baseline.json             `Baseline`, what the page shows of it
data/shift_baselines/<shift>    `FittedBaseline` of a shift of the study's own
data/baselines/<shift>.csv      standard models on such a shift, measured elsewhere
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.measures.effective_robustness import NOT_GIVEN
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.logit_line import MIN_MODELS, LogitLine, ResampledLines
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.statistics.published_accuracies import models_on_lines, read_models
from interpreting_clip.statistics.standard_limit import StandardModels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChanceLevel:
    """What guessing gives on a shift, and the lowest accuracy that is above it, in percent."""

    accuracy: float
    above: float


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Standard models and the line of each shift through them.

    Attributes
    ----------
    models : their names, families and accuracies in percent, None where unknown
    lines : by shift, if it has one
    curves : curved lines of the shifts whose models support a knee
    abscissa : the name of the models' ImageNet accuracy that a shift's line starts from
    chance : of each shift
    at_chance : the models that are not above chance on a shift, and so no part of its line
    """

    models: list[dict[str, Any]]
    lines: dict[str, LogitLine]
    curves: dict[str, LogitLine]
    abscissa: dict[str, str]
    chance: dict[str, ChanceLevel]
    at_chance: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class FittedBaseline(Baseline):
    """A baseline with all that an encoder is compared with.

    Attributes
    ----------
    classes : of each test set that the models were measured on
    resampled, resampled_curves : the resamples of each line
    """

    classes: dict[str, list[int]]
    resampled: dict[str, ResampledLines]
    resampled_curves: dict[str, ResampledLines]

    @property
    def shift_lines(self) -> ShiftLines:
        """The line of each shift, and its resamples."""
        return ShiftLines(self.lines, self.resampled, self.curves, self.resampled_curves)

    @property
    def standard(self) -> StandardModels:
        """The standard models with their own effective robustness.

        Models that are not above chance on a shift are off its line.
        """
        import pandas as pd

        models = pd.DataFrame(self.models)
        for shift, names in self.at_chance.items():
            models[shift] = models[shift].mask(models["name"].isin(names))
        return models_on_lines(models, self.abscissa, self.shift_lines)

    def starts_at_all(self, shift: str, imagenet: Activations, test: Activations) -> bool:
        """Return whether a shift is compared with the accuracy on all of ImageNet's images.

        A shift without standard models is compared with the accuracy on its own classes.
        """
        if np.array_equal(imagenet.class_indices, test.class_indices) and not test.aliases:
            return True
        return self.abscissa.get(shift) == "imagenet"

    def reasons(
        self, tests: Mapping[str, Activations], not_given: Iterable[str] = ()
    ) -> dict[str, str]:
        """Return why an encoder has no effective robustness, by shift; other shifts are left out.

        It was not measured, the study states no standard models, too few of them are above chance,
        or its test sets have other classes: fewer are easier to tell apart, so accuracy among them
        is not comparable with a line over all. For ImageNet, the classes of the line's abscissa
        count.

        Parameters
        ----------
        tests : what was measured, ImageNet's test set first
        not_given : shifts of the study that there are no activations on
        """
        imagenet, *shifts = tests
        reasons = {shift: self._reason(shift, tests[imagenet], tests[shift]) for shift in shifts}
        return {s: why for s, why in reasons.items() if why} | dict.fromkeys(not_given, NOT_GIVEN)

    def _reason(self, shift: str, imagenet: Activations, test: Activations) -> str:
        if shift not in self.at_chance:
            return (
                f"the study compares it with no standard models (`shifts.{shift}.baseline: none`)"
            )
        if shift not in self.lines:
            return (
                f"{len(self.at_chance[shift])} of {len(self.models)} standard models are "
                f"not above chance on it, and a line needs models of {MIN_MODELS} families that are"
            )
        held = {shift: {*test.class_indices}, "imagenet": {*imagenet.class_indices}}
        needed = {name: {*self.classes[name]} for name in held}
        if self.abscissa[shift] != "imagenet":
            at_abscissa = needed[shift] | {*test.aliases}
            for sets in (held, needed):
                sets["imagenet"] &= at_abscissa
        for name, expected in needed.items():
            if held[name] != expected:
                others = held[name] - expected
                more = f" and {len(others):,} others" if others else ""
                return (
                    f"{name} has images of {len(held[name] & expected):,} of the "
                    f"{len(expected):,} classes that the line's models were measured on{more}; "
                    "fewer classes are easier to tell apart, so that this accuracy does not "
                    "compare with the line"
                )
        return ""


def read_baseline_table(folder: Path, shift: str, abscissa: str) -> "pd.DataFrame":
    """Return the standard models of a shift, as `published_accuracies.standard_models` does.

    Parameters
    ----------
    folder : `data/baselines`
    shift : its name in the study
    abscissa : the ImageNet accuracy that its line starts from, `imagenet` or that on the shift's
        classes (`on_classes`): the column that the table needs besides `model` and `shift`

    Raises
    ------
    InputError
        There is no such table, it lacks a column, has too few models or one twice, or a cell is no
        percentage.
    """
    file = folder / f"{shift}.csv"
    name = "imagenet" if abscissa == "imagenet" else "imagenet_on_classes"
    if not file.exists():
        raise InputError(
            f"{file}: expected the accuracies of standard models on this shift, got no file; write "
            f"it (data/baselines/README.md), or say `baseline: none` in 'shifts.{shift}'"
        )
    columns = [name, "shift"]
    models = read_models(file, columns, columns, required=columns, unique=["name"])
    if len(models) < MIN_MODELS:
        raise InputError(
            f"{file}: expected {MIN_MODELS} standard models or more, got {len(models)}; add rows, "
            f"or say `baseline: none` in 'shifts.{shift}'"
        )
    if models[name].max() <= 1:
        raise InputError(
            f"{file}: {name}: expected percentages, but no model has more than 1 %; multiply "
            "fractions by 100"
        )
    return models[["name", *columns]].rename(columns={name: abscissa, "shift": shift})
