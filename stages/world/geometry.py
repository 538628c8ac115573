"""From pixels to the frame of the object: flat grids, one row per image, y up."""

import numpy as np
from jaxtyping import Float32

from stages.world.attributes import Attributes

Grid = Float32[np.ndarray, "image pixel"]
"""A value per pixel, the image's rows one after the other."""


def image_grid(size: int) -> tuple[Float32[np.ndarray, " pixel"], Float32[np.ndarray, " pixel"]]:
    """The x and y of each pixel's centre, −1 to 1 across the image of `size` × `size` pixels."""
    centres = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    return np.tile(centres, size), np.repeat(-centres, size)


def object_grid(
    attributes: Attributes, size: int
) -> tuple[Float32[np.ndarray, "image pixel"], Float32[np.ndarray, "image pixel"]]:
    """The pixels in the frame in which shapes are defined: centred, upright, about −1 to 1."""
    x, y = image_grid(size)
    x, y = x - attributes.x[:, None], y - attributes.y[:, None]
    cosine = (np.cos(attributes.rotation) / attributes.scale)[:, None]
    sine = (np.sin(attributes.rotation) / attributes.scale)[:, None]
    return x * cosine + y * sine, y * cosine - x * sine
