"""The layout of Broden1 (Bau et al., CVPR 2017), as NetDissect's `joinseg.py` writes it.

`images/` holds the images and their label maps; `index.csv` has a row per image, with paths below
`images/`; `label.csv` has a row per concept; `category.csv` and `c_<category>.csv` count labels:
`frequency` in images, `coverage` in whole images' worth of pixels. A label map is half as wide as
its image, a pixel's label is R + 256·G, and 0 stands for no label.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from jaxtyping import Int64, UInt8

from stages.config.quantities import Natural
from stages.runtime.errors import InputError

INDEX = "index.csv"

CATEGORIES = ("color", "object", "part", "material", "scene", "texture")

File = tuple[str, bytes]
"""A path in the dataset and what stands there."""

Read = Callable[[str], bytes]
"""Returns the file at a path of the dataset."""

LabelMap = Int64[np.ndarray, "height width"]


class Concept(NamedTuple):
    """A row of `label.csv`: the number that label maps hold, a name and the main category."""

    number: int
    name: str
    category: str


class IndexRow(msgspec.Struct, frozen=True):
    """A row of `index.csv`: an image, its label maps' height and width, a cell per category."""

    image: str
    sh: Natural
    sw: Natural
    color: str = ""
    object: str = ""
    part: str = ""
    material: str = ""
    scene: str = ""
    texture: str = ""

    def labels(self, category: str) -> list[int | str]:
        """Numbers that hold for the whole image, and paths of label maps."""
        cell = getattr(self, category)
        return [int(part) if part.isdigit() else part for part in cell.split(";") if part]

    @property
    def files(self) -> list[str]:
        """The image and then its label maps, as paths in the dataset."""
        labels = [label for category in CATEGORIES for label in self.labels(category)]
        maps = [label for label in labels if isinstance(label, str)]
        return [f"images/{path}" for path in (self.image, *maps)]


def missing(where: object, names: Sequence[str]) -> InputError:
    """Return the error that a Broden1 lacks files."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return InputError(
        f"{where}: {', '.join(names[:5])}{more} expected in Broden1's layout, but missing; get it "
        "again"
    )


def to_channels(labels: LabelMap) -> UInt8[np.ndarray, "height width 3"]:
    """Return a label map as the image that is stored."""
    return np.stack([labels % 256, labels // 256, np.zeros_like(labels)], axis=2).astype(np.uint8)


def from_channels(channels: UInt8[np.ndarray, "height width 3"]) -> LabelMap:
    """Return the label map that an image stores."""
    return channels[:, :, 0] + np.int64(256) * channels[:, :, 1]


def label_shares(maps: Sequence[LabelMap]) -> dict[int, float]:
    """Return the share of the pixels that each label covers.

    A pixel counts once for a label, however many of the maps show the label there.
    """
    stack = np.sort([labels.ravel() for labels in maps], axis=0)
    stack[1:][stack[1:] == stack[:-1]] = 0
    pixels = np.bincount(stack.ravel())
    numbers = np.flatnonzero(pixels).tolist()
    return {number: float(pixels[number] / stack.shape[1]) for number in numbers if number}
