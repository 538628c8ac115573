"""Which images a set holds: attributes drawn from a recipe."""

import numpy as np
from jaxtyping import Int64

from stages.world.attributes import (
    COLOURS,
    PREFERRED_COLOUR,
    PREFERRED_SCENE,
    PREFERRED_TEXTURE,
    SCENES,
    STYLES,
    TEXTURES,
    Attributes,
)
from stages.world.recipe import Population


def draw_attributes(population: Population, images: int, rng: np.random.Generator) -> Attributes:
    """Draw what `images` images show, independently of each other."""
    class_ = rng.choice(np.array(population.class_indices, np.int64), images)
    preference, exclude = population.preference, population.exclude_preferred

    def values(preferred: tuple[int, ...], share: float, count: int) -> Int64[np.ndarray, " image"]:
        return _attribute(np.array(preferred)[class_], share, count, exclude, rng)

    return Attributes(
        class_=class_,
        colour=values(PREFERRED_COLOUR, preference.colour, len(COLOURS)),
        texture=values(PREFERRED_TEXTURE, preference.texture, len(TEXTURES)),
        scene=values(PREFERRED_SCENE, preference.scene, len(SCENES)),
        style=_styles(population, images, rng),
        rotation=np.radians(rng.normal(0, population.rotation, images)).astype(np.float32),
        scale=rng.uniform(*population.scale, images).astype(np.float32),
        x=rng.uniform(-population.jitter, population.jitter, images).astype(np.float32),
        y=rng.uniform(-population.jitter, population.jitter, images).astype(np.float32),
    )


def _attribute(
    preferred: Int64[np.ndarray, " image"],
    share: float,
    count: int,
    exclude: bool,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " image"]:
    """The preferred value with probability `share`, else any of the `count` values (or others)."""
    if exclude:
        return (preferred + rng.integers(1, count, len(preferred))) % count
    other = rng.integers(0, count, len(preferred))
    return np.where(rng.random(len(preferred)) < share, preferred, other)


def _styles(
    population: Population, images: int, rng: np.random.Generator
) -> Int64[np.ndarray, " image"]:
    weights = np.array([population.styles.get(style, 0.0) for style in STYLES])
    return rng.choice(len(STYLES), images, p=weights / weights.sum())
