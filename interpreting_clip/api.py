"""The measures that `interpreting_clip` offers: for anybody's arrays, with settings as keywords.

Each is the function of its module in `measures` behind one decorator, `for_arrays`; effective
robustness is compared with the lines of the published testbed's models.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import Parameter, Signature
from textwrap import fill
from typing import Any, TypeVar, get_type_hints

import msgspec
import numpy as np

from interpreting_clip.arrays.conversions import (
    LONGEST,
    as_classes,
    as_head,
    as_labels,
    as_mapping,
    as_matrix,
    as_representation,
    as_texts,
    as_value,
    described,
)
from interpreting_clip.config.shifts import SHIFTS, TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import one_line
from interpreting_clip.measures import accuracy as of_accuracy
from interpreting_clip.measures import cka as of_cka
from interpreting_clip.measures import concepts as of_concepts
from interpreting_clip.measures import directions as of_directions
from interpreting_clip.measures import effective_robustness as of_lines
from interpreting_clip.measures import kurtosis as of_kurtosis
from interpreting_clip.measures import mutual_neighbours as of_neighbours
from interpreting_clip.measures import participation_ratio as of_dimensions
from interpreting_clip.measures import privileged_basis as of_basis
from interpreting_clip.measures import pruning as of_pruning
from interpreting_clip.measures.concepts import as_directions
from interpreting_clip.quantities import (
    Confidence,
    Count,
    Described,
    Percents,
    Positive,
    Share,
    ThreadCount,
)
from interpreting_clip.statistics.accuracy_draws import MeasuredAccuracy
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.published_accuracies import (
    GUESSING,
    fractions_above_chance,
    published_lines,
    standard_models,
)
from interpreting_clip.statistics.published_accuracies import Settings as PublishedSettings
from interpreting_clip.statistics.standard_spread import line_residuals

__all__ = (
    "accuracy",
    "cka",
    "concepts",
    "directions",
    "effective_robustness",
    "kurtosis",
    "mutual_neighbours",
    "outlier_features",
    "participation_ratio",
    "privileged_basis",
    "pruning",
)

Returned = TypeVar("Returned")

Arguments = Mapping[str, Any]

BY_PLACE = ("activations", "first", "second", "accuracies")
"""The arguments that need no keyword."""

INTERNAL = ("candidates", "numbers", "left_out", "random")
"""Arguments with which a study hands over what it knows already."""

HEAD = {"bias": None, "normalize_features": False}
"""The further arguments that make a `Head`, with their defaults."""

VALUES: dict[str, Any] = {
    "confidence": Confidence,
    "harmless": Percents,
    "outlier_sigma": Positive,
    "outlier_share": Share,
    "minibatch": Count,
    "workers": ThreadCount,
    "progress": Callable,
}
"""What is legal for numbers that are no settings."""

IMAGENET = "imagenet"

# ImageNet has 50 validation images of each class. ObjectNet's 113 classes are 125 of ImageNet's.
SETS = {
    IMAGENET: Guessing(50_000, 1000),
    **GUESSING,
    **{
        on_classes(shift): Guessing(50 * classes, SHIFTS[shift].classes)
        for shift, classes in {"imagenet_r": 200, "imagenet_a": 200, "objectnet": 125}.items()
    },
}
"""The images and classes of each set, as published."""

HEAD_TEXT = """\
head : a row of weights for each class and a column for each feature; or an object with `weight` and
    `bias`, such as `nn.Linear`, or with `coef_` and `intercept_`
bias : of the head, a number for each class; None: that of the object, or none
normalize_features : whether the head takes activations of unit length, as CLIP's do"""

RAISES = """

Raises
------
TypeError, ValueError
    An argument is no array of finite numbers or is out of its range, or sizes do not match."""


def for_arrays(measure: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return a measure that takes anybody's arrays, and its settings as keywords.

    Activations come first, and everything else is a keyword. A `Head` becomes its weights, its bias
    and `normalize_features`; `Settings` become their fields, and `settings=` for all of them.
    """
    own = inspect.signature(measure)
    kind = settings_kind(measure)
    signature = own.replace(parameters=list(_public(own, kind)))

    @wraps(measure)
    def call(*arrays: Any, **keywords: Any) -> Returned:
        try:
            given = signature.bind(*arrays, **keywords).arguments
        except TypeError as error:
            names = ", ".join(
                name if name in BY_PLACE else f"{name}=" for name in signature.parameters
            )
            raise TypeError(f"{measure.__name__}: {error}; expected {names}") from None
        read: dict[str, Any] = {}
        for name, parameter in own.parameters.items():
            left_out = name not in given or (given[name] is None and parameter.default is None)
            if name != "settings" and not left_out:
                read[name] = _argument(name, given, read)
        if isinstance(given.get("labels"), Mapping) and "names" not in read:
            read["names"] = list(map(str, given["labels"]))
        if kind:
            read["settings"] = _settings(kind, given)
        return measure(**read)

    call.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    call.__doc__ = _documentation(measure, kind)
    call.__module__ = "interpreting_clip"
    return call


def settings_kind(measure: Callable[..., Any]) -> Any:
    """Return the type of a measure's settings; None if it has none."""
    settings = inspect.signature(inspect.unwrap(measure)).parameters.get("settings")
    return settings and type(settings.default)


def _public(own: Signature, kind: Any) -> Iterator[Parameter]:
    """Yield the parameters of the function for arrays; those of arrays have no annotation."""
    for name, one in own.parameters.items():
        if name in BY_PLACE:
            yield Parameter(name, Parameter.POSITIONAL_OR_KEYWORD)
        elif name == "settings":
            types, defaults = get_type_hints(kind), kind()
            for field in kind.__struct_fields__:
                yield _keyword(field, getattr(defaults, field), types[field])
            yield _keyword(name, None, kind | None)
        elif name not in INTERNAL:
            yield _keyword(name, one.default, one.annotation if name in VALUES else one.empty)
            if name == "head":
                yield from (_keyword(*further, one.empty) for further in HEAD.items())


def _keyword(name: str, default: Any, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _argument(name: str, given: Arguments, read: Arguments) -> Any:
    """Read an argument, which has to fit those that were read before it."""
    value, images, features, classes = given[name], 0, 0, 0
    if "activations" in read:
        images, features = read["activations"].shape
    if "head" in read:
        classes = len(read["head"].weight)
    match name:
        case "activations":
            found = as_matrix(value, name)
        case "first" | "second":
            found = as_representation(value, name)
        case "head":
            more = (given.get(further, default) for further, default in HEAD.items())
            found = as_head(value, *more, features=features)
        case "classes":
            found = as_classes(value, name, classes, images)
        case "among":
            found = np.unique(as_classes(value, name, classes)).tolist()
        case "labels":
            found = as_labels(value, name, images)
        case "directions":
            found = as_directions(value, features)
        case "names" | "categories":
            found = as_texts(value, name)
        case "aliases" | "accuracies" | "images":
            found = as_mapping(value, name)
        case _:
            found = as_value(value, VALUES[name], name)
    return found


def _settings(kind: Any, given: Arguments) -> Any:
    """Return settings of this kind, with those that were given as keywords."""
    whole = given.get("settings")
    if not isinstance(whole, kind | None):
        raise TypeError(f"settings: expected {kind.__module__}.Settings, got {described(whole)}")
    values = {**msgspec.structs.asdict(whole or kind()), **given}
    fields = msgspec.structs.fields(kind)
    return kind(**{one.name: as_value(values[one.name], one.type, one.name) for one in fields})


def _documentation(measure: Callable[..., Any], kind: Any) -> str:
    """Return the docstring of a measure, with its settings among the parameters."""
    text = inspect.cleandoc(measure.__doc__ or "")
    before, heading, rest = text.partition("\nParameters\n----------\n")
    entries, _, after = rest.partition("\n\n")
    parameters = []
    for entry in re.split(r"\n(?=\S)", entries):
        names, _, meaning = entry.partition(" : ")
        listed = names.split(", ")
        kept = ", ".join(one for one in listed if one not in ("head", "settings", *INTERNAL))
        parameters += [f"{kept} : {meaning}"] if kept else []
        parameters += [HEAD_TEXT] if "head" in listed else []
    for field in msgspec.structs.fields(kind) if kind else ():
        (said,) = (one for one in field.type.__metadata__ if isinstance(one, Described))
        paper = "" if said.paper in ("–", "not given") else f" (paper: {said.paper})"
        meaning = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", said.meaning)  # a link of the manual
        parameters.append(fill(f"{field.name} : {meaning}{paper}", 96, subsequent_indent="    "))
    if kind:
        parameters.append(f"settings : all of these at once, as `{kind.__module__}.Settings`")
    after = f"\n\n{after}" if after and not after.startswith("Raises") else ""
    return f"{before}{heading}" + "\n".join(parameters) + after + RAISES


kurtosis = for_arrays(of_kurtosis.kurtosis)
outlier_features = for_arrays(of_kurtosis.outlier_features)
participation_ratio = for_arrays(of_dimensions.participation_ratio)
privileged_basis = for_arrays(of_basis.privileged_basis)
accuracy = for_arrays(of_accuracy.accuracy)
directions = for_arrays(of_directions.directions)
pruning = for_arrays(of_pruning.pruning)
concepts = for_arrays(of_concepts.concepts)
cka = for_arrays(of_cka.cka)
mutual_neighbours = for_arrays(of_neighbours.mutual_neighbours)


@for_arrays
def effective_robustness(
    accuracies: Mapping[str, Any],
    *,
    images: Mapping[str, Any] | None = None,
    settings: PublishedSettings = PublishedSettings(),  # noqa: B008 - immutable
) -> of_lines.EffectiveRobustness:
    """Compare accuracies on shifts with the line of standard models (Taori et al. 2020).

    `acc_shift − β(acc_ImageNet)` in points, for each shift and on average over those that are
    given. β is fitted to the standard models of the published testbed, whose own distances from the
    line stand beside it.

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
    """
    measured = measured_accuracies(accuracies, images or {})
    shifts = [shift for shift in TESTBED_SHIFTS if shift in measured]
    starts = {
        shift: on_classes(shift) if on_classes(shift) in measured else IMAGENET for shift in shifts
    }
    lines, resampled = published_lines(starts, resamples=settings.resamples, seed=settings.seed)
    models = standard_models()
    residuals = {
        shift: line_residuals(
            models[start].to_numpy(float) / 100, fractions_above_chance(models, shift), lines[shift]
        )
        for shift, start in starts.items()
    }
    return of_lines.effective_robustness(
        measured[IMAGENET],
        # All shifts, so that the draws of one do not depend on which others are given.
        {shift: measured.get(shift) for shift in TESTBED_SHIFTS},
        lines=lines,
        resampled=resampled,
        starts={shift: measured[start] for shift, start in starts.items()},
        residuals=residuals,
        settings=of_lines.Settings(confidence=settings.confidence, seed=settings.seed),
    )


def measured_accuracies(accuracies: Arguments, images: Arguments) -> dict[str, MeasuredAccuracy]:
    """Return accuracies by set, each with the number of images that it was measured on."""
    if unknown := [str(name) for name in (*accuracies, *images) if name not in SETS]:
        raise ValueError(
            f"{one_line(unknown[0])[:LONGEST]}: no line is known for this set; expected some of "
            f"{', '.join(SETS)}"
        )
    if IMAGENET not in accuracies or not accuracies.keys() & {*TESTBED_SHIFTS}:
        raise ValueError(
            f"accuracies: expected those on {IMAGENET} and on at least one of "
            f"{', '.join(TESTBED_SHIFTS)}, got {', '.join(accuracies) or 'none'}"
        )
    found = {}
    for name, value in accuracies.items():
        if isinstance(value, of_accuracy.Accuracy):
            percent, count, classes = value.accuracy.value, value.images, value.classes
        else:
            percent = as_value(value, Percents, f"{name}, in percent", strict=False)
            count, classes = SETS[name].images, SETS[name].classes
            # Only on ImageNet-A do standard models score less than 1 %.
            if percent <= 1 and name != "imagenet_a":
                raise ValueError(
                    f"{name}: expected percent, got {percent}; is it {100 * percent:g}?"
                )
        # None: the accuracy is exact.
        count = as_value(images.get(name, count), Count | None, f"images of {name}")
        found[name] = MeasuredAccuracy(percent / 100, count, classes)
    return found
