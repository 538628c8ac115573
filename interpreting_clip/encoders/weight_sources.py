"""Where weights come from if they are not trained here: the section `weights`.

Separate from the architectures, so that a new source does not re-run trainings or extractions.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import asdict

from interpreting_clip.encoders.entries import AnyBackbone, Spread
from interpreting_clip.quantities import (
    ONE_LINE,
    Fraction,
    Key,
    Kind,
    Name,
    Place,
    Seed,
    Sha256,
    Side,
    StrictStruct,
    Url,
    require_public,
)


class Source(StrictStruct, frozen=True, kw_only=True, tag_field="source"):
    """The key of all sources: the entry of `backbones:` with the architecture."""

    backbone: Key


class Untrained(Source, frozen=True, kw_only=True, tag="untrained"):
    """Fresh weights drawn from `seed`: the null of the kurtosis and of the concepts."""

    seed: Seed


class OpenClip(Source, frozen=True, kw_only=True, tag="open_clip"):
    """A CLIP of OpenCLIP's zoo: the backbone's model with the weights `tag`.

    A backbone whose model is `hf-hub:<owner>/<repository>` already names its weights, so `tag` is
    left out. `revision` pins the hub's repository to a commit or a tag.
    """

    tag: Name | None = None
    revision: Name | None = None


class Torchvision(Source, frozen=True, kw_only=True, tag="torchvision"):
    """A classifier of torchvision: the backbone's model with the weights `tag` (IMAGENET1K_V1)."""

    tag: Name


class Timm(Source, frozen=True, kw_only=True, tag="timm"):
    """A model of timm, with a classifier or without: the backbone's with the weights `tag`.

    `tag`, `revision` and a backbone `hf-hub:<owner>/<repository>` are as for `OpenClip`.
    """

    tag: Name | None = None
    revision: Name | None = None


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


PREPROCESSING = ("mean", "std", "resize", "interpolation")
"""The keys of the preprocessing that a checkpoint's entry can give."""


class ActivationsFolder(Source, frozen=True, kw_only=True, tag="activations"):
    """No weights: a folder with activations that were computed elsewhere, and its head.

    A relative `folder` is below the machine's `folders`; `sha256` is that of its `manifest.json`,
    which has the SHA-256 of every other file. `representation` says whether the features end in a
    linear layer or in an activation function, `normalize_features` whether the head takes them
    scaled to length one. The backbone is not built: it groups the report.
    """

    folder: Place
    sha256: Sha256
    representation: Literal["linear", "rectified"]
    normalize_features: bool


WeightsEntry = Untrained | OpenClip | Torchvision | Timm | CheckpointFile | ActivationsFolder
"""An entry of `weights:`; its `source` says which."""


class ExternalModel(Kind, frozen=True, kw_only=True, tag="external"):
    """An architecture that no library here has; only `source: activations` can name it."""

    model: Name


BackboneEntry = AnyBackbone | ExternalModel
"""An entry of `backbones:`; its `kind` says which."""
