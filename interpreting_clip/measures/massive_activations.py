"""Massive activations: how far an image's largest value exceeds its median."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_representation,
    as_value,
    numeric,
)
from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.quantities import Confidence, Positive, Resamples, Seed
from interpreting_clip.statistics.chunks import chunks
from interpreting_clip.statistics.intervals import bootstrap_mean, wilson_interval

VALUES_AT_A_TIME = 2**20
"""A chunk of images has about this many values: 8 MiB."""

NODES = 200
"""Points of each integral in `isotropic_ratio`."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MassiveActivations(Result):
    """How far the largest value of each image exceeds the median, both without their sign.

    Attributes
    ----------
    ratio : mean over images of largest / median; None if an image's median is 0
    massive : share of images, 0 to 1, with a massive activation
    largest, median : mean over images of the largest and of the median |h|
    isotropic : the ratio expected of as many independent Gaussian values
    values : how many an image has: features, or tokens or positions times features
    zero_medians : images whose median is 0
    magnitude, times : what a massive activation is
    feature : index of the feature that holds the largest value in most images, from 0
    feature_share : the share of images, 0 to 1, in which it does
    features : how many there are
    per_image_largest, per_image_median, per_image_feature : the largest |h| of each image, the
        median, and the feature that holds the largest
    """

    CAPTION: ClassVar[str] = (
        "Intervals: bootstrap over images; of the share, Wilson's. Chance: as many independent "
        "Gaussian values."
    )

    ratio: Annotated[
        Estimate | None, Label("largest / median absolute value", 1, chance="isotropic")
    ]
    massive: Annotated[Estimate, Label("images with a massive activation", 3)]
    largest: Annotated[Estimate, Label("largest absolute value", 2)]
    median: Annotated[Estimate, Label("median absolute value", 3)]
    isotropic: float
    values: int
    zero_medians: int
    magnitude: float
    times: float
    feature: int
    feature_share: float
    features: int
    per_image_largest: Float[np.ndarray, " _image"] = beside()
    per_image_median: Float[np.ndarray, " _image"] = beside()
    per_image_feature: Int[np.ndarray, " _image"] = beside()

    @property
    def notes(self) -> list[str]:
        """Which feature it is, and why there is no ratio."""
        feature = (
            f"Feature {self.feature} holds the largest value in {self.feature_share:.3f} of the "
            f"images; one of {self.features:,} does by chance in {1 / self.features:.3f}."
        )
        rule = (
            f"Massive: above {self.magnitude:g} and at least {self.times:g} times the median (Sun "
            "et al. 2024)."
        )
        zero = (
            f"No ratio: the median of {self.zero_medians:,} images is 0, as that of rectified "
            "features can be; such images count as without a massive activation."
        )
        return [*super().notes, feature, rule, *([zero] if self.zero_medians else [])]


def massive_activations(
    activations: ArrayLike,
    *,
    feature_axis: int = -1,
    magnitude: float = 100.0,
    times: float = 1000.0,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> MassiveActivations:
    """Measure how far the largest value of an image exceeds its median (Sun et al. 2024).

    Both are of |h| over all values of an image: its features, or all tokens or positions with
    theirs. Sun et al. ("Massive Activations in Large Language Models", arXiv 2402.17762) plot both
    for each layer, averaged over inputs, and call an activation *massive* that exceeds 100 and is
    at least about 1,000 times the median. In vision transformers, a few tokens can hold them, which
    registers then take over (Darcet et al. 2024, arXiv 2309.16588).

    The ratio is computed in each image and averaged over images (ours), so it does not depend on
    the scale. By chance, independent Gaussian values have 4.8 (512 values) or 5.9 (6,464). One
    extreme value in an image is enough: `feature` says where it usually is. There is no ratio if an
    image's median is 0, as with rectified features.

    Parameters
    ----------
    activations : a row per image, or features of any shape, [image, ...], such as the tokens of a
        layer, [image, token, feature]
    feature_axis : the axis of the features: the last, or 1 for feature maps [image, channel,
        height, width]
    magnitude : above which an activation can be massive
    times : how many times the median a massive activation is at least
    resamples : bootstrap resamples of the images, for the intervals
    seed : of the resamples
    confidence : of the intervals, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or there is no such axis.
    """
    array = numeric(activations, "activations")
    rows = as_representation(array, "activations")
    limits = as_limits(magnitude, times, resamples, seed, confidence)
    axis = as_value(feature_axis, int, "feature_axis")
    if not -array.ndim < axis < array.ndim or axis == 0:
        raise ValueError(
            f"feature_axis: expected an axis of the shape {array.shape} after the images, 1 to "
            f"{array.ndim - 1} or -1, got {axis}"
        )
    images, values = rows.shape
    largest, medians = np.empty(images), np.empty(images)
    places = np.empty(images, np.int64)
    for block, chunk in chunks(rows, max(1, VALUES_AT_A_TIME // values)):
        sizes = np.abs(chunk)
        places[block] = sizes.argmax(axis=1)
        largest[block] = sizes.max(axis=1)
        medians[block] = np.median(sizes, axis=1)
    features = np.unravel_index(places, array.shape[1:])[axis - 1 if axis > 0 else axis]
    return summarize_extremes(
        largest, medians, features, values=values, features=array.shape[axis], **limits
    )


def as_limits(
    magnitude: float, times: float, resamples: int, seed: int, confidence: float
) -> dict[str, Any]:
    """Return the settings of `massive_activations`, each of which has to be legal."""
    return {
        "magnitude": as_value(magnitude, Positive, "magnitude"),
        "times": as_value(times, Positive, "times"),
        "resamples": as_value(resamples, Resamples, "resamples"),
        "seed": as_value(seed, Seed, "seed"),
        "confidence": as_value(confidence, Confidence, "confidence"),
    }


def summarize_extremes(
    largest: Float[np.ndarray, " image"],
    medians: Float[np.ndarray, " image"],
    feature: Int[np.ndarray, " image"],
    *,
    values: int,
    features: int,
    magnitude: float,
    times: float,
    resamples: int,
    seed: int,
    confidence: float,
) -> MassiveActivations:
    """Return the result from the largest and the median |h| of each image.

    Parameters
    ----------
    feature : that holds the largest
    values, features : how many an image has
    magnitude, times, resamples, seed, confidence : as in `massive_activations`
    """
    largest, medians = largest.astype(np.float64), medians.astype(np.float64)
    bootstrap = resamples, confidence, seed
    zero = medians == 0
    massive = (largest > magnitude) & (largest >= times * medians) & ~zero
    ratio = None if zero.any() else bootstrap_mean(largest / medians, *bootstrap)
    counts = np.bincount(feature)
    return MassiveActivations(
        ratio=ratio,
        massive=wilson_interval(float(massive.mean()), len(massive), confidence),
        largest=bootstrap_mean(largest, *bootstrap),
        median=bootstrap_mean(medians, *bootstrap),
        isotropic=isotropic_ratio(values),
        values=values,
        zero_medians=int(zero.sum()),
        magnitude=magnitude,
        times=times,
        feature=int(counts.argmax()),
        feature_share=float(counts.max() / len(feature)),
        features=features,
        per_image_largest=largest,
        per_image_median=medians,
        per_image_feature=np.asarray(feature, np.int64),
    )


def isotropic_ratio(values: int) -> float:
    """Return the expected largest / median of |z| of so many independent Gaussian values.

    It is 4.8 for 512 values, 5.9 for 6,464, with a relative error of about 1e-4 (Gauss-Legendre).
    """
    # Both take longer to import than the library.
    from numpy.polynomial.legendre import leggauss
    from scipy.special import betaincinv, ndtri

    if values == 1:
        return 1.0
    # Given the median of an odd number, or the upper of the two of an even one, the values above it
    # are independent, so their largest has a known expectation. What is left is an integral over
    # the order statistic's beta distribution.
    nodes, weights = leggauss(NODES)
    # The substitution flattens both ends, where quantiles are steep.
    t = (nodes + 1) / 2
    p, weights = t**2 * (3 - 2 * t), weights / 2 * 6 * t * (1 - t)
    middle = values // 2  # values below the median, or below the upper of the two
    above = values - middle - 1
    # By the probability to exceed a value, since the largest are far in the tail.
    exceeds = betaincinv(above + 1, middle + 1, p)
    median = -ndtri(exceeds / 2)
    largest = median
    if above:
        tails = -np.expm1(np.log(p) / above)
        largest = -ndtri(exceeds[:, None] * tails / 2) @ weights
    if values % 2:
        return float(weights @ (largest / median))
    lower = -ndtri((1 - (1 - exceeds[:, None]) * p ** (1 / middle)) / 2)
    inverse = (2 / (lower + median[:, None])) @ weights
    return float(weights @ (largest * inverse))
