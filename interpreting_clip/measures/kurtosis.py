"""Kurtosis of each image's features, and outlier features, which are extreme in many images."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.measures.chunks import chunks
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.result import Label, Result, beside
from interpreting_clip.quantities import (
    Confidence,
    Described,
    Positive,
    Resamples,
    Seed,
    Share,
    StrictStruct,
    Sweep,
)

CHUNK_SIZE = 128
"""A chunk of this many images fits in a core's cache: 1 MiB at 1,024 features."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The bootstrap over images, and what an outlier feature is, with a sweep over shares.

    A feature is an outlier feature when it lies beyond `outlier_sigma` standard deviations of its
    image's features in at least the share `outlier_share` of the images.
    """

    resamples: Annotated[Resamples, Described("bootstrap resamples of the images", "resamples")]
    seed: Annotated[Seed, Described("of the resamples")]
    confidence: Annotated[Confidence, Described("of the interval", "probability")]
    outlier_sigma: Annotated[
        Positive,
        Described(
            "how far from the mean of its image's features an outlier feature is",
            "standard deviations",
            paper="6",
        ),
    ]
    sweep: Annotated[Sweep, Described("further shares, for the table", "share")]
    outlier_share: Annotated[
        Share,
        Described(
            "in which share of the images it has to be so far away",
            "share",
            paper="not given; ours: 0.5, most images",
        ),
    ]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutliersAt(Result):
    """How many features are extreme in at least a share, 0 to 1, of the images."""

    share: float
    outlier_features: int


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutlierFeatures(Result):
    """The features that lie far from the others of their image, in many images.

    Attributes
    ----------
    outlier_features : how many there are
    largest_share : share of images, 0 to 1, in which the most extreme feature is extreme
    hiding : the fewest equal outliers that hide each other (`hiding_outliers`)
    features : how many features there are in all
    outlier_sigma, outlier_share : what an outlier feature is (`Settings`)
    feature : index of each outlier feature, from 0, the one that is extreme in most images first
    share : fraction of images, 0 to 1, in which each is extreme
    mean_abs_z : its mean distance from the mean of its image, in standard deviations
    sweep : the number of outlier features at further shares
    share_of_every_feature, mean_abs_z_of_every_feature : the same of each feature, outlier or not
    """

    outlier_features: Annotated[int, Label("outlier features", 0, headline="outliers")]
    largest_share: Annotated[float, Label("images in which the most extreme feature is extreme", 3)]
    hiding: Annotated[int, Label("equal outliers that would hide each other", 0)]
    features: int
    outlier_sigma: float
    outlier_share: float
    feature: Int[np.ndarray, " _outlier"]
    share: Float[np.ndarray, " _outlier"]
    mean_abs_z: Float[np.ndarray, " _outlier"]
    sweep: list[OutliersAt]
    share_of_every_feature: Float[np.ndarray, " _feature"] = beside()
    mean_abs_z_of_every_feature: Float[np.ndarray, " _feature"] = beside()


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Kurtosis(Result):
    """The kurtosis of each image's features, and the outlier features that raise it.

    Attributes
    ----------
    kurtosis : mean over images, with a bootstrap interval; without one if there is one image
    isotropic : what is expected of the same activations after a random rotation
    outliers : the outlier features
    representation : of a study's encoder, `linear` or `rectified`; None where it is unknown
    per_image : the kurtosis of each image
    """

    CAPTION: ClassVar[str] = "Interval: bootstrap over images. Chance: after a random rotation."

    kurtosis: Annotated[
        Estimate, Label("mean kurtosis per image", 2, chance="isotropic", headline="kurtosis")
    ]
    isotropic: float
    outliers: OutlierFeatures
    representation: Literal["linear", "rectified"] | None = None
    per_image: Float[np.ndarray, " _image"] = beside()


def standardized(
    activations: Float[np.ndarray, "image feature"], chunk_size: int = CHUNK_SIZE
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield `z = (h - μ) / σ` in chunks, with μ and σ over the features of each image.

    σ is the population standard deviation: the sum over n features is divided by n, not by n - 1.

    Parameters
    ----------
    activations : one row per image
    chunk_size : how many images a chunk holds at most

    Yields
    ------
    the slice of images and their z, float64 `[image feature]`

    Raises
    ------
    ValueError
        All features of an image are equal, so that σ = 0 (the image is named).
    """
    for rows, chunk in chunks(activations, chunk_size):
        # Rounding can make σ of equal numbers differ from 0, so compare the numbers themselves.
        constant = chunk.max(axis=1) == chunk.min(axis=1)
        if constant.any():
            raise ValueError(
                f"image {rows.start + int(np.argmax(constant))}: all its features are equal, so "
                "they have no spread; the encoder is broken or the image is empty"
            )
        z = chunk - chunk.mean(axis=1, keepdims=True)
        # einsum sums the squares without writing an array of them.
        z /= np.sqrt(np.einsum("ij,ij->i", z, z) / z.shape[1])[:, None]
        yield rows, z


@dataclass(frozen=True, eq=False)
class FeatureDeviations:
    """How each feature deviates from the others, over all images.

    Attributes
    ----------
    share : fraction of images, 0 to 1, in which the feature lies beyond the given number of σ
    mean_abs_z : mean over images of `|h_i - μ| / σ`
    """

    share: Float[np.ndarray, " feature"]
    mean_abs_z: Float[np.ndarray, " feature"]


@dataclass(frozen=True, eq=False)
class RankedFeatures:
    """Some features, in the order of `most_extreme_first`.

    Attributes
    ----------
    feature : index of each
    share, mean_abs_z : as in `FeatureDeviations`
    """

    feature: Int[np.ndarray, " outlier"]
    share: Float[np.ndarray, " outlier"]
    mean_abs_z: Float[np.ndarray, " outlier"]

    def first(self, count: int) -> "RankedFeatures":
        """Keep the first `count` features."""
        return RankedFeatures(self.feature[:count], self.share[:count], self.mean_abs_z[:count])


def kurtosis_and_deviations(
    activations: Float[np.ndarray, "image feature"], sigma: float, chunk_size: int = CHUNK_SIZE
) -> tuple[Float[np.ndarray, " image"], FeatureDeviations]:
    """Measure each image's kurtosis, and how often and how far each feature deviates.

    The kurtosis of an image is `mean_i ((h_i - μ) / σ)^4` with μ and the population σ over the
    features of that image (Crabbé et al. 2024). It is not the excess kurtosis: a Gaussian has 3,
    and the smallest possible value is 1.

    A feature is beyond `sigma` if `|h_i - μ| > sigma · σ` (6 in Crabbé et al. 2024). Every such
    feature increases σ, so a few can hide each other (`hiding_outliers`). Both measures share one
    pass over the activations.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation (which would not change the result)
    sigma : the number of standard deviations, above 0
    chunk_size : how many images are held in double precision at a time

    Raises
    ------
    ValueError
        `sigma` is not above 0, or all features of an image are equal (the image is named).
    """
    if not sigma > 0:
        raise ValueError(f"sigma {sigma}: expected a number of standard deviations above 0")
    kurtosis = np.empty(len(activations))
    beyond = np.zeros(activations.shape[1], dtype=np.int64)
    total = np.zeros(activations.shape[1])
    for rows, z in standardized(activations, chunk_size):
        squares = z**2
        kurtosis[rows] = np.einsum("ij,ij->i", squares, squares) / z.shape[1]
        distance = np.abs(z, out=z)
        beyond += np.count_nonzero(distance > sigma, axis=0)
        total += distance.sum(axis=0)
    return kurtosis, FeatureDeviations(beyond / len(activations), total / len(activations))


def most_extreme_first(deviations: FeatureDeviations) -> RankedFeatures:
    """Order all features: extreme in the most images first, then farthest out, then by index."""
    # lexsort takes the last key first, and keeps the order of equal features.
    order = np.lexsort((-deviations.mean_abs_z, -deviations.share))
    return RankedFeatures(order, deviations.share[order], deviations.mean_abs_z[order])


def outlier_features(deviations: FeatureDeviations, threshold: float) -> RankedFeatures:
    """Pick the features that are extreme in at least a fraction `threshold` of the images.

    The paper reports outlier features but not in how many images a feature must be extreme, so the
    threshold is a setting of the study, with a sweep. It has to be far above 0 for two reasons.
    Pooled ReLU features are sparse and each is extreme in a few images: a supervised
    EfficientNet-Lite0 has 10 that are extreme in 1.0 to 1.4 % of 1,000 photographs, and none in
    2 %. And a feature that stands for one class is extreme only in that class's images. At one half
    or more, a feature must be extreme in most images, as CLIP's outlier features are.

    Whatever the threshold, a few outliers can hide each other: see `hiding_outliers`.

    Parameters
    ----------
    deviations : of every feature
    threshold : fraction of images, above 0 and at most 1

    Raises
    ------
    ValueError
        `threshold` is not above 0 and at most 1: at 0 every feature would be an outlier.
    """
    if not 0 < threshold <= 1:
        raise ValueError(
            f"threshold {threshold}: expected a fraction of images, above 0, at most 1"
        )
    ordered = most_extreme_first(deviations)
    return ordered.first(int(np.count_nonzero(ordered.share >= threshold)))


def hiding_outliers(features: int, sigma: float) -> int:
    """Return the smallest number of equal outliers that hide each other.

    If k of n features are far away and equal, and all others are equal too, the k lie
    `sqrt((n - k) / k)` σ from the mean, however far away they are, and nearer if the others vary.
    So if there are `n / (sigma² + 1)` or more, none is beyond `sigma`: 4 of 128 features at 6 σ,
    and 28 of 1,024.

    Parameters
    ----------
    features : how many there are
    sigma : the number of standard deviations, above 0
    """
    return math.ceil(features / (sigma**2 + 1))
