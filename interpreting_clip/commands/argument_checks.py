"""What the command checks before it computes: the arguments of measures, as the measures do."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from interpreting_clip import api
from interpreting_clip.commands.given_files import read_names
from interpreting_clip.errors import error_context
from interpreting_clip.measures import cka, mutual_neighbours, participation_ratio
from interpreting_clip.measures.concepts import choose_concepts
from interpreting_clip.measures.kurtosis import standardized
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.predictions import map_classes, restrict_head
from interpreting_clip.statistics.singular_directions import singular_directions


def require_fit(
    given: dict[str, Any], files: Mapping[str, Path], concept_names: Path | None
) -> None:
    """Refuse arrays that measures would refuse, and read the names of the concepts.

    Parameters
    ----------
    given : the arguments of measures, by role
    files : where they are from, by role
    concept_names : a file of names; None: the concepts have none

    Raises
    ------
    InputError
        Numbers are not finite, shapes do not fit, all features of an image are equal or all images
        are, a head tells no classes apart, a class is not one of the head's or of the test set's,
        names are not as many as concepts, all concepts are too rare, or an image to compare has no
        direction.
    """
    images, head = given.get("activations"), given.get("head")
    if images is not None:
        require_arguments(files["activations"], api.kurtosis, images)
        if head:
            require_arguments(files["head"], api.directions, images, **head)
    for role, test in given.items():
        if head and (role == "labels" or role.startswith("shift ")):
            require_arguments(files[role], api.accuracy, **test, **head)
    if concepts := given.get("concepts"):
        require_arguments(files["concepts"], api.concepts, **concepts)
        if images is not None and head:  # their directions are those that concepts take
            require_arguments(files["concepts"], api.directions, concepts["activations"], **head)
        if concept_names:
            concepts["names"] = read_names(concept_names)
            require_arguments(concept_names, api.concepts, **concepts)
    if "compare" in given:
        require_arguments(files["compare"], api.cka, images, given["compare"])


def require_arguments(
    place: object, measure: Callable[..., Any], *arrays: Any, **keywords: Any
) -> None:
    """Refuse arguments that a measure of `api` would refuse, without computing it.

    Parameters
    ----------
    place : the file or the option that they are from
    measure : and its arguments

    Raises
    ------
    InputError
        See `require_fit`.
    """
    with error_context(place, ValueError), error_context(place, TypeError):
        read = reader(measure)(*arrays, **keywords)
        if measure is api.kurtosis:
            require_spread(read["activations"])
        if measure is api.directions:
            singular_directions(read["head"].weight, "classes")
        if measure is api.accuracy:
            head = read["head"]
            class_map = map_classes(read.get("among"), len(head.weight), read.get("aliases"))
            restrict_head(head, read["classes"], class_map)
        if measure is api.concepts:
            choose_concepts(read["activations"], read["labels"], names=read.get("names"))
        if measure is api.cka:
            require_comparable(read["first"], read["second"])


def require_spread(activations: Features) -> None:
    """Refuse an image whose features are all equal, and images that are all the same."""
    for _ in standardized(activations):
        pass
    if len(activations) >= participation_ratio.Settings(blocks=2).least_images:
        participation_ratio.require_variation(activations)


def require_comparable(
    first: Float[np.ndarray, "_image _feature"], second: Float[np.ndarray, "_image _feature"]
) -> None:
    """Refuse what a comparison of two representations would refuse; fewer images have none."""
    images = mutual_neighbours.require_same_images(first, second)
    if images >= cka.Settings().least_images:
        participation_ratio.require_variation(second)
    if images >= mutual_neighbours.Settings().least_images:
        mutual_neighbours.unit_rows(second, "second")


def reader(measure: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return what reads and checks the arguments of a measure, and returns them by name."""

    @wraps(inspect.unwrap(measure))
    def read(**arguments: Any) -> dict[str, Any]:
        return arguments

    return api.for_arrays(read)
