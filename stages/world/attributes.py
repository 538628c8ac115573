"""The words of the procedural world, and what one image of it is made of."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Int64

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
]
StyleName = Literal["photo", "painting", "cartoon", "negative", "silhouette", "sketch"]

CLASSES: tuple[ClassName, ...] = get_args(ClassName)
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "pink", "white")
TEXTURES = ("solid", "striped", "dotted", "checkered", "shaded", "speckled")
SCENES = ("sky", "grass", "water", "sand", "night", "room")
STYLES: tuple[StyleName, ...] = get_args(StyleName)

PREFERRED_COLOUR = (1, 4, 7, 2, 5, 0, 3, 6, 1, 4, 7, 2)
PREFERRED_TEXTURE = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
PREFERRED_SCENE = (0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)
"""The value that each class is seen with most often, where a recipe's `preference` says so."""


@dataclass(frozen=True)
class Attributes:
    """What a block of images shows.

    Indices point into `CLASSES`, `COLOURS`, …; `rotation` is in radians, counter-clockwise;
    `scale`, `x` and `y` (the object's size and centre) are in half image sides, y up.
    """

    class_: Int64[np.ndarray, " image"]
    colour: Int64[np.ndarray, " image"]
    texture: Int64[np.ndarray, " image"]
    scene: Int64[np.ndarray, " image"]
    style: Int64[np.ndarray, " image"]
    rotation: Float32[np.ndarray, " image"]
    scale: Float32[np.ndarray, " image"]
    x: Float32[np.ndarray, " image"]
    y: Float32[np.ndarray, " image"]

    def __len__(self) -> int:
        """The number of images."""
        return len(self.class_)

    def take(self, rows: np.ndarray) -> "Attributes":
        """The images of `rows` (indices or a boolean mask)."""
        return Attributes(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})
