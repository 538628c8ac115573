"""Labelled and captioned sets, block by block: each a pure function of its recipe and the world."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from stages.config.synthetic import (
    CLASSES,
    COLOURS,
    PREFERRED_COLOUR,
    PREFERRED_SCENE,
    PREFERRED_TEXTURE,
    SCENES,
    STYLES,
    TEXTURES,
    Attributes,
    Captioned,
    Population,
    World,
)
from stages.synthetic.render import render

_HIDDEN = {"silhouette": ("colour", "texture"), "sketch": ("colour", "scene")}


def write_captions(attributes: Attributes, mention: float, rng: np.random.Generator) -> list[str]:
    """One caption per image; each visible attribute is named with probability `mention`."""
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


BLOCK = 128
"""Images drawn at once, a constant: each block has a random stream of its own."""


class Block(NamedTuple):
    """Consecutive images of a set, what they show, and their block's number."""

    number: int
    images: UInt8[np.ndarray, "image height width 3"]
    attributes: Attributes


def block_rng(population: Population, world: World, *stream: int) -> np.random.Generator:
    """The random stream of one block of one set; further numbers name independent streams."""
    return np.random.default_rng((world.seed, population.seed, *stream))


def draw_block(population: Population, world: World, number: int, images: int) -> Block:
    """Block `number` of a set, its first `images` images."""
    rng = block_rng(population, world, number)
    attributes = draw_attributes(population, images, rng)
    return Block(number, render(attributes, population.noise, world.image_size, rng), attributes)


def draw_blocks(population: Population, world: World) -> Iterator[Block]:
    """All images of a set, `BLOCK` at a time."""
    for start in range(0, population.images, BLOCK):
        yield draw_block(population, world, start // BLOCK, min(BLOCK, population.images - start))


def block_captions(recipe: Captioned, world: World, block: Block) -> list[str]:
    """The captions of a block; they have a stream of their own and leave the images unchanged."""
    rng = block_rng(recipe, world, block.number, 1)
    return write_captions(block.attributes, recipe.mention, rng)


def draw_labelled(
    population: Population, world: World
) -> tuple[UInt8[np.ndarray, "image height width 3"], Int64[np.ndarray, " image"]]:
    """A whole set in memory: images and class indices."""
    blocks = list(draw_blocks(population, world))
    images = np.concatenate([block.images for block in blocks])
    return images, np.concatenate([block.attributes.class_ for block in blocks])


def draw_captioned(
    recipe: Captioned, world: World
) -> tuple[UInt8[np.ndarray, "image height width 3"], list[str], Int64[np.ndarray, " image"]]:
    """A whole captioned set in memory: images, captions and class indices."""
    blocks = list(draw_blocks(recipe, world))
    images = np.concatenate([block.images for block in blocks])
    captions = [text for block in blocks for text in block_captions(recipe, world, block)]
    return images, captions, np.concatenate([block.attributes.class_ for block in blocks])
