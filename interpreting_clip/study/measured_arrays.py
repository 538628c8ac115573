"""Activations that others have published: the sections `arrays` and `array_downloads`."""

import re

from interpreting_clip.quantities import Name, Place, Sha256, StrictStruct, Url, require_public

DOWNLOADED = "data/downloaded_arrays/{key}.safetensors"
"""The file of an entry of `array_downloads`."""

IN_GIT = re.compile(r"data/arrays/[\w./-]{1,200}\.safetensors")
"""All other files."""

NONE, OWN_ROW = "none", "own_row"
"""What may stand in place of the name of an array."""


class ArrayDownload(StrictStruct, frozen=True, kw_only=True):
    """A file of arrays, safetensors or npy, that a server has, and its SHA-256."""

    url: Url
    sha256: Sha256

    def __post_init__(self) -> None:
        """Refuse a URL that holds a secret."""
        require_public(self.url)


class MeasuredArrays(StrictStruct, frozen=True, kw_only=True):
    """Arrays in a file, and what each of them is.

    `activations`, `compare`, `head`, its `bias` and `classes` are names of arrays in `file`. Of
    `head` and `classes`, `none` says that there is none; `classes: own_row` that image i is of
    class i, as where each image has a caption of its own. Entries with the same `section` stand in
    one section of the page. `sha256` is that of a file in git; `array_downloads` has that of
    another one.
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
    normalize_features: bool
    unit_length: bool
