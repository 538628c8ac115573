"""Random attributes of images, what they show and where, and captions that name them."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float32, Int64

from interpreting_clip.synthetic.world import CLASSES, STYLES, Population

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "pink", "white")
TEXTURES = ("solid", "striped", "dotted", "checkered", "shaded", "speckled")
SCENES = ("sky", "grass", "water", "sand", "night", "room")

# No two classes share colour and texture, or colour and scene, so each has its own look.
PREFERRED_COLOUR = (1, 4, 7, 2, 5, 0, 3, 6, 1, 4, 7, 2, 5, 0, 3, 6, 1, 4, 7, 2, 5, 0, 3, 6)
PREFERRED_TEXTURE = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 3, 3, 4, 4, 5, 5, 0, 0, 1, 1, 2, 2)
PREFERRED_SCENE = (0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)
"""Per class, the value that a recipe's `preference` makes more frequent, as an index."""


@dataclass(frozen=True)
class Attributes:
    """The attributes of a block of images.

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
        """Return the attributes of the images of `rows` (indices or a boolean mask)."""
        return Attributes(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_attributes(population: Population, images: int, rng: np.random.Generator) -> Attributes:
    """Draw the attributes of `images` images, independently of each other."""
    class_ = rng.choice(np.array(population.class_indices, np.int64), images)

    def value(by_class: tuple[int, ...], share: float, count: int) -> Int64[np.ndarray, " image"]:
        """Draw the preferred value with probability `share`, else any; or any other value."""
        preferred = np.array(by_class)[class_]
        if population.exclude_preferred:
            # A step of 1 to count − 1, modulo count, reaches every value but the preferred one.
            return (preferred + rng.integers(1, count, images)) % count
        # Drawn for every image, so that another `share` does not shift later random numbers.
        other = rng.integers(0, count, images)
        return np.where(rng.random(images) < share, preferred, other)

    weights = np.array([population.styles.get(style, 0.0) for style in STYLES])
    return Attributes(
        class_=class_,
        colour=value(PREFERRED_COLOUR, population.preference.colour, len(COLOURS)),
        texture=value(PREFERRED_TEXTURE, population.preference.texture, len(TEXTURES)),
        scene=value(PREFERRED_SCENE, population.preference.scene, len(SCENES)),
        style=rng.choice(len(STYLES), images, p=weights / weights.sum()),
        rotation=np.radians(rng.normal(0, population.rotation, images)).astype(np.float32),
        scale=rng.uniform(*population.scale, images).astype(np.float32),
        x=rng.uniform(-population.jitter, population.jitter, images).astype(np.float32),
        y=rng.uniform(-population.jitter, population.jitter, images).astype(np.float32),
    )


_HIDDEN = {"silhouette": ("colour", "texture"), "sketch": ("colour", "scene")}
"""Attributes that a style does not show, so captions do not name them."""


def write_captions(attributes: Attributes, mention: float, rng: np.random.Generator) -> list[str]:
    """Write a caption per image that names each visible attribute with probability `mention`."""
    named = rng.random((len(attributes), 4)) < mention
    return [_caption(attributes, row, named[row]) for row in range(len(attributes))]


def _caption(attributes: Attributes, row: int, named: np.ndarray) -> str:
    style = STYLES[attributes.style[row]]
    hidden = _HIDDEN.get(style, ())
    words = ["a", style, "of", "a"] if named[0] else ["a"]
    if named[1] and "colour" not in hidden:
        words.append(COLOURS[attributes.colour[row]])
    if named[2] and "texture" not in hidden:
        words.append(TEXTURES[attributes.texture[row]])
    words.append(CLASSES[attributes.class_[row]])
    if named[3] and "scene" not in hidden:
        words += ["in", "the", SCENES[attributes.scene[row]]]
    return " ".join(words)
