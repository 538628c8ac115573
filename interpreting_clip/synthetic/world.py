"""The entries of `params.yaml` that describe the synthetic world and the sets drawn from it."""

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from interpreting_clip.quantities import (
    Count,
    Epochs,
    Fraction,
    LearningRate,
    Seed,
    StrictStruct,
    ThreadCount,
)

ClassName = Literal[
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "cross",
    "ring",
    "crescent",
    "arrow",
    "house",
    "tree",
    "fish",
    "arch",
    "boat",
    "bolt",
    "cup",
    "flower",
    "hourglass",
    "key",
    "ladder",
    "mushroom",
    "pie",
    "snowman",
    "window",
]
StyleName = Literal["photo", "painting", "cartoon", "negative", "silhouette", "sketch"]

CLASSES: tuple[ClassName, ...] = get_args(ClassName)
STYLES: tuple[StyleName, ...] = get_args(StyleName)

Images = Annotated[int, Meta(ge=1, le=10**7)]
"""How many images are drawn."""

Weight = Annotated[float, Meta(ge=1e-6, le=1e6)]
"""The weight of a style, relative to the other styles."""

Degrees = Annotated[float, Meta(ge=0.0, le=360.0)]
"""The standard deviation of an angle."""

Size = Annotated[float, Meta(ge=0.01, le=10.0)]
"""An object's size in half image sides."""

Shift = Annotated[float, Meta(ge=0.0, le=10.0)]
"""A distance in half image sides."""

Noise = Annotated[float, Meta(ge=0.0, le=1.0)]
"""The standard deviation of a pixel's noise, white being 1."""


class World(StrictStruct, frozen=True, kw_only=True):
    """Settings that all sets share: the images' side in pixels, a seed, and the shards' size."""

    image_size: Annotated[int, Meta(ge=16, le=256)]
    seed: Seed
    images_per_shard: Count


class Preference(StrictStruct, frozen=True, kw_only=True):
    """How strongly a class draws its preferred value of each attribute (0: not at all)."""

    colour: Fraction
    texture: Fraction
    scene: Fraction


class Population(StrictStruct, frozen=True, kw_only=True):
    """How the images of a set are distributed.

    With probability `preference` an attribute takes the class's preferred value, otherwise any
    value with equal probability; with `exclude_preferred` the preferred value never occurs.
    `styles` are weights. `rotation` is a standard deviation in degrees; `scale` the range of the
    object's size and `jitter` the largest shift of its centre, in half image sides; `noise` the
    standard deviation of the pixel noise, white being 1. `classes` names the classes present, or
    `all`.
    """

    images: Images
    seed: Seed
    classes: Literal["all"] | Annotated[tuple[ClassName, ...], Meta(min_length=1)]
    preference: Preference
    exclude_preferred: bool
    styles: Annotated[dict[StyleName, Weight], Meta(min_length=1)]
    rotation: Degrees
    scale: tuple[Size, Size]
    jitter: Shift
    noise: Noise

    def __post_init__(self) -> None:
        """Refuse values that contradict each other."""
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"`scale` must be [smallest, largest], got {list(self.scale)}")
        preferences = msgspec.structs.astuple(self.preference)
        if self.exclude_preferred and any(preferences):
            raise ValueError("`preference` must be 0 everywhere with `exclude_preferred: true`")
        if len(set(self.classes)) < len(self.classes) and self.classes != "all":
            raise ValueError("`classes` must name each class once")

    @property
    def class_indices(self) -> list[int]:
        """The indices of the classes present, sorted."""
        present = CLASSES if self.classes == "all" else self.classes
        return sorted(CLASSES.index(name) for name in present)


class Labelled(Population, frozen=True, kw_only=True, tag_field="kind", tag="labelled"):
    """Images with their class."""

    source: Literal["world"]


class Captioned(Population, frozen=True, kw_only=True, tag_field="kind", tag="captioned"):
    """Images with their class and a caption that names each visible attribute with P(`mention`)."""

    source: Literal["world"]
    mention: Fraction


class Reference(StrictStruct, frozen=True, kw_only=True):
    """The small convolutional net whose errors make up an adversarial set, and its training.

    `width` is the number of channels of the first convolution (the others have twice and four times
    as many); `learning_rate` is the initial one of SGD with momentum (about 0.05), with a cosine to
    0.
    """

    train: Population
    width: Annotated[int, Meta(ge=1, le=256)]
    epochs: Epochs
    batch: Annotated[int, Meta(ge=1, le=100_000)]
    learning_rate: LearningRate
    threads: ThreadCount


class Adversarial(Population, frozen=True, kw_only=True, tag_field="kind", tag="adversarial"):
    """Images with their class, but only those that the reference net gets wrong."""

    source: Literal["world"]
    reference: Reference


class ProbeSet(Population, frozen=True, kw_only=True, tag_field="kind", tag="probe"):
    """Images with a segmentation of every concept, in Broden's layout."""

    source: Literal["world"]


Recipe = Labelled | Captioned | Adversarial | ProbeSet
"""An entry of `datasets:` with `source: world`, told apart by `kind`."""
