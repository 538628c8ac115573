"""Kurtosis of an image's features: how far a few of them stand out from the rest."""

import numpy as np
from jaxtyping import Float

from stages.measures.standardized import IMAGES, standardized


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
        kurtosis[rows] = mean_fourth_power(z)
    return kurtosis


def mean_fourth_power(z: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, " image"]:
    """Compute the kurtosis of images whose features are standardized already."""
    squares = z**2
    return np.einsum("ij,ij->i", squares, squares) / z.shape[1]
