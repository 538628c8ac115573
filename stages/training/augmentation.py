"""Random crops and flips of pictures, drawn on the CPU so that any device sees the same."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from stages.config.trainings import Augmentation
from stages.encoders.loading import Pictures, fitted, stacked
from stages.encoders.preprocess import Box, Preprocess, crop_and_resize, resize_and_crop


class Draw(NamedTuple):
    """One image's random numbers: the crop's share of the area, ratio and place; the flip."""

    area: float
    ratio: float
    left: float
    top: float
    mirrored: bool


def augmented(
    pictures: Pictures,
    which: Int[np.ndarray, " image"],
    preprocess: Preprocess,
    recipe: Augmentation,
    generator: np.random.Generator,
    *,
    workers: int = 1,
) -> UInt8[np.ndarray, "image size size 3"]:
    """Return some of the pictures as squares of the tower's size, cropped and mirrored at random.

    A crop is scaled to the square. Where nothing is to be cropped, the square is the one that an
    evaluation sees.
    """
    if changes_nothing(recipe):
        return fitted(pictures, which, preprocess, workers)
    draws = draw(len(which), recipe, generator)

    def make(row: int) -> UInt8[np.ndarray, "size size 3"]:
        image = pictures[int(which[row])]
        if recipe.smallest_crop == 1:
            square = resize_and_crop(image, preprocess)
        else:
            height, width = image.shape[:2]
            square = crop_and_resize(image, crop(height, width, draws[row]), preprocess)
        return square[:, ::-1] if draws[row].mirrored else square

    return stacked(make, np.arange(len(which)), preprocess.size, workers)


def changes_nothing(recipe: Augmentation) -> bool:
    """Say whether a recipe leaves every image as it is."""
    return recipe.smallest_crop == 1 and recipe.flip == 0


def draw(images: int, recipe: Augmentation, generator: np.random.Generator) -> list[Draw]:
    """Draw the random numbers of every image.

    The share of the area is uniform between `smallest_crop` and 1 and the logarithm of the ratio
    of width to height between those of 3:4 and 4:3, as in torchvision's `RandomResizedCrop`.
    """
    area = generator.uniform(recipe.smallest_crop, 1, images)
    ratio = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3), images))
    left, top = generator.random((2, images))
    mirrored = generator.random(images) < recipe.flip
    columns = (column.tolist() for column in (area, ratio, left, top, mirrored))
    return [Draw(*row) for row in zip(*columns, strict=True)]


def crop(height: int, width: int, drawn: Draw) -> Box:
    """Return the part of an image that is kept; a side that would leave the image is cut to it."""
    pixels = drawn.area * height * width
    across = min(1.0, np.sqrt(pixels * drawn.ratio) / width)
    down = min(1.0, np.sqrt(pixels / drawn.ratio) / height)
    left, top = drawn.left * (1 - across), drawn.top * (1 - down)
    return left, top, min(1.0, left + across), min(1.0, top + down)
