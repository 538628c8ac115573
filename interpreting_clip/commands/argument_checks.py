"""The command's checks before it computes: everything that measures would refuse."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interpreting_clip.arrays.conversions import (
    as_head,
    as_labels,
    as_matrix,
    as_representation,
)
from interpreting_clip.arrays.head import Head
from interpreting_clip.commands.given_files import read_names
from interpreting_clip.errors import error_context
from interpreting_clip.measures import cka, mutual_neighbours
from interpreting_clip.measures.concepts import as_rows, choose_concepts
from interpreting_clip.measures.kurtosis import standardized
from interpreting_clip.measures.modality_gap import as_pairs
from interpreting_clip.statistics.chunks import Features, require_variation
from interpreting_clip.statistics.predictions import as_true_classes, restrict_head
from interpreting_clip.statistics.singular_directions import singular_directions

FEWEST_IN_BLOCKS = 4
"""The images of two blocks, with which the participation ratio can be measured."""


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
        names are not as many as concepts, all concepts are too rare, captions are not as many as
        images or have other features, or a caption has no direction.
    """
    images, head = given.get("activations"), given.get("head")
    known: Head | None = None
    if images is not None:
        with refused_in(files["activations"]):
            images = as_matrix(images, "activations")
            require_spread(images)
        if head:
            with refused_in(files["head"]):
                known = as_head(**head, features=images.shape[1])
                singular_directions(known.weight, "classes")
    for role, test in given.items():
        if known and (role == "labels" or role.startswith("shift ")):
            with refused_in(files[role]):
                require_test_set(known, **test)
    if concepts := given.get("concepts"):
        with refused_in(files["concepts"]):
            features = as_matrix(concepts["activations"], "activations")
            labels = as_labels(concepts["labels"], "labels", len(features))
            choose_concepts(features, labels, names=concepts["names"])
        if "rows" in concepts:
            with refused_in(files["concept_rows"]):
                as_rows(concepts["rows"], labels.shape[1], features.shape[1])
        with refused_in(files["concepts"]):
            if head and known:  # its directions are those that concepts take
                as_head(**head, features=features.shape[1])
        if concept_names:
            concepts["names"] = read_names(concept_names)
            with refused_in(concept_names):
                choose_concepts(features, labels, names=concepts["names"])
    if "captions" in given:
        with refused_in(files["captions"]):
            as_pairs(images, given["captions"])


@contextmanager
def refused_in(place: object) -> Iterator[None]:
    """Put the file or the option that an array is from in front of an error about it."""
    with error_context(place, ValueError), error_context(place, TypeError):
        yield


def require_spread(activations: Features) -> None:
    """Refuse an image whose features are all equal, and images that are all the same."""
    for _ in standardized(activations):
        pass
    if len(activations) >= FEWEST_IN_BLOCKS:
        require_variation(activations)


def require_test_set(
    head: Head, activations: Any, classes: Any, among: Any = None, aliases: Any = None
) -> None:
    """Refuse a test set that a head does not fit, or whose classes it cannot predict."""
    images = as_matrix(activations, "activations")
    as_head(head, None, False, images.shape[1])
    restrict_head(head, *as_true_classes(classes, among, aliases, len(head.weight), len(images)))


def require_comparable(activations: Any, file: Path) -> None:
    """Refuse activations that a comparison would refuse, if there are enough images for one."""
    with refused_in(file):
        values = as_representation(activations, "activations")
        if len(values) >= cka.Settings().least_images:
            require_variation(values)
        if len(values) >= mutual_neighbours.Settings().least_images:
            mutual_neighbours.unit_rows(values, "activations")
