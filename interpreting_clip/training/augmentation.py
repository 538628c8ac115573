"""Random crops and flips of images."""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from interpreting_clip.loading.preprocess import Box, Preprocess, crop_and_resize, resize_and_crop
from interpreting_clip.training.recipes import Augmentation


class Draw(NamedTuple):
    """One image's random numbers: the crop's share of the area, ratio and position; the flip."""

    area: float
    ratio: float
    left: float
    top: float
    flip: bool


def draw(images: int, recipe: Augmentation, generator: np.random.Generator) -> list[Draw]:
    """Draw the random numbers of every image.

    The share of the area is uniform between `smallest_crop` and 1, and the logarithm of the ratio
    of width to height between 3:4 and 4:3, as in torchvision's `RandomResizedCrop`.
    """
    area = generator.uniform(recipe.smallest_crop, 1, images)
    ratio = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3), images))
    left, top = generator.random((2, images))
    flip = generator.random(images) < recipe.flip
    columns = (column.tolist() for column in (area, ratio, left, top, flip))
    return [Draw(*row) for row in zip(*columns, strict=True)]


def augment(
    image: UInt8[np.ndarray, "height width 3"],
    drawn: Draw,
    recipe: Augmentation,
    preprocess: Preprocess,
) -> UInt8[np.ndarray, "size size 3"]:
    """Return an image as a square of the tower's size, cropped and flipped as drawn.

    A crop is scaled to the square. Without crops, the square is the same as in an evaluation.
    """
    if recipe.smallest_crop == 1:
        square = resize_and_crop(image, preprocess)
    else:
        height, width = image.shape[:2]
        square = crop_and_resize(image, crop_box(height, width, drawn), preprocess)
    return square[:, ::-1] if drawn.flip else square


def crop_box(height: int, width: int, drawn: Draw) -> Box:
    """Return the part of an image to keep; a side that would be longer than the image is cut."""
    pixels = drawn.area * height * width
    box_width = min(1.0, np.sqrt(pixels * drawn.ratio) / width)
    box_height = min(1.0, np.sqrt(pixels / drawn.ratio) / height)
    left, top = drawn.left * (1 - box_width), drawn.top * (1 - box_height)
    return left, top, min(1.0, left + box_width), min(1.0, top + box_height)
