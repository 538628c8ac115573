"""Privileged basis: whether an encoder's features differ from random directions of their space."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.measures.chunks import Features, chunks
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.kurtosis import isotropic_kurtosis, kurtosis_and_deviations
from interpreting_clip.measures.nulls import Progress, random_frame, two_sided_p_value
from interpreting_clip.measures.outliers import are_outliers
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.result import Label, Result
from interpreting_clip.quantities import Described, Positive, Seed, StrictStruct

GAUSSIAN_MAD = NormalDist().inv_cdf(0.75)
"""The median absolute deviation of a Gaussian, in standard deviations: 0.6745, or 1 / 1.4826."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The random rotations, and how far out the mean of a feature counts as extreme."""

    rotations: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "random rotations of the features; with fewer than 39, no two-sided p can be 0.05",
            "rotations",
        ),
    ] = 40
    seed: Annotated[Seed, Described("of the rotations")] = 0
    robust_deviations: Annotated[
        Positive,
        Described(
            "how far from the median feature's mean over images that of an extreme feature is",
            "standard deviations, from the median absolute deviation",
        ),
    ] = 6.0


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PrivilegedBasis(Result):
    """The numbers of the features, each with that of random rotations.

    An `Estimate` over rotations has their mean, the lowest and the highest. See `privileged_basis`.

    Attributes
    ----------
    rotated_kurtosis, rotated_outliers : kurtosis and outlier features after the rotations
    kurtosis_p : two-sided p value of the features' kurtosis among the rotations
    max_to_median : the largest |value| over the median one; None if half of them are 0
    rms_kurtosis : of the features' root mean squares
    robust_outliers : features whose mean over images is extreme; None if half have the same
    isotropic : the kurtosis that is expected after a random rotation, whatever the activations
    rotated_max_to_median, rotated_rms_kurtosis, rotated_robust_outliers : means over the rotations
    """

    CAPTION: ClassVar[str] = (
        "Intervals of rotated numbers: the lowest and the highest of all rotations. Chance: the "
        "mean of random rotations, or what is expected of them. With N rotations, p is at least "
        "2 / (N + 1)."
    )

    rotated_kurtosis: Annotated[
        Estimate, Label("mean kurtosis per image, rotated", 2, chance="isotropic")
    ]
    kurtosis_p: Annotated[float, Label("two-sided p of the kurtosis among rotations", 3)]
    rotated_outliers: Annotated[Estimate, Label("outlier features, rotated", 1)]
    max_to_median: Annotated[
        float | None, Label("largest over median absolute value", 1, chance="rotated_max_to_median")
    ]
    rms_kurtosis: Annotated[
        float,
        Label("kurtosis of the features' root mean squares", 2, chance="rotated_rms_kurtosis"),
    ]
    robust_outliers: Annotated[
        int | None, Label("features with an extreme mean", 0, chance="rotated_robust_outliers")
    ]
    isotropic: float
    rotated_max_to_median: float | None
    rotated_rms_kurtosis: float
    rotated_robust_outliers: float | None


@dataclass(frozen=True)
class BasisNumbers:
    """What tells features with outliers from others, in one basis.

    Attributes
    ----------
    kurtosis : mean over images of the kurtosis over features
    outlier_features : beyond `sigma` standard deviations in at least a share of the images
    max_to_median : median over images of the largest |value| over the median one; None if the
        median image has a median of 0
    rms_kurtosis : fourth moment of the features' root mean squares over their squared second one
    robust_outliers : features whose mean is extreme; None if most features have the same mean
    """

    kurtosis: float
    outlier_features: int
    max_to_median: float | None
    rms_kurtosis: float
    robust_outliers: int | None


def privileged_basis(
    activations: Features,
    *,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    settings: Settings = Settings(),
    progress: Progress = iter,
) -> PrivilegedBasis:
    """Test whether the features differ from random directions of the same space, in four ways.

    A basis is privileged if its features differ from random directions (Elhage et al. 2023,
    "Privileged Bases in the Transformer Residual Stream"). So each number stands beside its mean
    over random rotations. The measure is ours; it has no interval over images.

    * *Kurtosis and outlier features* as in Crabbé et al. 2024. After a random rotation the expected
      kurtosis is that of n Gaussian features (`isotropic_kurtosis`). But if an encoder's images
      share one direction, a single rotation can be far from it: the lowest and the highest show how
      far. `kurtosis_p` is `2 (r + 1) / (rotations + 1)` if r rotations are as far out on the
      features' side.
    * *Largest / median |value|*, per image, and the median over images: massive activations (Sun et
      al. 2024), the max-median ratio of He et al. 2024 (arXiv 2405.19279).
    * *Kurtosis of the features' root mean squares*: `mean(s⁴) / mean(s²)²` over features, where s
      is the root mean square of a feature over images (He et al. 2024). It is 1 if all features are
      equally large, and n if all but one of n are 0; if images share one direction that outweighs
      all else, rotations have about 3.
    * *Features with an extreme mean* over images: more than `robust_deviations` from the median of
      all features, in standard deviations of a Gaussian with the same median absolute deviation.
      Outliers hardly change medians, so fewer than half of the features do not hide each other.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    outlier_sigma, outlier_share : beyond how many standard deviations of its image, and in which
        share of the images, an outlier feature is
    progress : goes through the rotations, such as `tqdm`

    Raises
    ------
    ValueError
        All features of an image are equal (the image is named).
    """
    # Names an image without spread by its number among all: below there are only chunks.
    kurtosis_and_deviations(activations, outlier_sigma)
    features, turned = activations.shape[1], span_coordinates(activations)
    limits = outlier_sigma, outlier_share, settings.robust_deviations
    own = basis_numbers(activations, *limits)
    rngs = (
        generator(settings.seed, "rotated features", n) for n in progress(range(settings.rotations))
    )
    frames = (random_frame(turned.shape[1], features, rng) for rng in rngs)
    rotated = [basis_numbers(turned, *limits, frame) for frame in frames]
    kurtosis = [one.kurtosis for one in rotated]
    return PrivilegedBasis(
        rotated_kurtosis=_mean_and_range(kurtosis),
        kurtosis_p=two_sided_p_value(own.kurtosis, kurtosis),
        rotated_outliers=_mean_and_range([one.outlier_features for one in rotated]),
        max_to_median=own.max_to_median,
        rms_kurtosis=own.rms_kurtosis,
        robust_outliers=own.robust_outliers,
        isotropic=isotropic_kurtosis(features),
        rotated_max_to_median=_mean([one.max_to_median for one in rotated]),
        rotated_rms_kurtosis=float(np.mean([one.rms_kurtosis for one in rotated])),
        rotated_robust_outliers=_mean([one.robust_outliers for one in rotated]),
    )


def span_coordinates(activations: Features) -> Float[np.ndarray, "image coordinate"]:
    """Return activations in an orthonormal basis of their span, if images are fewer than features.

    A random rotation takes this basis to random orthonormal rows, so these are all that has to be
    drawn: a sixth of the time with 200 images of 1,280 features. Otherwise activations stay.
    """
    if len(activations) >= activations.shape[1]:
        return activations
    every = np.concatenate([chunk for _, chunk in chunks(activations)])
    _, triangle = np.linalg.qr(every.T)
    return np.ascontiguousarray(triangle.T)


def basis_numbers(
    activations: Float[np.ndarray, "image coordinate"],
    sigma: float,
    share: float,
    robust_deviations: float,
    rotation: Float[np.ndarray, "coordinate feature"] | None = None,
) -> BasisNumbers:
    """Measure the features of activations, or those that a rotation makes of them.

    Parameters
    ----------
    activations : one row per image
    sigma, share : `outlier_sigma` and `outlier_share` of `privileged_basis`
    robust_deviations : how far out the mean of a feature is extreme
    rotation : orthonormal rows, as many as `activations` has columns; None leaves these as they are
    """
    images = len(activations)
    features = activations.shape[1] if rotation is None else rotation.shape[1]
    kurtosis, ratios = np.empty(images), np.empty(images)
    beyond = np.zeros(features, np.int64)
    total, squares = np.zeros((2, features))
    for rows, chunk in chunks(activations):
        values = chunk if rotation is None else chunk @ rotation
        kurtosis[rows], extreme, _ = kurtosis_and_deviations(values, sigma)
        beyond += extreme
        total += values.sum(axis=0)
        squares += np.einsum("ij,ij->j", values, values)
        ratios[rows] = max_to_median(values)
    ratio = float(np.median(ratios))
    return BasisNumbers(
        kurtosis=float(kurtosis.mean()),
        outlier_features=int(are_outliers(beyond, images, share).sum()),
        max_to_median=ratio if np.isfinite(ratio) else None,
        rms_kurtosis=float(np.mean(squares**2) / np.mean(squares) ** 2),
        robust_outliers=robust_outliers(total / images, robust_deviations),
    )


def max_to_median(values: Features) -> Float[np.ndarray, " image"]:
    """Return the largest |value| of each image over its median one; infinite if that is 0."""
    sizes = np.abs(values)
    with np.errstate(divide="ignore"):
        return sizes.max(axis=1) / np.median(sizes, axis=1)


def robust_outliers(means: Float[np.ndarray, " feature"], deviations: float) -> int | None:
    """Count the features whose mean is far from the median of all.

    None if half of the features or more have the same mean, as the dead ones of a ReLU: then there
    is no deviation to count in.

    Parameters
    ----------
    means : of each feature over images
    deviations : how far is far, in standard deviations as a Gaussian's median absolute deviation
        gives them
    """
    distance = np.abs(means - np.median(means))
    typical = np.median(distance)
    if not typical:
        return None
    return int(np.count_nonzero(distance > deviations / GAUSSIAN_MAD * typical))


def _mean_and_range(values: Sequence[float | int]) -> Estimate:
    return Estimate(float(np.mean(values)), float(min(values)), float(max(values)))


def _mean(values: Sequence[float | int | None]) -> float | None:
    """Return the mean; None if a value is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
