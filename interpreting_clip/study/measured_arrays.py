"""Activations that others have published: the sections `arrays` and `array_downloads`."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.conversions import as_matrix
from interpreting_clip.formats.array_files import named_array
from interpreting_clip.formats.files import require_digest
from interpreting_clip.quantities import Name, Place, Sha256, StrictStruct, Url, require_public

DOWNLOADED = "data/downloaded_arrays/{key}.safetensors"
"""The file of an entry of `array_downloads`."""

IN_GIT = re.compile(r"data/arrays/[\w./-]{1,200}\.safetensors")
"""All other files."""

NONE, OWN_ROW = "none", "own_row"
"""What may stand in place of the name of an array."""

ROUNDED = 0.01
"""How far the length of a normalised activation may be from 1; half precision gives 0.001."""


class ArrayDownload(StrictStruct, frozen=True, kw_only=True):
    """A file of arrays, safetensors or npy, that a server has, and its SHA-256."""

    url: Url
    sha256: Sha256

    def __post_init__(self) -> None:
        """Refuse a URL that holds a secret."""
        require_public(self.url)


class MeasuredArrays(StrictStruct, frozen=True, kw_only=True):
    """Arrays in a file, and what each of them is.

    `activations`, `compare`, `head`, its `bias`, `classes` and `captions`, the embeddings of what
    belongs to each image in the same space, are names of arrays in `file`. Of `head` and `classes`,
    `none` says that there is none; `classes: own_row` that image i is of class i, as where each
    image has a caption of its own. Entries with the same `section` stand in one section of the
    page. `sha256` is that of a file in git; `array_downloads` has that of another one.
    """

    label: Name
    section: Name
    images: Name
    origin: Name
    file: Place
    sha256: Sha256 | None = None
    activations: Name
    compare: list[Name]
    head: Name
    bias: Name | None = None
    classes: Name
    captions: Name | None = None
    normalize_features: bool
    unit_length: bool


def read_given_arrays(file: Path, entry: MeasuredArrays) -> dict[str, Any]:
    """Return the arguments that the arrays give measures, and `compare`, arrays by name.

    Raises
    ------
    InputError
        The file has another digest than the study says, or lacks an array.
    ValueError
        An array is none of activations, or contradicts the study's `unit_length`.
    """
    if entry.sha256:  # that of a download is known
        require_digest(file, entry.sha256, "get the file again, or correct `sha256` in params.yaml")
    read = partial(named_array, file)
    images = as_matrix(read(entry.activations), entry.activations)
    require_length(images, entry)
    given: dict[str, Any] = {"activations": images}
    if entry.head != NONE:
        given["head"] = {
            "head": read(entry.head),
            "bias": None if entry.bias is None else read(entry.bias),
            "normalize_features": entry.normalize_features,
        }
    if entry.classes != NONE:
        own_row = entry.classes == OWN_ROW
        classes = np.arange(len(images)) if own_row else read(entry.classes)
        given["labels"] = {"activations": images, "classes": classes}
    if entry.captions:
        given["captions"] = read(entry.captions)
    given["compare"] = {name: read(name) for name in entry.compare}
    return given


def require_length(images: Float[np.ndarray, "image feature"], entry: MeasuredArrays) -> None:
    """Refuse activations whose lengths contradict the study's `unit_length`.

    Raises
    ------
    ValueError
        Names an activation, and its length.
    """
    lengths = np.linalg.norm(images.astype(np.float64), axis=1)
    off = np.abs(lengths - 1)
    if entry.unit_length != bool((off <= ROUNDED).all()):
        worst = int(np.argmax(off))
        raise ValueError(
            f"{entry.activations}: image {worst} has the length {lengths[worst]:.4f}, the furthest "
            f"from 1; set `unit_length: {str(not entry.unit_length).lower()}`"
        )
