"""Random numbers: each purpose has its own stream."""

from zlib import crc32

import numpy as np
from jaxtyping import Float


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return a generator whose numbers no other purpose draws, nor `default_rng(seed)` itself.

    A seed is often 0, and so is the seed of random activations drawn to try a measure. If a measure
    drew the same numbers, its random draws would not be independent of such activations.
    NumPy's seeds of several integers do not help: `default_rng((0, 0))` is `default_rng(0)`.

    Parameters
    ----------
    seed : not negative
    purpose : what is drawn, in words that no other call uses
    numbers : of the draw, not negative, so that more draws leave the first ones as they are
    """
    key = crc32(purpose.encode()), *numbers
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def random_unit_rows(classes: int, width: int, seed: int) -> Float[np.ndarray, "class_ feature"]:
    """Draw a head whose rows have unit length and random directions, for encoders without a head.

    Returns
    -------
    float32
    """
    rows = generator(seed, "head of random rows").standard_normal((classes, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
