"""Activations in double precision, a bounded number of images at a time."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

IMAGES = 1024


def chunks(
    activations: Float[np.ndarray, "image feature"], images: int = IMAGES
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the activations as float64 blocks, with the images each block holds.

    Memory stays at a few blocks however many images there are, so `activations` may be mapped from
    a file. Sums over images are taken block by block: the size of a block moves them by rounding.

    Parameters
    ----------
    activations : one row per image
    images : how many images a block holds at most

    Yields
    ------
    the slice of images and their activations, float64 `[images feature]`

    Raises
    ------
    ValueError
        There is no image or no feature, or a value is not finite (the image is named).
    """
    if 0 in activations.shape:
        raise ValueError(
            f"activations of shape {activations.shape}: expected at least one image and one feature"
        )
    for start in range(0, len(activations), images):
        rows = slice(start, min(start + images, len(activations)))
        block = np.asarray(activations[rows], dtype=np.float64)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"image {start + int(np.argmin(finite))}: its activations hold NaN or infinity; "
                "extract them again"
            )
        yield rows, block
