"""Which concepts a direction encodes, by their average precisions."""

import numpy as np
from jaxtyping import Bool, Float, Int

ROUNDING = 1e-12
"""An average precision this close below the threshold counts as at it: the rest is rounding."""


def encodes_concepts(
    precisions: Float[np.ndarray, "*shape"], threshold: float
) -> Bool[np.ndarray, "*shape"]:
    """Return whether each average precision reaches the threshold, above 0 and at most 1."""
    return precisions >= threshold - ROUNDING


def encoded_pairs(
    precisions: Float[np.ndarray, "direction concept"], threshold: float
) -> Int[np.ndarray, "pair 2"]:
    """Return each pair of a direction and a concept that it encodes, in the order of both.

    Parameters
    ----------
    precisions : average precision, 0 to 1
    threshold : above 0, at most 1
    """
    return np.argwhere(encodes_concepts(precisions, threshold))


def strongest(
    pairs: Int[np.ndarray, "pair 2"],
    precisions: Float[np.ndarray, "direction concept"],
    most: int,
) -> Int[np.ndarray, "strong 2"]:
    """Return up to `most` pairs with the highest average precisions, in their given order."""
    by_strength = np.argsort(-precisions[tuple(pairs.T)], kind="stable")
    return pairs[np.sort(by_strength[:most])]
