"""Kurtosis of an image's features: how far a few of them stand out from the rest."""

import numpy as np
from jaxtyping import Float

from stages.measures.chunks import IMAGES
from stages.measures.intervals import Estimate, bootstrap_mean
from stages.measures.standardized import standardized


def image_kurtosis(
    activations: Float[np.ndarray, "image feature"], images: int = IMAGES
) -> Float[np.ndarray, " image"]:
    """Compute the kurtosis of each image's features.

    `mean_i ((h_i - μ) / σ)^4` with μ and the population's σ over the features of that image (Crabbé
    et al. 2024); not the excess: a Gaussian has 3, the least possible value is 1.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation (which would not change the result)
    images : how many images are held in double precision at a time

    Raises
    ------
    ValueError
        All features of an image are equal (the image is named).
    """
    kurtosis = np.empty(len(activations))
    for rows, z in standardized(activations, images):
        squares = z**2
        kurtosis[rows] = np.einsum("ij,ij->i", squares, squares) / z.shape[1]
    return kurtosis


def mean_kurtosis(
    activations: Float[np.ndarray, "image feature"], resamples: int, confidence: float, seed: int
) -> Estimate:
    """Compute the mean kurtosis over images, with a bootstrap interval over images.

    Parameters
    ----------
    activations : one row per image
    resamples : how often the images are drawn again
    confidence : the share of resampled means inside the interval
    seed : of the resampling

    Raises
    ------
    ValueError
        As `image_kurtosis`, `bootstrap_means` and `percentile_interval`.
    """
    return bootstrap_mean(image_kurtosis(activations), resamples, confidence, seed)
