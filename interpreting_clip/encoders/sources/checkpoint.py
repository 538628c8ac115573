"""`source: checkpoint`: a file of weights of somebody's own."""

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import asdict

from interpreting_clip.encoders.encoder_entries import (
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
    """A text file with the class of each row of a head, and the file's SHA-256.

    One class per line: its WordNet id, whatever follows it, or its name in OpenCLIP's list of
    ImageNet's classes.
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
    is on features of unit length, `classes` which class each of its rows is for, if they are not
    ImageNet's classes in ImageNet's order.
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
        return [("backbone", f"'{backbone.model}' lies on the hub; {advice}")]

    def location(self, _backbone: Any) -> Location:
        """Return where the file is."""
        if self.file is None:
            return AtUrl(str(self.url), self.sha256)
        return AtPath(Path(self.file), self.sha256)

    def choice(self) -> Choice:
        """Return what the entry says about its file."""
        prefix = self.prefix and f"{self.prefix.removesuffix('.')}."
        classes = self.classes and AtPath(Path(self.classes.file), self.classes.sha256)
        return Choice(self.state, prefix, self.head_name, self.normalize_features, classes)


def require_file(file: Path, sha256: str, key: str = "sha256") -> None:
    """Refuse a file of this machine that is missing or differs from the study's SHA-256."""
    if file.is_dir():
        raise InputError(
            f"{file}: a folder, expected a file; name the one in it, such as model.safetensors"
        )
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
