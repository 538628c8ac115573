"""Drawn sets, block by block: each block is a pure function of the set's recipe and the world."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from stages.config.synthetic import Captioned, Population, World
from stages.synthetic.attributes import Attributes, draw_attributes, write_captions
from stages.synthetic.render import render

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
