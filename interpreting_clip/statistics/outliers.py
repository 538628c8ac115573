"""Outlier features: in how many images they are extreme, and how few hide each other."""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int


def are_outliers(beyond: Int[Any, " feature"], images: int, share: float) -> Bool[Any, " feature"]:
    """Return which features are extreme in at least a share of the images.

    Parameters
    ----------
    beyond : in how many images each feature is extreme; NumPy array or PyTorch tensor
    images : how many there are
    share : above 0 and at most 1
    """
    # In whole images: 7 of 100 are 0.07 of them, but 0.07 * 100 is above 7.
    fewest = int(np.searchsorted(np.arange(images + 1) / images, share))
    return beyond >= fewest


def most_extreme_first(
    share: Float[np.ndarray, " feature"], mean_abs_z: Float[np.ndarray, " feature"]
) -> Int[np.ndarray, " feature"]:
    """Order features: extreme in the most images first, then farthest out, then by index."""
    # lexsort takes the last key first, and keeps the order of equal features.
    return np.lexsort((-mean_abs_z, -share))


def hiding_outliers(features: int, sigma: float) -> int:
    """Return the smallest number of equal outliers that hide each other.

    If k of n features are far away and equal, they lie at most `sqrt((n - k) / k)` σ from the mean.
    So if there are `n / (sigma² + 1)` or more, none is beyond `sigma`: 4 of 128 features at 6 σ,
    and 28 of 1,024.

    Parameters
    ----------
    features : how many there are
    sigma : the number of standard deviations, above 0
    """
    return math.ceil(features / (sigma**2 + 1))
