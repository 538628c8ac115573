"""Read activations in double precision, a bounded number of images at a time."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

CHUNK_SIZE = 1024

Features = Float[np.ndarray, "image feature"]
"""Activations: a row of features for each image."""


def chunks(
    activations: Features, chunk_size: int = CHUNK_SIZE
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the activations as float64 chunks, each with the slice of images it holds.

    Memory stays at a few chunks however many images there are, so `activations` may be
    memory-mapped. Sums over images are taken chunk by chunk, so the chunk size changes their
    rounding errors.

    Parameters
    ----------
    activations : one row per image
    chunk_size : how many images a chunk holds at most

    Yields
    ------
    the slice of images and their activations, float64 `[image feature]`

    Raises
    ------
    ValueError
        There is no image or no feature, or a value is not finite (the image is named).
    """
    if 0 in activations.shape:
        raise ValueError(
            f"activations of shape {activations.shape}: expected at least one image and one feature"
        )
    for start in range(0, len(activations), chunk_size):
        rows = slice(start, min(start + chunk_size, len(activations)))
        chunk = np.asarray(activations[rows], dtype=np.float64)
        finite = np.isfinite(chunk).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"image {start + int(np.argmin(finite))}: its activations hold NaN or infinity; "
                "extract them again"
            )
        yield rows, chunk


def require_variation(activations: Features) -> None:
    """Refuse images that all have the same activation, up to rounding errors."""
    total, squares = np.zeros(activations.shape[1]), 0.0
    for _, chunk in chunks(activations):
        total += chunk.sum(axis=0)
        squares += float(np.sum(chunk**2))
    # The spread around the mean is lost in rounding errors if it is this small beside the mean.
    if squares - total @ total / len(activations) <= 1e-12 * squares:
        raise ValueError("all images have the same activation: expected some that vary")
