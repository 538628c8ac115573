"""Each image's features in units of that image's own spread."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from stages.measures.chunks import chunks

IMAGES = 128
"""A block of that many images stays in a core's cache: 1 MiB at 1,024 features."""


def standardized(
    activations: Float[np.ndarray, "image feature"], images: int = IMAGES
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield `z = (h - μ) / σ` in blocks, with μ and σ over the features of each image.

    σ is the population's: the mean square is over all features, not over one less.

    Parameters
    ----------
    activations : one row per image
    images : how many images a block holds at most

    Yields
    ------
    the slice of images and their z, float64 `[images feature]`

    Raises
    ------
    ValueError
        All features of an image are equal, so that σ = 0 (the image is named).
    """
    for rows, block in chunks(activations, images):
        # σ of equal numbers may come out as a rounding error, so equality is what is tested.
        constant = block.max(axis=1) == block.min(axis=1)
        if constant.any():
            raise ValueError(
                f"image {rows.start + int(np.argmax(constant))}: all its features are equal, so "
                "they have no spread; the encoder is broken or the image is empty"
            )
        z = block - block.mean(axis=1, keepdims=True)
        z /= np.sqrt(np.einsum("ij,ij->i", z, z) / z.shape[1])[:, None]
        yield rows, z
