"""The measures that `interpreting_clip` offers: for anybody's arrays, with settings as keywords.

Each is the function of its module in `measures` behind one decorator, `for_arrays`.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import Parameter, Signature
from textwrap import fill
from typing import Any, TypeVar, get_type_hints

import msgspec

from interpreting_clip import testbed
from interpreting_clip.arrays import (
    as_classes,
    as_directions,
    as_head,
    as_labels,
    as_mapping,
    as_matrix,
    as_representation,
    as_texts,
    as_value,
    described,
)
from interpreting_clip.errors import close_names
from interpreting_clip.measures import accuracy as of_accuracy
from interpreting_clip.measures import cka as of_cka
from interpreting_clip.measures import concepts as of_concepts
from interpreting_clip.measures import directions as of_directions
from interpreting_clip.measures import kurtosis as of_kurtosis
from interpreting_clip.measures import participation_ratio as of_dimensions
from interpreting_clip.measures import privileged_basis as of_basis
from interpreting_clip.measures import pruning as of_pruning
from interpreting_clip.quantities import (
    Confidence,
    Count,
    Described,
    Natural,
    Positive,
    Share,
    ThreadCount,
)

Returned = TypeVar("Returned")

Arguments = Mapping[str, Any]

BY_PLACE = ("activations", "first", "second", "accuracies")
"""The arguments that need no keyword."""

INTERNAL = ("candidates", "numbers", "left_out")
"""Arguments with which a study hands over what it knows already."""

HEAD = {"bias": None, "normalize_features": False}
"""The further arguments that make a `Head`, with their defaults."""

READERS: dict[str, Callable[[Arguments, Arguments], Any]] = {
    "activations": lambda given, _: as_matrix(given["activations"], "activations"),
    "first": lambda given, _: as_representation(given["first"], "first"),
    "second": lambda given, _: as_representation(given["second"], "second"),
    "head": lambda given, read: as_head(
        given["head"],
        *(given.get(name, default) for name, default in HEAD.items()),
        features=read["activations"].shape[1],
    ),
    "classes": lambda given, read: as_classes(
        given["classes"], "classes", len(read["head"].weight), len(read["activations"])
    ),
    "among": lambda given, read: sorted(
        {*as_classes(given["among"], "among", len(read["head"].weight)).tolist()}
    ),
    "aliases": lambda given, _: as_mapping(given["aliases"], "aliases", "{530: 409}"),
    "labels": lambda given, read: as_labels(given["labels"], "labels", len(read["activations"])),
    "names": lambda given, _: as_texts(given["names"], "names"),
    "categories": lambda given, _: as_texts(given["categories"], "categories"),
    "directions": lambda given, read: as_directions(
        given["directions"], read["activations"].shape[1]
    ),
    "accuracies": lambda given, _: as_mapping(
        given["accuracies"], "accuracies", "{'imagenet': 76.1, 'imagenet_v2': 63.2}"
    ),
    "images": lambda given, _: as_mapping(given["images"], "images", "{'imagenet': 50_000}"),
}
"""How arrays and texts are read, from what was given and what was read before it."""

VALUES: dict[str, Any] = {
    "confidence": Confidence,
    "outlier_sigma": Positive,
    "outlier_share": Share,
    "minibatch": Count,
    "extremes": Natural,
    "workers": ThreadCount,
}
"""What is legal for other arguments."""

HEAD_TEXT = """\
head : a row of weights for each class and a column for each feature
bias : of the head, a number for each class; None: it has none
normalize_features : whether the head takes activations of unit length, as CLIP's do"""

RAISES = """

Raises
------
TypeError, ValueError
    An argument is no array of finite numbers or is out of its range, or sizes do not match."""

LINE = 96
"""The width of a docstring."""


def for_arrays(measure: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return a measure that takes anybody's arrays, and its settings as keywords.

    Activations come first, and everything else is a keyword. A `Head` becomes its weights, its bias
    and `normalize_features`; `Settings` become their fields, and `settings=` for all of them.
    """
    own = inspect.signature(measure)
    kind = type(own.parameters["settings"].default) if "settings" in own.parameters else None
    signature = own.replace(parameters=list(_public(own, kind)))

    @wraps(measure)
    def call(*arrays: Any, **keywords: Any) -> Returned:
        given = _bind(measure.__name__, signature, arrays, keywords)
        read: dict[str, Any] = {}
        for name, parameter in own.parameters.items():
            if name not in given or (given[name] is None and parameter.default is None):
                continue
            if name in READERS:
                read[name] = READERS[name](given, read)
            elif name != "settings":
                read[name] = as_value(given[name], VALUES[name], name)
        if kind:
            read["settings"] = _settings(kind, given)
        head = read.get("head")
        if head and "among" not in read and len(head.weight) > len(read["activations"]):
            warnings.warn(
                f"head has {len(head.weight):,} rows, one for each class, and "
                f"activations {len(read['activations']):,}, one for each image; are they swapped?",
                stacklevel=2,
            )
        return measure(**read)

    call.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    call.__doc__ = _documentation(measure, kind)
    call.__module__ = "interpreting_clip"
    return call


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


def _bind(
    measure: str, signature: Signature, arrays: tuple[Any, ...], keywords: Arguments
) -> dict[str, Any]:
    """Return what was given by name, or raise a `TypeError` of one line."""
    names = signature.parameters
    by_place = [name for name in names if name in BY_PLACE]
    others = [name for name in names if name not in BY_PLACE]
    if len(arrays) > len(by_place):
        raise TypeError(
            f"{measure}: only {' and '.join(by_place)} can go without a keyword; pass the next "
            f"argument as {others[0]}=…"
        )
    if unknown := [name for name in keywords if name not in names]:
        raise TypeError(f"{measure}: no argument {unknown[0]!r}; {close_names(unknown[0], others)}")
    try:
        given = signature.bind(*arrays, **keywords).arguments
    except TypeError as error:
        raise TypeError(f"{measure}: {error}") from None
    if isinstance(given.get("labels"), Mapping) and "names" not in given:
        given["names"] = list(map(str, given["labels"]))
    return given


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
        kept = [one for one in names.split(", ") if one not in ("head", "settings", *INTERNAL)]
        parameters += [f"{', '.join(kept)} : {meaning}"] * bool(kept)
        parameters += [HEAD_TEXT] * ("head" in names.split(", "))
    for field in msgspec.structs.fields(kind) if kind else ():
        (said,) = (one for one in field.type.__metadata__ if isinstance(one, Described))
        paper = "" if said.paper in ("–", "not given") else f" (paper: {said.paper})"
        meaning = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", said.meaning)  # a link of the manual
        parameters.append(fill(f"{field.name} : {meaning}{paper}", LINE, subsequent_indent="    "))
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
effective_robustness = for_arrays(testbed.effective_robustness)
