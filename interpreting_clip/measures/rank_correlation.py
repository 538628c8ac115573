"""Spearman's rank correlation."""

import numpy as np
from jaxtyping import Float

MIN_ENCODERS = 4
"""With three encoders, chance alone gives a correlation of 1 or -1 in one of three cases."""


def spearman(first: Float[np.ndarray, " encoder"], second: Float[np.ndarray, " encoder"]) -> float:
    """Return Spearman's coefficient of values that are not all equal."""
    first, second = _ranks(first), _ranks(second)
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _ranks(values: Float[np.ndarray, " encoder"]) -> Float[np.ndarray, " encoder"]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Equal values share the mean of their ranks: the last of them, less half of the others.
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
