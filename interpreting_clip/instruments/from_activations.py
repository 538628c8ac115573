"""Instruments for activations: kurtosis, outlier features, dimensions, basis."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.instruments.arguments import Array, as_matrix, checked
from interpreting_clip.instruments.readable import Readable, listed
from interpreting_clip.measures import kurtosis as of_kurtosis
from interpreting_clip.measures import participation_ratio as of_dimensions
from interpreting_clip.measures import privileged_basis as of_basis
from interpreting_clip.measures.intervals import Estimate, bootstrap_mean
from interpreting_clip.measures.result import Label


@dataclass(frozen=True, repr=False, eq=False)
class Kurtosis(Readable, of_kurtosis.Result):
    """The kurtosis of each image's features, and how many features are outlier features.

    Attributes
    ----------
    isotropic : what is expected of the same activations after a random rotation
    per_image : the kurtosis of each image
    """

    INTERVAL: ClassVar[str] = "Interval: bootstrap over images. Chance: after a random rotation."

    kurtosis: Annotated[Estimate, Label("mean kurtosis per image", 2, chance="isotropic")]
    isotropic: float
    per_image: Float[np.ndarray, " image"]


@dataclass(frozen=True, repr=False, eq=False)
class OutlierFeatures(Readable):
    """The features that lie far from the others of their image, in many images.

    Attributes
    ----------
    feature : index of each outlier feature, from 0, the one that is extreme in most images first
    share : fraction of images, 0 to 1, in which each is extreme
    mean_abs_z : its mean distance from the mean of its image, in standard deviations
    share_of_every_feature : the fraction of images in which each feature is extreme, outlier or not
    """

    outlier_features: Annotated[int, Label("outlier features", 0)]
    largest_share: Annotated[float, Label("images in which the most extreme feature is extreme", 3)]
    hiding: Annotated[int, Label("equal outliers that would hide each other", 0)]
    feature: Int[np.ndarray, " outlier"]
    share: Float[np.ndarray, " outlier"]
    mean_abs_z: Float[np.ndarray, " outlier"]
    share_of_every_feature: Float[np.ndarray, " feature"]

    @property
    def notes(self) -> list[str]:
        """Which features they are."""
        pairs = zip(self.feature.tolist(), self.share.tolist(), strict=True)
        named = [f"{feature} (in {share:.3f} of the images)" for feature, share in pairs]
        first = [f"Outlier features: {listed(named)}."] if named else []
        return [*first, "Chance level: privileged_basis counts them after random rotations."]


@dataclass(frozen=True, repr=False, eq=False)
class ParticipationRatio(Readable, of_dimensions.Result):
    """How many dimensions the activations use."""

    INTERVAL: ClassVar[str] = (
        "Interval: jackknife over blocks of images. Chance: as many images of independent features."
    )


@dataclass(frozen=True, repr=False, eq=False)
class PrivilegedBasis(Readable, of_basis.Result):
    """Whether the features differ from random directions of their space."""

    INTERVAL: ClassVar[str] = (
        "Intervals of rotated numbers: the lowest and the highest of all rotations. Chance: the "
        "mean of random rotations, or what is expected of them."
    )


def kurtosis(
    activations: Array,
    *,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Kurtosis:
    """Measure the kurtosis of each image's features (`measures.kurtosis`).

    `mean_i ((h_i - μ) / σ)^4` with μ and σ over the features of an image (Crabbé et al. 2024): 3
    for Gaussian features, and large where a few features dominate.

    Parameters
    ----------
    activations : a row for each image and a column for each feature, before L2 normalisation (which
        changes nothing here)
    outlier_sigma : standard deviations beyond which a feature is extreme; 6 in the paper
    outlier_share : share of the images in which an outlier feature is extreme; ours, the paper
        gives none
    resamples, confidence, seed : of the bootstrap over images; ours, as in params.yaml

    Raises
    ------
    TypeError, ValueError
        An argument is not an array of finite numbers, has another shape or is out of its range,
        or all features of an image are equal.
    """
    values = as_matrix(activations, "activations")
    settings = outlier_settings(
        outlier_sigma, outlier_share, resamples=resamples, confidence=confidence, seed=seed
    )
    per_image, deviations = of_kurtosis.kurtosis_and_deviations(values, settings.outlier_sigma)
    found = of_kurtosis.outlier_features(deviations, settings.outlier_share)
    features = values.shape[1]
    return Kurtosis(
        kurtosis=bootstrap_mean(per_image, settings.resamples, settings.confidence, settings.seed),
        outlier_features=len(found.feature),
        largest_share=float(deviations.share.max()),
        isotropic=3 * (features - 1) / (features + 1),
        per_image=per_image,
    )


def outlier_features(
    activations: Array, *, outlier_sigma: float = 6.0, outlier_share: float = 0.5
) -> OutlierFeatures:
    """Find the features that are extreme in many images (`measures.kurtosis`).

    Two limits: a few equal outliers hide each other (see `hiding`), and a rectified
    encoder's features are extreme in a few images each, so `outlier_share` has to be large.

    Parameters
    ----------
    activations, outlier_sigma, outlier_share : as in `kurtosis`

    Raises
    ------
    TypeError, ValueError
        As `kurtosis`.
    """
    values = as_matrix(activations, "activations")
    settings = outlier_settings(outlier_sigma, outlier_share)
    _, deviations = of_kurtosis.kurtosis_and_deviations(values, settings.outlier_sigma)
    found = of_kurtosis.outlier_features(deviations, settings.outlier_share)
    return OutlierFeatures(
        outlier_features=len(found.feature),
        largest_share=float(deviations.share.max()),
        hiding=of_kurtosis.hiding_outliers(values.shape[1], settings.outlier_sigma),
        feature=found.feature,
        share=found.share,
        mean_abs_z=found.mean_abs_z,
        share_of_every_feature=deviations.share,
    )


def participation_ratio(
    activations: Array, *, blocks: int = 20, confidence: float = 0.95
) -> ParticipationRatio:
    """Measure how many dimensions the activations use (`measures.participation_ratio`).

    `(Σ λ)² / Σ λ²` with the eigenvalues λ of the features' covariance (Gao et al. 2017).

    Parameters
    ----------
    activations : as in `kurtosis`; at least two images per block
    blocks, confidence : of the jackknife; as in params.yaml

    Raises
    ------
    TypeError, ValueError
        As `kurtosis`; there are too few images, or all are the same.
    """
    values = as_matrix(activations, "activations")
    settings = checked(of_dimensions.Settings, blocks=blocks, confidence=confidence)
    if len(values) < 2 * settings.blocks:
        raise ValueError(
            f"activations: {len(values)} images in {settings.blocks} blocks: expected at least two "
            f"images per block; pass blocks={max(len(values) // 2, 2)} or more images"
        )
    return ParticipationRatio(**vars(of_dimensions.participation_ratio(values, settings)))


def privileged_basis(
    activations: Array,
    *,
    rotations: int = 20,
    robust_deviations: float = 6.0,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    seed: int = 0,
) -> PrivilegedBasis:
    """Compare the features with random directions of their space (`measures.privileged_basis`).

    Each rotation is a product of the activations with a square matrix, so 20 of them take as long
    as a linear layer of 20 times the features.

    Parameters
    ----------
    activations, outlier_sigma, outlier_share : as in `kurtosis`
    rotations, robust_deviations, seed : of the random rotations; as in params.yaml

    Raises
    ------
    TypeError, ValueError
        As `kurtosis`.
    """
    values = as_matrix(activations, "activations")
    settings = checked(
        of_basis.Settings, rotations=rotations, seed=seed, robust_deviations=robust_deviations
    )
    limits = outlier_settings(outlier_sigma, outlier_share)
    found = of_basis.privileged_basis(values, limits.outlier_sigma, limits.outlier_share, settings)
    return PrivilegedBasis(**vars(found))


def outlier_settings(
    outlier_sigma: Any,
    outlier_share: Any,
    *,
    resamples: Any = 1,
    confidence: Any = 0.5,
    seed: Any = 0,
) -> of_kurtosis.Settings:
    """Return what an outlier feature is, and the bootstrap where there is one.

    Raises
    ------
    ValueError
        A setting is out of its range.
    """
    return checked(
        of_kurtosis.Settings,
        outlier_sigma=outlier_sigma,
        outlier_share=outlier_share,
        # The table of further shares is the study's alone.
        sweep=[0.5],
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )
