"""What every source of encoders has: its keys, where its weights lie, and what they allow.

Each other module here is one source: an entry's type and all that is known about it. Libraries are
imported in functions, since every study reads the types.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import AnyBackbone
from interpreting_clip.quantities import Key, StrictStruct


@dataclass(frozen=True)
class AtUrl:
    """A file at a URL, and its SHA-256 or the first digits of it."""

    url: str
    sha256: str


@dataclass(frozen=True)
class AtHub:
    """The first of `files` that exists in a repository of the hub at a revision."""

    repository: str
    files: tuple[str, ...]
    revision: str


@dataclass(frozen=True)
class AtPath:
    """A file on this machine, below its `folders`, and its SHA-256."""

    file: Path
    sha256: str


Location = AtUrl | AtHub | AtPath


@dataclass(frozen=True)
class Choice:
    """What an entry of `weights:` says about its file; None where it leaves the choice to us.

    A `prefix` ends in a dot or is empty. `classes` is a text file with the class of each row of the
    head.
    """

    state: str | None = None
    prefix: str | None = None
    head_name: str | None = None
    normalize_features: bool | None = None
    classes: AtPath | None = None


class Source(StrictStruct, frozen=True, kw_only=True, tag_field="source"):
    """A source of weights. Each has the key `backbone`, an entry of `backbones:`."""

    architectures: ClassVar[Any] = AnyBackbone
    """The kinds of backbone that it has weights for."""

    tower: ClassVar[Literal["trained", "untrained", "none"]] = "trained"
    """Whether there is an image tower, and whether others have trained it."""

    from_library: ClassVar[bool] = True
    """Whether a library publishes the weights, under its names and with their preprocessing."""

    word: ClassVar[str] = ""
    """What `interpreting-clip extract` calls it, as in `openclip:ViT-B-32/openai`, if at all.

    `architectures` is then a single kind of backbone.
    """

    separator: ClassVar[str] = ""
    """What stands there between the model and the tag of its weights."""

    backbone: Key

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The parts of the preprocessing that the entry gives, by key."""
        return {}

    def heads(self, *, clip: bool) -> list[str]:
        """Return the kinds of head that such an encoder can have; `clip`: of a CLIP's backbone."""
        # Only the library knows whether a model has a head: self-supervised models have none.
        return ["zero_shot"] if clip else ["trained", "random"]

    def problems(self, _backbone: Any) -> list[tuple[str, str]]:
        """Return the keys that do not go with the backbone, each with what is wrong."""
        return []

    def location(self, _backbone: Any) -> Location | None:
        """Return where the weights lie, without contacting a server; None if they are drawn."""
        return None

    def write_arrays(self, _machine: Machine, _out: Path) -> bool:
        """Store what replaces the weights, if there is no tower; return whether there is none."""
        return False

    def choice(self) -> Choice:
        """Return what the entry says about its file."""
        return Choice()

    def published(
        self, backbone: Any, _commit: str | None, _machine: Machine
    ) -> tuple[Any, dict[str, Any]]:
        """Return the architecture that the weights are for, and the preprocessing they ask for."""
        from interpreting_clip.encoders.open_clip_models import architecture_of

        return architecture_of(backbone), {}

    @classmethod
    def from_words(cls, model: str, tag: str) -> tuple[str, str]:
        """Return the model and the tag that the command's words mean."""
        return model, tag

    @classmethod
    def known_tags(cls, _model: str) -> list[str]:
        """Return the tags of the weights that the library has for a model."""
        return []
