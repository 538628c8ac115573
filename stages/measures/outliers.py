"""Outlier features: the same feature far from the others in many images."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from stages.measures.kurtosis import mean_fourth_power
from stages.measures.standardized import IMAGES, standardized


@dataclass(frozen=True, eq=False)
class FeatureDeviations:
    """How each feature deviates from the others, over all images.

    Attributes
    ----------
    share : of images, 0 to 1, in which the feature lies beyond the given number of σ
    mean_abs_z : mean over images of `|h_i - μ| / σ`
    """

    share: Float[np.ndarray, " feature"]
    mean_abs_z: Float[np.ndarray, " feature"]


@dataclass(frozen=True, eq=False)
class OutlierFeatures:
    """The outlier features, the most frequent first, of equally frequent ones the lower index.

    Attributes
    ----------
    feature : index of each outlier feature
    share, mean_abs_z : as in `FeatureDeviations`
    """

    feature: Int[np.ndarray, " outlier"]
    share: Float[np.ndarray, " outlier"]
    mean_abs_z: Float[np.ndarray, " outlier"]


def feature_deviations(
    activations: Float[np.ndarray, "image feature"], sigma: float, images: int = IMAGES
) -> FeatureDeviations:
    """Measure how often and how far each feature deviates from the other features of its image.

    A feature is beyond `sigma` when `|h_i - μ| > sigma · σ`, μ and σ over that image's features
    (6 in Crabbé et al. 2024). Among n features no deviation exceeds `sqrt(n - 1)` σ, so that fewer
    than 38 features hold none beyond 6.

    Parameters
    ----------
    activations : one row per image
    sigma : the number of standard deviations, above 0
    images : how many images are held in double precision at a time

    Raises
    ------
    ValueError
        `sigma` is not above 0, or all features of an image are equal (the image is named).
    """
    return kurtosis_and_deviations(activations, sigma, images)[1]


def kurtosis_and_deviations(
    activations: Float[np.ndarray, "image feature"], sigma: float, images: int = IMAGES
) -> tuple[Float[np.ndarray, " image"], FeatureDeviations]:
    """Compute `image_kurtosis` and `feature_deviations` while the activations are read once.

    Parameters, units and refusals are those of `feature_deviations`.
    """
    if not sigma > 0:
        raise ValueError(f"sigma {sigma}: expected a number of standard deviations above 0")
    kurtosis = np.empty(len(activations))
    beyond = np.zeros(activations.shape[1], dtype=np.int64)
    total = np.zeros(activations.shape[1])
    for rows, z in standardized(activations, images):
        kurtosis[rows] = mean_fourth_power(z)
        distance = np.abs(z, out=z)
        beyond += np.count_nonzero(distance > sigma, axis=0)
        total += distance.sum(axis=0)
    return kurtosis, FeatureDeviations(beyond / len(activations), total / len(activations))


def outlier_features(deviations: FeatureDeviations, threshold: float) -> OutlierFeatures:
    """Pick the features that are extreme in at least a share `threshold` of the images.

    The paper names the outlier features of its encoders but not the share of images that makes one;
    the threshold is therefore the study's to set. It tells a feature that is extreme throughout
    from the sparse features of rectified activations, each extreme in its few images.

    Parameters
    ----------
    deviations : of every feature
    threshold : share of images, above 0 and at most 1

    Raises
    ------
    ValueError
        `threshold` is not above 0 and at most 1: at 0 every feature would be an outlier.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold}: expected a share of images, above 0, at most 1")
    frequent = np.flatnonzero(deviations.share >= threshold)
    feature = frequent[np.argsort(-deviations.share[frequent], kind="stable")]
    return OutlierFeatures(feature, deviations.share[feature], deviations.mean_abs_z[feature])
