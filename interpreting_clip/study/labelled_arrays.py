"""A head and labelled concepts for activations that others have published: `labelled_arrays`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from interpreting_clip.arrays.conversions import as_head, as_labels, as_matrix
from interpreting_clip.arrays.head import Head
from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import column_names, named_array
from interpreting_clip.formats.files import require_digest
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.quantities import Name, Place, Sha256, StrictStruct
from interpreting_clip.statistics.chunks import Features


class LabelledArrays(StrictStruct, frozen=True, kw_only=True):
    """Activations, a head on them, and which image shows which of the head's classes.

    The classes are the concepts, and an image may show several. `activations` is an array of
    `file`; `labels`, with a row for each image and a column for each concept, and `head`, with a
    row for each concept, are arrays of `labelled`, whose metadata name the concepts. `sha256` is
    that of `labelled`; an entry of `arrays` has that of `file`. Entries with the same `section` as
    entries of `arrays` stand in their section of the page.
    """

    label: Name
    section: Name
    concepts: Name
    origin: Name
    file: Place
    activations: Name
    labelled: Place
    sha256: Sha256
    labels: Name
    head: Name
    normalize_features: bool


@dataclass(frozen=True, eq=False)
class Labelled:
    """The arrays of an entry.

    Attributes
    ----------
    shown : which image shows which concept
    names : of the concepts
    """

    activations: Features
    shown: Bool[np.ndarray, "image concept"]
    head: Head
    names: list[str]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LabelledResults(Result):
    """What a head with labelled concepts gives: `plots/labelled_arrays/<key>.json`.

    What the concepts give is in `plots/array_concepts/<key>.json`, since it depends on a threshold.
    """

    images: int
    concepts: int
    accuracy: Accuracy
    directions: PrivilegedDirections
    pruning: Pruning
    outlier_axes: OutlierAxes


def read_labelled(file: Path, labelled: Path, entry: LabelledArrays) -> Labelled:
    """Return the arrays of an entry.

    Raises
    ------
    InputError
        `labelled` has another digest than the study says, a file lacks an array, or the metadata do
        not name each concept.
    ValueError
        The arrays do not fit.
    """
    require_digest(labelled, entry.sha256, "get the file again, or correct `sha256` in params.yaml")
    activations = as_matrix(named_array(file, entry.activations), entry.activations)
    images, features = activations.shape
    shown = as_labels(named_array(labelled, entry.labels), entry.labels, images)
    head = as_head(named_array(labelled, entry.head), None, entry.normalize_features, features)
    names = column_names(labelled, entry.labels) or []
    for what, number in (("the head has", len(head.weight)), ("the metadata name", len(names))):
        if number != shown.shape[1]:
            raise InputError(
                f"{labelled}: '{entry.labels}' has {shown.shape[1]} columns, but {what} {number}; "
                "expected a row and a name for each column"
            )
    return Labelled(activations, shown, head, names)
