"""`source: checkpoint`: a file of weights of somebody's own."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import asdict

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.entries import (
    HUB_MODEL,
    OpenClipModel,
    Spread,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.encoders.sources.source import AtPath, AtUrl, Choice, Location, Source
from interpreting_clip.errors import InputError, require_content
from interpreting_clip.formats.files import file_digest
from interpreting_clip.quantities import (
    ONE_LINE,
    Fraction,
    Name,
    Place,
    Sha256,
    Side,
    StrictStruct,
    Url,
    require_public,
)

PREPROCESSING = ("mean", "std", "resize", "interpolation")
"""The keys of the preprocessing that an entry can give."""


class ClassOrder(StrictStruct, frozen=True, kw_only=True):
    """A file that lists the classes of a head in the order of its rows, and the file's SHA-256.

    One class per line, by its WordNet id or by its name in OpenCLIP's list.
    """

    file: Place
    sha256: Sha256


class CheckpointFile(Source, frozen=True, kw_only=True, tag="checkpoint"):
    """A file of weights for the backbone, here (`file`) or elsewhere (`url`), with its SHA-256.

    A relative `file` is below the machine's `folders`. If the weights were trained with other
    preprocessing than the architecture's, the entry gives the differences, key by key.

    The tower and the head are found by their names and shapes. Where that leaves a choice, the
    entry makes it: `state` is which of the file's state dicts, `prefix` what stands before the
    tower's names, `head_name` what the head is called. `normalize_features` says whether the head
    is on features of unit length, `classes` in which order its rows are if not in ImageNet's.
    """

    # A CLIP by its sizes has a vocabulary, which no checkpoint holds.
    architectures = OpenClipModel | TorchvisionModel | TimmModel
    from_library = False

    sha256: Sha256
    file: Place | None = None
    url: Url | None = None
    state: Name | None = None
    prefix: Annotated[str, Meta(max_length=200), ONE_LINE] | None = None
    head_name: Name | None = None
    normalize_features: bool | None = None
    classes: ClassOrder | None = None
    mean: tuple[Fraction, Fraction, Fraction] | None = None
    std: tuple[Spread, Spread, Spread] | None = None
    resize: Side | None = None
    interpolation: Literal["bicubic", "bilinear"] | None = None

    def __post_init__(self) -> None:
        """Refuse an entry that does not say where the file is, says so twice, or holds a secret."""
        if (self.file is None) == (self.url is None):
            raise ValueError("expected one of the keys `file` and `url`")
        require_public(self.url or "")

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The parts of the preprocessing that the entry gives, by key."""
        given = {key: value for key, value in asdict(self).items() if key in PREPROCESSING}
        return {key: value for key, value in given.items() if value is not None}

    def heads(self, *, clip: bool) -> list[str]:
        """Return every kind: a CLIP's file can hold both towers, or the image tower and a head."""
        return ["zero_shot", "trained", "random"] if clip else ["trained", "random"]

    def problems(self, backbone: Any) -> list[tuple[str, str]]:
        """The backbone is an architecture, and does not name weights itself."""
        if not backbone.model.startswith(HUB_MODEL):
            return []
        advice = f"use `source: {backbone.__struct_config__.tag}` for it"
        return [("backbone", f": '{backbone.model}' lies on the hub; {advice}")]

    def location(self, _backbone: Any) -> Location:
        """Return where the file is."""
        if self.file is None:
            return AtUrl(str(self.url), self.sha256)
        return AtPath(Path(self.file), self.sha256)

    def choice(self, machine: Machine) -> Choice:
        """Return what the entry says about the names in its file, and the order of its head."""
        prefix, rows = self.prefix, None
        if prefix and not prefix.endswith("."):
            prefix += "."
        if self.classes is not None:
            rows = read_class_order(self.classes, Path(machine.folders))
        return Choice(self.state, prefix, self.head_name, self.normalize_features, rows)


def read_class_order(order: ClassOrder, folders: Path) -> list[int]:
    """Return the row of a head for each of ImageNet's classes, in ImageNet's order.

    The file has a line for each row of the head: the class's WordNet id, whatever follows it (as
    in `synset_words.txt` of ILSVRC), or its name in OpenCLIP's list. Empty lines are not counted.

    Raises
    ------
    InputError
        The file is missing or another one, a line is no class of ImageNet's or a name that two
        classes have, or a class is listed twice or not at all.
    """
    from interpreting_clip.datasets.imagenet import read_imagenet_classes

    file, known = folders / order.file, read_imagenet_classes()
    require_file(file, order.sha256, "classes.sha256")
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        raise InputError(f"{file}: no text in UTF-8; list one class per line") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    places = {wnid: [index] for index, wnid in enumerate(known.wnids)}
    for index, name in enumerate(known.names):
        places.setdefault(name, []).append(index)
    rows: dict[int, int] = {}
    for row, line in enumerate(lines):
        wnid = re.match(r"n\d{8}(?=\s|\Z)", line)
        named = places.get(wnid[0] if wnid else line, [])
        if len(named) != 1:
            why = "two classes of ImageNet's have this name" if named else "no class of ImageNet's"
            raise InputError(
                f"{file}: class {row + 1}, {line[:80]!r}: {why}; list WordNet ids (n01440764), or "
                "names as in data/reference/imagenet_classes.csv"
            )
        if named[0] in rows:
            raise InputError(
                f"{file}: {line[:80]!r} is class {rows[named[0]] + 1} and class {row + 1}; list "
                "each class once, in the order of the head's rows"
            )
        rows[named[0]] = row
    if missing := [wnid for index, wnid in enumerate(known.wnids) if index not in rows]:
        raise InputError(
            f"{file}: expected {len(known.wnids):,} classes, got {len(lines):,}; the first that is "
            f"missing is {missing[0]}; list all, in the order of the head's rows"
        )
    return [rows[index] for index in range(len(rows))]


def require_file(file: Path, sha256: str, key: str = "sha256") -> None:
    """Refuse a file of this machine that is missing or not the one that a study names."""
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; put it there, or let `folders` in compute.yaml name the folder "
            "that it is in"
        )
    require_content(file, file)
    if (digest := file_digest(file)) != sha256:
        raise InputError(
            f"{file}: expected the SHA-256 {sha256}, got {digest}; it is another file or damaged: "
            f"correct `{key}` in params.yaml, or get the file again"
        )
