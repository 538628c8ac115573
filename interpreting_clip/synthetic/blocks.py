"""Draw synthetic sets block by block; a block depends on its recipe, the world and its number."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from interpreting_clip.synthetic.attributes import Attributes, draw_attributes, write_captions
from interpreting_clip.synthetic.render import render
from interpreting_clip.synthetic.world import Captioned, Population, World

BLOCK = 128
"""Images per block; fixed, since each block has its own random stream."""


class Block(NamedTuple):
    """Consecutive images of a set, what they show, and their block's number."""

    number: int
    images: UInt8[np.ndarray, "image height width 3"]
    attributes: Attributes


def block_rng(population: Population, world: World, *stream: int) -> np.random.Generator:
    """Return a generator for a set and the given stream numbers, independent of all others."""
    return np.random.default_rng((world.seed, population.seed, *stream))


def draw_block(population: Population, world: World, number: int, images: int) -> Block:
    """Draw block `number` of a set, with `images` images."""
    rng = block_rng(population, world, number)
    attributes = draw_attributes(population, images, rng)
    return Block(number, render(attributes, population.noise, world.image_size, rng), attributes)


def draw_blocks(population: Population, world: World) -> Iterator[Block]:
    """Draw all images of a set, `BLOCK` at a time."""
    for start in range(0, population.images, BLOCK):
        # A block's stream depends only on its number, so a larger set begins with the same images,
        # but for a last block that was cut short.
        yield draw_block(population, world, start // BLOCK, min(BLOCK, population.images - start))


def block_captions(recipe: Captioned, world: World, block: Block) -> list[str]:
    """Write the captions of a block, from a random stream that the images do not share."""
    # A stream of their own: other captions leave the images as they are.
    rng = block_rng(recipe, world, block.number, 1)
    return write_captions(block.attributes, recipe.mention, rng)


def draw_labelled(
    population: Population, world: World
) -> tuple[UInt8[np.ndarray, "image height width 3"], Int64[np.ndarray, " image"]]:
    """Draw a whole set into memory: images and class indices."""
    blocks = list(draw_blocks(population, world))
    images = np.concatenate([block.images for block in blocks])
    return images, np.concatenate([block.attributes.class_ for block in blocks])
