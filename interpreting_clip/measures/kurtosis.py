"""Kurtosis of each image's features, and outlier features, which are extreme in many images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.conversions import ArrayLike, as_matrix, as_settings, as_value
from interpreting_clip.formats.result import IF_KNOWN, Estimate, Label, Result, beside
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
from interpreting_clip.statistics.chunks import Features, chunks
from interpreting_clip.statistics.feature_energy import (
    FeatureEnergy,
    differ_from_mean,
    feature_energy,
)
from interpreting_clip.statistics.intervals import bootstrap_mean
from interpreting_clip.statistics.outliers import are_outliers, hiding_outliers, most_extreme_first
from interpreting_clip.statistics.rectified import Representation, rectified_note, zero_share

SWEEP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
"""The shares of the images for which outlier features are counted by default."""

CHUNK_SIZE = 128
"""A chunk of this many images fits in a core's cache: 1 MiB at 1,024 features."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The bootstrap over images, and what an outlier feature is, with a sweep over shares.

    A feature is an outlier feature when it lies beyond `outlier_sigma` standard deviations of its
    image's features in at least the share `outlier_share` of the images.
    """

    resamples: Annotated[Resamples, Described("bootstrap resamples of the images", "resamples")] = (
        1000
    )
    seed: Annotated[Seed, Described("of the resamples")] = 0
    confidence: Annotated[Confidence, Described("of the interval", "probability")] = 0.95
    outlier_sigma: Annotated[
        Positive,
        Described(
            "how far from the mean of its image's features an outlier feature is",
            "standard deviations",
            paper="6",
        ),
    ] = 6.0
    sweep: Annotated[Sweep, Described("further shares, for the table", "share")] = msgspec.field(
        default_factory=lambda: [*SWEEP]
    )
    outlier_share: Annotated[
        Share,
        Described(
            "in which share of the images it has to be so far away",
            "share",
            paper="not given; ours: 0.5, most images",
        ),
    ] = 0.5


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutliersAt(Result):
    """How many `outlier_features` are extreme in at least a `share`, 0 to 1, of the images."""

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
    energy : its share, 0 to 1, of the energy of all features
    constant : how much of its energy, 0 to 1, is the same in every image
    total_energy, total_constant : these two of all outlier features together; None if there is none
    sweep : the number of outlier features at further shares
    zeros : of rectified features, the share of numbers, 0 to 1, that are exactly 0; otherwise None
    share_of_every_feature, mean_abs_z_of_every_feature, energy_of_every_feature,
        constant_of_every_feature : the same of each feature, outlier or not
    """

    outlier_features: Annotated[int, Label("outlier features", 0, headline="outliers")]
    largest_share: Annotated[float, Label("images in which the top feature is extreme", 3)]
    total_energy: Annotated[float | None, Label("share of the energy in outlier features", 3)]
    total_constant: Annotated[
        float | None, Label("constant share of the outlier features' energy", 3)
    ]
    hiding: Annotated[int, Label("fewest equal outliers that hide each other", 0)]
    features: int
    outlier_sigma: float
    outlier_share: float
    feature: Int[np.ndarray, " _outlier"]
    share: Float[np.ndarray, " _outlier"]
    mean_abs_z: Float[np.ndarray, " _outlier"]
    energy: Float[np.ndarray, " _outlier"]
    constant: Float[np.ndarray, " _outlier"]
    sweep: list[OutliersAt]
    zeros: float | None = field(default=None, metadata=IF_KNOWN)
    share_of_every_feature: Float[np.ndarray, " _feature"] = beside()
    mean_abs_z_of_every_feature: Float[np.ndarray, " _feature"] = beside()
    energy_of_every_feature: Float[np.ndarray, " _feature"] = beside()
    constant_of_every_feature: Float[np.ndarray, " _feature"] = beside()

    @property
    def notes(self) -> list[str]:
        """Which features they are."""
        from interpreting_clip.errors import listed

        columns = zip(self.feature, self.share, self.energy, self.constant, strict=True)
        named = [
            f"{feature} (in {share:.3f} of the images; {energy:.3f} of the energy, of which "
            f"{constant:.3f} is constant)"
            for feature, share, energy, constant in columns
        ]
        first = [f"Outlier features: {listed(named)}."] if named else []
        chance = "Chance level: privileged_basis counts them after random rotations."
        if self.zeros is not None:
            chance = (
                f"{rectified_note(self.zeros)} So kurtosis and outlier features compare only with "
                "those of other rectified encoders, and not with random rotations."
            )
        return [*first, chance]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Kurtosis(Result):
    """The kurtosis of each image's features, and the outlier features that raise it.

    Attributes
    ----------
    kurtosis : mean over images, with a bootstrap interval; without one if there is one image
    centred : the same minus the mean image; None if an image equals the mean image
    isotropic : what is expected of both after a random rotation; None of rectified features, which
        no rotation leads to
    outliers : the outlier features
    centred_outliers : how many there are minus the mean image; None if `centred` is
    representation : `linear` or `rectified`, as recorded; without a record, `rectified` where the
        numbers look so (`zero_share`), otherwise None
    per_image : the kurtosis of each image
    """

    CAPTION: ClassVar[str] = "Interval: bootstrap over images. Chance: after a random rotation."

    kurtosis: Annotated[
        Estimate, Label("mean kurtosis per image", 2, chance="isotropic", headline="kurtosis")
    ]
    centred: Annotated[
        Estimate | None,
        Label("mean kurtosis per image, minus the mean image", 2, chance="isotropic"),
    ]
    isotropic: float | None
    outliers: OutlierFeatures
    centred_outliers: Annotated[int | None, Label("outlier features, minus the mean image", 0)]
    representation: Representation | None = None
    per_image: Float[np.ndarray, " _image"] = beside()

    @property
    def notes(self) -> list[str]:
        """What the interval is, and which features are outlier features."""
        equal = "No kurtosis minus the mean image: an image equals it, as a single one does."
        caption = super().notes
        if self.isotropic is None:
            caption = ["Interval: bootstrap over images."]
        return [*caption, *([] if self.centred else [equal]), *self.outliers.notes]


def kurtosis(
    activations: ArrayLike,
    *,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    sweep: Sequence[float] = SWEEP,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    representation: Representation | None = None,
) -> Kurtosis:
    """Measure the kurtosis of each image's features, and find its outlier features.

    The kurtosis of an image is `mean_i ((h_i - μ) / σ)^4` with μ and the population σ over the
    features of that image (Crabbé et al. 2024). It is not the excess kurtosis: a Gaussian has 3,
    and the minimum is 1.

    The kurtosis *minus the mean image* is that of `h - mean(h)`, the mean being over these images
    (ours): a large feature that is the same in every image raises the kurtosis, but tells no images
    apart. Its interval keeps the mean image. A single image has none.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation. Unit length would not change the
        kurtosis of an image, but it changes the mean image and what is left of an image without it
    outlier_sigma : standard deviations from the mean of its image's features beyond which a feature
        is extreme in the image; 6 in the paper
    outlier_share : the share of the images, above 0 to 1, in which an outlier feature is extreme;
        not given in the paper
    sweep : further such shares, for a table
    resamples : bootstrap resamples of the images, for the intervals
    seed : of the resamples
    confidence : of the intervals, above 0 and below 1
    representation : whether the features end in a linear layer (`linear`) or in an activation
        function (`rectified`); None: they are rectified if their numbers look so (`zero_share`).
        Rectified features compare only with others of this kind

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; all
        features of an image are equal (the image is named).
    """
    activations = as_matrix(activations, "activations")
    settings = as_settings(
        Settings,
        outlier_sigma=outlier_sigma,
        outlier_share=outlier_share,
        sweep=sweep,
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )
    representation = as_value(representation, Representation | None, "representation")
    sigma, share = settings.outlier_sigma, settings.outlier_share
    bootstrap = settings.resamples, settings.confidence, settings.seed
    # First: this refuses an image without spread, so that there is some energy.
    per_image, beyond, mean_abs_z = kurtosis_and_deviations(activations, sigma)
    energy = feature_energy(activations)
    zeros = zero_share(activations, representation)
    centred, centred_outliers = None, None
    if differ_from_mean(activations, energy):
        rest, extreme, _ = kurtosis_and_deviations(activations, sigma, energy.mean_image)
        centred = bootstrap_mean(rest, *bootstrap)
        centred_outliers = int(are_outliers(extreme, len(rest), share).sum())
    return Kurtosis(
        kurtosis=bootstrap_mean(per_image, *bootstrap),
        centred=centred,
        isotropic=isotropic_kurtosis(activations.shape[1]) if zeros is None else None,
        outliers=_outliers(beyond, mean_abs_z, energy, len(per_image), settings, zeros=zeros),
        centred_outliers=centred_outliers,
        representation=representation if zeros is None else "rectified",
        per_image=per_image,
    )


def outlier_features(
    activations: ArrayLike,
    *,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    sweep: Sequence[float] = SWEEP,
    representation: Representation | None = None,
) -> OutlierFeatures:
    """Find the features that are extreme in most images.

    A feature is extreme in an image if `|h_i - μ| > outlier_sigma · σ`, with μ and σ over the
    features of that image (6 in Crabbé et al. 2024). An outlier feature is extreme in at least the
    share `outlier_share` of the images. The paper gives no share; ours is 0.5. With a low share,
    sparse rectified features and features of a single class count, too.

    Every extreme feature increases σ: k equal ones of n are at most `sqrt((n - k) / k)` σ from the
    mean, so that `n / (sigma² + 1)` or more hide each other: 4 of 128 at 6 σ, and 28 of 1,024. A
    feature can be extreme in every image because it is a constant (`feature_energy`).

    Parameters
    ----------
    activations : as in `kurtosis`; unit length changes the two shares
    outlier_sigma, outlier_share, sweep, representation : as in `kurtosis`

    Raises
    ------
    TypeError, ValueError
        As in `kurtosis`.
    """
    activations = as_matrix(activations, "activations")
    limits = {"outlier_sigma": outlier_sigma, "outlier_share": outlier_share, "sweep": sweep}
    settings = as_settings(Settings, **{**msgspec.structs.asdict(Settings()), **limits})
    representation = as_value(representation, Representation | None, "representation")
    _, beyond, mean_abs_z = kurtosis_and_deviations(activations, settings.outlier_sigma)
    energy, zeros = feature_energy(activations), zero_share(activations, representation)
    return _outliers(beyond, mean_abs_z, energy, len(activations), settings, zeros=zeros)


def kurtosis_and_deviations(
    activations: Features, sigma: float, minus: Float[np.ndarray, " feature"] | None = None
) -> tuple[Float[np.ndarray, " image"], Int[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Measure in one pass each image's kurtosis, and how often and how far each feature deviates.

    Parameters
    ----------
    activations : as in `kurtosis`
    sigma : the number of standard deviations beyond which a feature is extreme, above 0
    minus : is subtracted from every image first

    Returns
    -------
    the kurtosis of each image; in how many images each feature is beyond `sigma`, and the mean over
    images of its `|h_i - μ| / σ`

    Raises
    ------
    ValueError
        All features of an image are equal (the image is named).
    """
    images, features = activations.shape
    per_image = np.empty(images)
    beyond, total = np.zeros(features, np.int64), np.zeros(features)
    for rows, z in standardized(activations, minus):
        squares = z**2
        per_image[rows] = np.einsum("ij,ij->i", squares, squares) / features
        distance = np.abs(z, out=z)
        beyond += np.count_nonzero(distance > sigma, axis=0)
        total += distance.sum(axis=0)
    return per_image, beyond, total / images


def standardized(
    activations: Features, minus: Float[np.ndarray, " feature"] | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of images and `z = (h - μ) / σ`, with μ and the population σ of each image.

    `minus` is subtracted from every image first. An image whose features are all equal is refused.
    """
    for rows, values in chunks(activations, CHUNK_SIZE):
        chunk = values if minus is None else values - minus
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


def isotropic_kurtosis(features: int) -> float:
    """Return the expected kurtosis of n Gaussian features, `3 (n - 1) / (n + 1)` (Fisher 1930).

    That of any activations after a random rotation is the same.
    """
    return 3 * (features - 1) / (features + 1)


def _outliers(
    beyond: Int[np.ndarray, " feature"],
    mean_abs_z: Float[np.ndarray, " feature"],
    energy: FeatureEnergy,
    images: int,
    settings: Settings,
    *,
    zeros: float | None,
) -> OutlierFeatures:
    share = beyond / images
    order = most_extreme_first(share, mean_abs_z)
    feature = order[are_outliers(beyond, images, settings.outlier_share)[order]]
    total_energy, total_constant = energy.total(feature)
    return OutlierFeatures(
        outlier_features=len(feature),
        total_energy=total_energy,
        total_constant=total_constant,
        largest_share=float(share.max()),
        hiding=hiding_outliers(len(share), settings.outlier_sigma),
        features=len(share),
        outlier_sigma=settings.outlier_sigma,
        outlier_share=settings.outlier_share,
        feature=feature,
        share=share[feature],
        mean_abs_z=mean_abs_z[feature],
        energy=energy.share[feature],
        constant=energy.constant[feature],
        sweep=[
            OutliersAt(share=one, outlier_features=int(are_outliers(beyond, images, one).sum()))
            for one in settings.sweep
        ],
        zeros=zeros,
        share_of_every_feature=share,
        mean_abs_z_of_every_feature=mean_abs_z,
        energy_of_every_feature=energy.share,
        constant_of_every_feature=energy.constant,
    )
