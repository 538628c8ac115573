"""Effective robustness: accuracy on a shift beyond what accuracy on ImageNet predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, overload

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.conversions import MAX_QUOTED, as_mapping, as_settings, as_value
from interpreting_clip.config.shifts import SHIFTS, TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import listed, one_line
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.formats.result import Estimate, Label, Number, Part, Result
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.quantities import Confidence, Count, Described, Percents, Seed, StrictStruct
from interpreting_clip.statistics import published_accuracies
from interpreting_clip.statistics.accuracy_draws import (
    MeasuredAccuracy,
    draw_on_imagenet,
    draw_on_shift,
)
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.intervals import percentile_interval, wilson_interval
from interpreting_clip.statistics.logit_line import LogitLine, ResampledLines
from interpreting_clip.statistics.own_models import (
    ORIGINAL,
    UNKNOWN,
    TableLike,
    own_lines,
    own_models,
)
from interpreting_clip.statistics.standard_limit import StandardModels
from interpreting_clip.statistics.standard_spread import StandardSpread

NATURAL = ("imagenet_v2", "objectnet", "imagenet_a")
"""The testbed's shifts of new photographs. The paper does not divide its five shifts."""

STYLE = ("imagenet_r", "imagenet_sketch")
"""The testbed's shifts of other styles: paintings, sketches. The division is ours."""

OWN_PLACE = len(NATURAL) + len(STYLE) + 1
"""The place of a study's own shift in the draws: after the testbed's, the same for each."""

NOT_GIVEN = "its folder of activations has none on these images"
"""Why an encoder has no number on a dataset that other encoders of the study have one on."""

DRAW_DIGITS = 4
"""Decimal places that the draws of a mean keep, in points: there are many of them."""


IMAGENET = "imagenet"

# ImageNet has 50 validation images of each class. ObjectNet's 113 classes are 125 of ImageNet's.
SETS = {
    IMAGENET: Guessing(50_000, 1000),
    **published_accuracies.GUESSING,
    **{
        on_classes(shift): Guessing(50 * classes, SHIFTS[shift].classes)
        for shift, classes in {"imagenet_r": 200, "imagenet_a": 200, "objectnet": 125}.items()
    },
}
"""The images and classes of each set, as published."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The confidence of the interval and the seed of its draws, one per line of the baseline."""

    seed: Annotated[Seed, Described("of the draws")] = 0
    confidence: Annotated[Confidence, Described("of the interval", "probability")] = 0.95


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnShift(Result):
    """An encoder on one shift: accuracies in percent, effective robustness in points.

    Attributes
    ----------
    accuracy : on the shift, among its classes; without an interval if the images are not known
    imagenet : the accuracy on ImageNet that it is compared with; None if it is compared with none
    robustness : None if no line is known for the shift, or if it does not compare
    spread : of the line's standard models; None if they are not known, or if the line has a knee,
        since their distances then depend on their accuracy
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
    spread: Annotated[StandardSpread | None, Part("standard models")] = None
    images: int | None
    classes: int
    imagenet_images: int | None
    guessing: float
    standard: float = 0.0
    extrapolated: bool = False
    left_out: str = ""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnOwnShift(OnShift):
    """An encoder on a shift of a study's own, with columns in `dvc metrics show`."""

    accuracy: Annotated[
        Estimate, Label("accuracy", 1, unit="%", chance="guessing", headline="accuracy")
    ]
    robustness: Annotated[
        Estimate | None,
        Label("effective robustness", 1, unit="points", chance="standard", headline="robust"),
    ]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnCurve(Result):
    """Effective robustness on curved lines (`fit_curve`), in points.

    A line is straight where the standard models do not support a knee. Where none has a knee, the
    numbers are the straight lines'.

    Attributes
    ----------
    robustness : the mean over the shifts with its interval; None without a mean
    limit : one more standard model with the encoder's accuracy on ImageNet lies within ± this, with
        the confidence of the intervals (`standard_limit`); None if the mean is over fewer than four
        shifts, outside the standard models' range, or if these are not known
    knees : the ImageNet accuracy of the knee in percent, by shift
    per_shift : the effective robustness on the shifts that have a knee
    standard : what a standard model has on average, by definition
    draws : as in `EffectiveRobustness`
    """

    robustness: Annotated[
        Estimate | None, Label("mean effective robustness", 1, unit="points", chance="standard")
    ]
    limit: Annotated[float | None, Label("limit for one more standard model", 1, unit="points")]
    knees: dict[str, float]
    per_shift: dict[str, Estimate]
    standard: float = 0.0
    draws: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EffectiveRobustness(Result):
    """Accuracy on shifts beyond what accuracy on ImageNet predicts, in points.

    `shift_accuracy` and `robustness` are means over the testbed's shifts that have an effective
    robustness, `natural` and `style` over those of `NATURAL` and `STYLE`; None if none has, or if
    some were not given, since the mean of others does not compare. The intervals are ours: they
    cover which standard models the line was fitted to (`resample_lines`) and which images the
    encoder was measured on (`draw_on_imagenet`).

    Attributes
    ----------
    imagenet : accuracy in percent
    spread, natural_spread, style_spread : of the standard models that were measured on all of the
        same shifts; None if they are not known
    curved : the same mean on curved lines, with a limit for the encoder's own accuracy
    extrapolated : how many shifts of the mean have a line that is extrapolated to the encoder
    standard : what a standard model has on average, by definition
    imagenet_images, imagenet_classes : of ImageNet's test set; images are None if unknown
    per_shift : each of the testbed's shifts that was measured
    not_given : the shifts that a folder of activations lacks
    models : standard models of the line that has most
    draws : the mean in points, one for each resampled line and draw of the images, which encoders
        share, so the draws of two can be subtracted; empty without a mean
    """

    CAPTION: ClassVar[str] = (
        "Interval: of the lines and of the accuracies. Chance: 0, the standard models' line."
    )

    imagenet: Annotated[float, Label("accuracy on ImageNet", 1, unit="%", headline="accuracy")]
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
    spread: Annotated[StandardSpread | None, Part("standard models")] = None
    natural_spread: Annotated[StandardSpread | None, Part("standard models on natural shifts")] = (
        None
    )
    style_spread: Annotated[StandardSpread | None, Part("standard models on style shifts")] = None
    curved: Annotated[OnCurve | None, Part("curved lines")] = None
    extrapolated: Annotated[int, Label("shifts whose line is extrapolated", 0)]
    standard: float = 0.0
    imagenet_images: int | None
    imagenet_classes: int
    per_shift: Annotated[dict[str, OnShift], Part("")]
    not_given: list[str] = field(default_factory=list)
    models: int = 0
    draws: list[float] = field(default_factory=list)

    @property
    def numbers(self) -> list[Number]:
        """The numbers with their labels, without those that repeat others.

        A mean over a single shift is this shift's number; the mean over natural shifts, or over
        those of style, is the mean if there are no others; and the mean on curved lines is that on
        straight lines if no line has a knee, and no limit for it is known.
        """
        every, shifts = super().numbers, self.compared
        repeated = []
        for kind, name in ((NATURAL, "natural"), (STYLE, "style")):
            if len(among := [s for s in shifts if s in kind]) == 1 or among == shifts:
                repeated += [name, f"{name}_spread."]
        if self.curved and not self.curved.knees and self.curved.limit is None:
            repeated += ["curved.robustness"]
        if len(shifts) == 1:
            repeated += ["shift_accuracy", "robustness", "spread."]
            headlines = {n.name: n.headline for n in every if n.headline}
            moved = {
                f"per_shift.{shifts[0]}.accuracy": headlines.get("shift_accuracy", ""),
                f"per_shift.{shifts[0]}.robustness": headlines.get("robustness", ""),
            }
            every = [
                replace(
                    n,
                    label=n.label.replace("mean ", ""),
                    headline=moved.get(n.name, n.headline),
                )
                for n in every
            ]
        return [n for n in every if not n.name.startswith(tuple(repeated))]

    @property
    def notes(self) -> list[str]:
        """What the lines are fitted to, what the mean is over, and where they are extrapolated."""
        found = [f"Lines: through up to {self.models} standard models (Taori et al. 2020)."]
        if self.robustness and 1 < len(self.compared) < len(TESTBED_SHIFTS):
            found += [
                f"Mean: over {', '.join(self.compared)}; it does not compare with a mean over "
                "other shifts."
            ]
        if self.spread and len(self.compared) > 1:
            found += [
                f"Their own mean over these shifts: 0 ± {self.spread.deviation:.1f} points (SD of "
                f"{self.spread.models}), at most {self.spread.largest:.1f} away."
            ]
        found += self._judgement
        if beyond := self.extrapolated_shifts:
            found += [
                "Extrapolated, since no standard model has such an accuracy on ImageNet: "
                f"{', '.join(beyond)}."
            ]
        return [*found, *super().notes]

    @property
    def is_robust(self) -> bool | None:
        """Whether the interval on curved lines lies above the limit for one more standard model.

        None if there is no such interval or limit, or if a line is extrapolated to the encoder.
        """
        curved = self.curved
        if self.extrapolated or not (curved and curved.robustness and curved.limit is not None):
            return None
        return curved.robustness.ends[0] > curved.limit

    @property
    def is_robust_on_straight_lines(self) -> bool | None:
        """The same on straight lines, with a limit that is equal for all accuracies."""
        if self.extrapolated or not (self.robustness and self.spread):
            return None
        return self.spread.is_exceeded_by(self.robustness)

    @property
    def _judgement(self) -> list[str]:
        straight = self.is_robust_on_straight_lines
        if self.is_robust is None or self.curved is None:
            return []
        found = [
            f"{'More' if self.is_robust else 'Not more'} robust than standard models: on curved "
            f"lines, the interval has to lie above {self.curved.limit:.1f} points."
        ]
        if self.spread and straight not in (None, self.is_robust):
            found += [f"Straight lines and their limit, {self.spread.limit:.1f}, decide otherwise."]
        return found

    @property
    def reasons(self) -> dict[str, str]:
        """Why there is no effective robustness, by shift."""
        why = NOT_GIVEN
        if self.robustness is None:
            why += ", and a mean over other shifts would not compare with other encoders’"
        known = {name: one.left_out for name, one in self.per_shift.items() if one.left_out}
        return known | dict.fromkeys(self.not_given, why)

    @property
    def compared(self) -> list[str]:
        """The testbed's shifts that the mean is over: those with an effective robustness."""
        return [name for name, one in self.per_shift.items() if one.robustness is not None]

    @property
    def extrapolated_shifts(self) -> list[str]:
        """The testbed's shifts whose line is extrapolated to the encoder."""
        return [name for name, one in self.per_shift.items() if one.extrapolated]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OnOwnLine(Result):
    """An encoder on one shift, compared with standard models of the user's own.

    Attributes
    ----------
    accuracy : on the shift in percent; without an interval if the images are not known
    robustness : in points; None if too few standard models are above chance on the shift
    models, families : standard models that are above chance on the shift, and their families
    spread : of these models, with the limit for one more; None without a line, or if the line has a
        knee (`fit_curve`)
    at_chance : the names of the other models
    images, classes, guessing : of the shift; None if unknown
    standard : what a standard model has on average, by definition
    extrapolated : whether the line is extrapolated to the encoder
    left_out : why there is no effective robustness; empty if there is
    line : the straight line; None if there is none
    """

    accuracy: Annotated[Estimate, Label("accuracy", 1, unit="%", chance="guessing")]
    robustness: Annotated[
        Estimate | None, Label("effective robustness", 1, unit="points", chance="standard")
    ]
    models: Annotated[int, Label("standard models", 0)]
    spread: Annotated[StandardSpread | None, Part("standard models")]
    families: int
    at_chance: list[str]
    images: int | None
    classes: int | None
    guessing: float | None
    standard: float = 0.0
    extrapolated: bool = False
    left_out: str = ""
    line: LogitLine | None = None

    @property
    def is_robust(self) -> bool | None:
        """Whether the interval lies above the limit for one more standard model.

        None without a limit, or if the line is extrapolated to the encoder.
        """
        if self.extrapolated or not (self.robustness and self.spread):
            return None
        return self.spread.is_exceeded_by(self.robustness)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OwnRobustness(Result):
    """Effective robustness on shifts of the user's own, each with a line of its own.

    Attributes
    ----------
    original : accuracy on the original images in percent, from which the lines start; without an
        interval if the images are not known
    images, classes, guessing : of the original images; None if unknown
    per_shift : the encoder on each shift; there is no mean
    models : the standard models: names, perhaps families, and accuracies in percent, None where
        unknown
    """

    CAPTION: ClassVar[str] = (
        "Interval: of the line and of the images. Chance: guessing; 0, the standard models' line."
    )

    original: Annotated[
        Estimate, Label("accuracy on the original images", 1, unit="%", chance="guessing")
    ]
    per_shift: Annotated[dict[str, OnOwnLine], Part("")]
    images: int | None
    classes: int | None
    guessing: float | None
    models: list[dict[str, Any]]

    @property
    def notes(self) -> list[str]:
        """What the lines are fitted to, and what the models' own distances to them say."""
        lines = [line for name, one in self.per_shift.items() for line in _line_notes(name, one)]
        lines += [
            f"{name}: among {one.classes:,} classes, and the original images among "
            f"{self.classes:,}; it compares only with models that were measured so, too."
            for name, one in self.per_shift.items()
            if self.classes and one.classes and self.classes != one.classes
        ]
        unknown = [name for name, one in self.per_shift.items() if one.guessing is None]
        if unknown:
            lines += [
                f"Chance level of {', '.join(unknown)}: unknown, so that no standard model is left "
                "out as guessing; pass results of `accuracy`."
            ]
        caption = self.CAPTION
        if self.images is None and all(one.images is None for one in self.per_shift.values()):
            caption = "Interval: of the line alone. Chance: 0, the standard models' line."
        return [*lines, caption]


def _line_notes(name: str, one: OnOwnLine) -> list[str]:
    """Return what to know about the line of a shift."""
    if one.left_out:
        return [f"{name}: no effective robustness, since {one.left_out}."]
    about = f"{name}: the line is through {one.models} standard models"
    if one.families != one.models:
        about += f" of {one.families} families"
    if one.at_chance:
        about += f"; not above chance and left out: {listed(one.at_chance)}"
    found = [f"{about}."]
    if one.spread and one.is_robust is not None:
        found += [
            f"{name}: {'more' if one.is_robust else 'not more'} robust than standard models: the "
            f"interval has to lie above {one.spread.limit:.1f} points, the limit for one more."
        ]
    elif not one.spread:
        found += [f"{name}: no limit for one more standard model, since their line has a knee."]
    if one.extrapolated:
        found += [
            f"{name}: extrapolated, since no standard model has such an accuracy on the original "
            "images."
        ]
    return found


@overload
def effective_robustness(
    accuracies: Mapping[str, float | Accuracy],
    *,
    standard: None = None,
    images: Mapping[str, int | None] = MappingProxyType({}),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> EffectiveRobustness: ...
@overload
def effective_robustness(
    accuracies: Mapping[str, float | Accuracy],
    *,
    standard: TableLike,
    images: Mapping[str, int | None] = MappingProxyType({}),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> OwnRobustness: ...
def effective_robustness(
    accuracies: Mapping[str, float | Accuracy] = MappingProxyType({}),
    *,
    standard: TableLike | None = None,
    images: Mapping[str, int | None] = MappingProxyType({}),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    **sets: Any,
) -> EffectiveRobustness | OwnRobustness:
    """Compare accuracies on shifts with the line of standard models (Taori et al. 2020).

    `acc_shift − β(acc_ImageNet)` in points, for each shift and on average over those that are
    given. β is fitted to the standard models of the published testbed. With standard models of your
    own, β of each shift is fitted to these and starts at their accuracy on the original images;
    there is no mean.

    Parameters
    ----------
    accuracies : top-1 accuracy **in percent** by the name of the set, or results of `accuracy`:
        `imagenet`, over all 1,000 classes, and one or more of `imagenet_v2`, `imagenet_r`,
        `imagenet_sketch`, `objectnet` and `imagenet_a`. A line starts at `imagenet`, or, if you
        give them, at `imagenet_on_r_classes`, `imagenet_on_a_classes` or
        `imagenet_on_objectnet_classes`: accuracy on ImageNet's images of the shift's classes, among
        these classes, as the testbed compares these shifts. With `standard`: `original` and your
        shifts
    standard : your own standard models, at least three, as a table of pandas or a mapping of
        columns: their accuracies in percent on the `original` images and on each shift, under its
        name; perhaps `model`, and `family`, since models of a family are no independent evidence.
        Models that are not above chance on a shift are left out there. None: the testbed's
    images : on how many images each was measured; None for one that is exact. By default as many
        as were published; of your own shifts, as many as the results of `accuracy` have
    resamples : lines drawn for the intervals
    seed : of the draws
    confidence : of the intervals, above 0 and below 1
    sets : refused; accuracies are one mapping

    Raises
    ------
    TypeError, ValueError
        An argument is out of its range, no line is known for a set, or a set is lacking.
    """
    if sets:
        (name, value), *_ = sets.items()
        advice = f'; pass a mapping, {{"{name}": {value}, …}}' if name in SETS else ""
        raise TypeError(f"effective_robustness: {name} is not one of its keywords{advice}")
    settings = as_settings(
        published_accuracies.Settings, resamples=resamples, seed=seed, confidence=confidence
    )
    accuracies, images = as_mapping(accuracies, "accuracies"), as_mapping(images, "images")
    if standard is not None:
        return _on_own_lines(accuracies, images, standard, settings)
    measured = measured_accuracies(accuracies, images)
    shifts = [shift for shift in TESTBED_SHIFTS if shift in measured]
    starts = {
        shift: on_classes(shift) if on_classes(shift) in measured else IMAGENET for shift in shifts
    }
    lines = published_accuracies.published_lines(
        starts, resamples=settings.resamples, seed=settings.seed
    )
    return compare_with_lines(
        measured[IMAGENET],
        # All shifts, so that the draws of one do not depend on which others are given.
        {shift: measured.get(shift) for shift in TESTBED_SHIFTS},
        lines=lines,
        starts={shift: measured[start] for shift, start in starts.items()},
        standard=published_accuracies.models_on_lines(
            published_accuracies.without_guessing(published_accuracies.standard_models()),
            starts,
            lines,
        ),
        settings=Settings(confidence=settings.confidence, seed=settings.seed),
    )


def _on_own_lines(
    accuracies: Mapping[str, Any],
    images: Mapping[str, Any],
    standard: TableLike,
    settings: published_accuracies.Settings,
) -> OwnRobustness:
    """Compare accuracies with a user's own standard models, as a study does on its own shifts."""
    measured = own_accuracies(accuracies, images)
    shifts = [shift for shift in measured if shift != ORIGINAL]
    guessing = {
        shift: Guessing(value.images, value.classes) if isinstance(value, Accuracy) else UNKNOWN
        for shift, value in accuracies.items()
        if shift != ORIGINAL
    }
    models = own_models(standard, shifts)
    own = own_lines(models, guessing, resamples=settings.resamples, seed=settings.seed)
    how = Settings(confidence=settings.confidence, seed=settings.seed)
    per_shift = {}
    for shift in shifts:
        found = robustness_on_own_shift(
            shift,
            measured[shift],
            measured[ORIGINAL],
            lines=own.lines,
            standard=own.standard,
            reason=own.reasons.get(shift, ""),
            settings=how,
        )
        per_shift[shift] = OnOwnLine(
            accuracy=found.accuracy,
            robustness=found.robustness,
            spread=found.spread,
            models=own.models[shift],
            families=own.families[shift],
            at_chance=own.at_chance[shift],
            extrapolated=found.extrapolated,
            left_out=found.left_out,
            line=own.lines.lines.get(shift),
            **_chance_of(accuracies[shift], measured[shift]),
        )
    start = measured[ORIGINAL]
    return OwnRobustness(
        original=_accuracies(start, None, settings.confidence)["accuracy"],
        per_shift=per_shift,
        models=records(models),
        **_chance_of(accuracies[ORIGINAL], start),
    )


def _chance_of(given: Any, measured: MeasuredAccuracy) -> dict[str, Any]:
    """Return the images, the classes and the accuracy of guessing; None where unknown."""
    known = isinstance(given, Accuracy)
    return {
        "images": measured.images,
        "classes": given.classes if known else None,
        "guessing": given.guessing if known else None,
    }


def own_accuracies(
    accuracies: Mapping[str, Any], images: Mapping[str, Any]
) -> dict[str, MeasuredAccuracy]:
    """Return accuracies on the original images and on shifts of the user's own, by set."""
    if ORIGINAL not in accuracies or len(accuracies) == 1:
        raise ValueError(
            f"accuracies: expected those on the `{ORIGINAL}` images and on one or more shifts, got "
            f"{', '.join(map(str, accuracies)) or 'none'}"
        )
    if unknown := [str(name) for name in images if name not in accuracies]:
        raise ValueError(
            f"images of {one_line(unknown[0])[:MAX_QUOTED]}: expected some of "
            f"{', '.join(map(str, accuracies))}"
        )
    found = {}
    for name, value in accuracies.items():
        one = measured_accuracy(name, value, None, UNKNOWN.classes, images)
        # With the images' own predictions, the draws are those of a study.
        if isinstance(value, Accuracy) and len(value.correct) and name not in images:
            one = MeasuredAccuracy.of_images(value.correct.astype(float), value.classes)
        found[str(name)] = one
    return found


def measured_accuracies(
    accuracies: Mapping[str, Any], images: Mapping[str, Any]
) -> dict[str, MeasuredAccuracy]:
    """Return accuracies by set, each with the number of images that it was measured on."""
    if unknown := [str(name) for name in (*accuracies, *images) if name not in SETS]:
        raise ValueError(
            f"{one_line(unknown[0])[:MAX_QUOTED]}: no line is known for this set; expected some of "
            f"{', '.join(SETS)}, or standard models of your own"
        )
    if IMAGENET not in accuracies or not accuracies.keys() & {*TESTBED_SHIFTS}:
        raise ValueError(
            f"accuracies: expected those on {IMAGENET} and on at least one of "
            f"{', '.join(TESTBED_SHIFTS)}, got {', '.join(accuracies) or 'none'}"
        )
    for shift in TESTBED_SHIFTS:
        if on_classes(shift) in accuracies and shift not in accuracies:
            raise ValueError(f"{on_classes(shift)}: expected the accuracy on {shift} as well")
    return {
        name: measured_accuracy(name, value, SETS[name].images, SETS[name].classes, images)
        for name, value in accuracies.items()
    }


def measured_accuracy(
    name: str, value: Any, count: int | None, classes: int, images: Mapping[str, Any]
) -> MeasuredAccuracy:
    """Return an accuracy with the number of images that it was measured on.

    Parameters
    ----------
    name, value : of the set, and the accuracy in percent or a result of `accuracy`
    count, classes : of the set, for an accuracy in percent; count is None for one that is exact
    images : as in `effective_robustness`
    """
    if isinstance(value, Accuracy):
        percent, count, classes = value.accuracy.value, value.images, value.classes
    else:
        percent = as_value(value, Percents, f"{name}, in percent", strict=False)
        # Only on ImageNet-A do standard models score less than 1 %.
        if percent <= 1 and name != "imagenet_a":
            raise ValueError(f"{name}: expected percent, got {percent}; is it {100 * percent:g}?")
    # None: the accuracy is exact.
    count = as_value(images.get(name, count), Count | None, f"images of {name}")
    return MeasuredAccuracy(percent / 100, count, classes)


def compare_with_lines(
    imagenet: MeasuredAccuracy,
    shifts: Mapping[str, MeasuredAccuracy | None],
    *,
    lines: ShiftLines,
    starts: Mapping[str, MeasuredAccuracy],
    standard: StandardModels | None = None,
    reasons: Mapping[str, str] = MappingProxyType({}),
    settings: Settings = Settings(),
) -> EffectiveRobustness:
    """Compute `acc_shift - β(acc_ImageNet)` per shift and on average (Taori et al. 2020).

    Parameters
    ----------
    imagenet, shifts : accuracies; None for a shift of the mean that was not measured
    lines : β of each shift, and its resamples, as many for every shift
    starts : the ImageNet accuracy at which each line is read, over the classes of β's
    standard : the standard models; without them their spread and limit are not known
    reasons : why a shift has no effective robustness; without one of `shifts` that was not
        measured although the study has it, no mean compares
    """
    measured = {shift: one for shift, one in shifts.items() if one is not None}
    not_given = [shift for shift in reasons if shift not in measured]
    compared = {shift: starts[shift] for shift in measured if shift not in reasons}
    # Among all shifts, so that one that was not measured leaves the others' draws as they are.
    places = {shift: place for place, shift in enumerate(shifts, 1)}
    accuracies = _draw_accuracies(compared, measured, lines, places, settings.seed)
    over, on_curve = (
        _Means.over(compared, measured, accuracies, each, settings.confidence)
        for each in (lines, lines.curved)
    )
    each = _on_shifts(measured, starts, lines, over, reasons=reasons, standard=standard)
    in_mean = [s for s in compared if shifts.keys().isdisjoint(not_given)]
    natural, style = ([s for s in in_mean if s in kind] for kind in (NATURAL, STYLE))
    per_shift = {shift: OnShift(**each[shift]) for shift in measured}

    def spread(of: Sequence[str]) -> StandardSpread | None:
        return standard and standard.spread(of, settings.confidence)

    return EffectiveRobustness(
        imagenet=100 * imagenet.fraction,
        shift_accuracy=fmean(100 * measured[s].fraction for s in in_mean) if in_mean else None,
        robustness=over.value(in_mean),
        natural=over.value(natural),
        style=over.value(style),
        spread=spread(in_mean),
        natural_spread=spread(natural),
        style_spread=spread(style),
        curved=_on_curve(imagenet, in_mean, lines, on_curve, standard),
        extrapolated=sum(one.extrapolated for one in per_shift.values()),
        imagenet_images=imagenet.images,
        imagenet_classes=imagenet.classes,
        per_shift=per_shift,
        not_given=not_given,
        models=max((lines.lines[s].models for s in compared), default=0),
        draws=over.draws_of(in_mean).round(DRAW_DIGITS).tolist(),
    )


def robustness_on_own_shift(
    shift: str,
    accuracy: MeasuredAccuracy,
    start: MeasuredAccuracy,
    *,
    lines: ShiftLines,
    standard: StandardModels | None = None,
    reason: str = "",
    settings: Settings = Settings(),
) -> OnOwnShift:
    """Compute `acc_shift - β(acc_ImageNet)` on a shift that is part of no mean.

    Parameters
    ----------
    shift : its name
    accuracy : on the shift
    start : the ImageNet accuracy that it is compared with, at which the line is read
    lines, standard : as in `compare_with_lines`; without a line of this shift there is a `reason`
    reason : why there is no effective robustness; empty if there is
    """
    measured, starts = {shift: accuracy}, {shift: start}
    reasons = {shift: reason} if reason else {}
    compared = {} if reason else starts
    drawn = _draw_accuracies(compared, measured, lines, {shift: OWN_PLACE}, settings.seed)
    over = _Means.over(compared, measured, drawn, lines, settings.confidence)
    return OnOwnShift(
        **_on_shifts(measured, starts, lines, over, reasons=reasons, standard=standard)[shift]
    )


def above_line(
    imagenet: float | Float[np.ndarray, " accuracy"],
    shift: float | Float[np.ndarray, " accuracy"],
    line: LogitLine | ResampledLines,
) -> Float[np.ndarray, " accuracy"]:
    """Compute `acc_shift - β(acc_ImageNet)` in percentage points (Taori et al. 2020).

    Parameters
    ----------
    imagenet, shift : top-1 accuracies, fractions from 0 to 1; two numbers give one entry
    line : β as fitted; or resampled lines, each for one accuracy or all for the same
    """
    shape = np.broadcast_shapes(np.shape(imagenet), np.shape(line.slope), (1,))
    return 100.0 * (shift - line.predict(np.broadcast_to(imagenet, shape)))


Draws = Float[np.ndarray, " resample"]


@dataclass(frozen=True, eq=False)
class _Means:
    """The effective robustness on each shift, and its draws."""

    values: Mapping[str, float]
    draws: Mapping[str, Draws]
    confidence: float

    @classmethod
    def over(
        cls,
        starts: Mapping[str, MeasuredAccuracy],
        measured: Mapping[str, MeasuredAccuracy],
        accuracies: Mapping[str, tuple[Draws, Draws]],
        lines: ShiftLines,
        confidence: float,
    ) -> "_Means":
        """Compare accuracies and their draws with the lines, on each shift that has a start."""
        values = {
            shift: float(above_line(x.fraction, measured[shift].fraction, lines.lines[shift])[0])
            for shift, x in starts.items()
        }
        draws = {s: above_line(*drawn, lines.resampled[s]) for s, drawn in accuracies.items()}
        return cls(values, draws, confidence)

    def value(self, shifts: Sequence[str]) -> Estimate | None:
        """Return the mean over some shifts with its interval; None if there are none."""
        if not shifts:
            return None
        value = float(np.mean([self.values[shift] for shift in shifts]))
        return percentile_interval(value, self.draws_of(shifts), self.confidence)

    def draws_of(self, shifts: Sequence[str]) -> Draws:
        # Taken draw by draw, which keeps the correlation between shifts.
        return np.mean([self.draws[s] for s in shifts], axis=0) if shifts else np.empty(0)


def _draw_accuracies(
    starts: Mapping[str, MeasuredAccuracy],
    measured: Mapping[str, MeasuredAccuracy],
    lines: ShiftLines,
    places: Mapping[str, int],
    seed: int,
) -> dict[str, tuple[Draws, Draws]]:
    """Draw the accuracies on ImageNet and on each shift that has a start, one for each resample."""
    resamples = max((len(lines.resampled[shift].slope) for shift in starts), default=0)
    on_imagenet = draw_on_imagenet(starts, resamples, seed)
    return {
        shift: (x, draw_on_shift(measured[shift], resamples, seed, places[shift]))
        for shift, x in on_imagenet.items()
    }


def _on_curve(
    imagenet: MeasuredAccuracy,
    shifts: Sequence[str],
    lines: ShiftLines,
    over: _Means,
    standard: StandardModels | None,
) -> OnCurve:
    """Return the mean over some shifts on curved lines, and the standard models' limit."""
    limit = standard and standard.limit(shifts, over.confidence)
    bent = {shift: line for shift, line in lines.curves.items() if shift in over.values}
    return OnCurve(
        robustness=over.value(shifts),
        limit=limit and limit.at(imagenet.fraction),
        knees={shift: 100 * line.knee for shift, line in bent.items() if line.knee},
        per_shift={shift: estimate for shift in bent if (estimate := over.value([shift]))},
        draws=over.draws_of(shifts).round(DRAW_DIGITS).tolist(),
    )


def _on_shifts(
    measured: Mapping[str, MeasuredAccuracy],
    starts: Mapping[str, MeasuredAccuracy],
    lines: ShiftLines,
    over: _Means,
    *,
    reasons: Mapping[str, str],
    standard: StandardModels | None,
) -> dict[str, dict[str, Any]]:
    """Return the fields of each shift's `OnShift`."""
    found: dict[str, dict[str, Any]] = {}
    for shift, one in measured.items():
        found[shift] = _accuracies(one, starts.get(shift), over.confidence)
        if shift in reasons:
            found[shift] |= {"robustness": None, "left_out": reasons[shift]}
            continue
        # Around a bent line the standard models' distances depend on their accuracy.
        known = standard if shift not in lines.curves else None
        found[shift] |= {
            "robustness": over.value([shift]),
            "spread": known and known.spread([shift], over.confidence),
            "extrapolated": lines.lines[shift].is_extrapolated(starts[shift].fraction),
        }
    return found


def _accuracies(
    accuracy: MeasuredAccuracy, start: MeasuredAccuracy | None, confidence: float
) -> dict[str, Any]:
    """Return what an `OnShift` says of the accuracy on a shift and of that on ImageNet."""
    percent = Estimate(100 * accuracy.fraction)
    if accuracy.images is not None:
        low, high = wilson_interval(accuracy.fraction, accuracy.images, confidence).ends
        percent = Estimate(percent.value, 100 * low, 100 * high)
    return {
        "accuracy": percent,
        "imagenet": start and 100 * start.fraction,
        "images": accuracy.images,
        "classes": accuracy.classes,
        "imagenet_images": start and start.images,
        "guessing": 100 / accuracy.classes,
    }
