"""Privileged basis: whether an encoder's features differ from random directions of their space."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_matrix,
    as_progress,
    as_settings,
    as_value,
)
from interpreting_clip.formats.result import IF_KNOWN, Estimate, Label, Result
from interpreting_clip.measures.kurtosis import isotropic_kurtosis, kurtosis_and_deviations
from interpreting_clip.quantities import Described, Positive, Seed, Share, StrictStruct
from interpreting_clip.statistics.blas import one_blas_thread
from interpreting_clip.statistics.chunks import Features, chunks
from interpreting_clip.statistics.nulls import Progress, random_frame, two_sided_p_value
from interpreting_clip.statistics.outliers import are_outliers
from interpreting_clip.statistics.random_numbers import generator
from interpreting_clip.statistics.rectified import Representation, rectified_note, zero_share


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The random rotations."""

    rotations: Annotated[
        int,
        Meta(ge=1, le=1000),
        Described(
            "random rotations of the features. With fewer than 39, no two-sided p can be 0.05; "
            "after Holm's correction for m encoders, with fewer than 40 m − 1",
            "rotations",
        ),
    ] = 299
    seed: Annotated[Seed, Described("of the rotations")] = 0


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PrivilegedBasis(Result):
    """The numbers of the features, each with that of random rotations.

    An `Estimate` over rotations has their mean, the lowest and the highest. See `privileged_basis`.

    Attributes
    ----------
    rotated_kurtosis, rotated_outliers : kurtosis and outlier features after the rotations
    kurtosis_p : two-sided p value of the features' kurtosis among the rotations
    isotropic : the kurtosis that is expected after a random rotation, whatever the activations
    zeros : of rectified features, the share of numbers, 0 to 1, that are exactly 0; otherwise None
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
    isotropic: float
    zeros: float | None = field(default=None, metadata=IF_KNOWN)

    @property
    def notes(self) -> list[str]:
        """What the intervals are, and that rectified features differ by construction."""
        if self.zeros is None:
            return super().notes
        built = "So they differ from random directions, whatever the encoder learnt."
        return [*super().notes, f"{rectified_note(self.zeros)} {built}"]


def privileged_basis(
    activations: ArrayLike,
    *,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    rotations: int = 299,
    seed: int = 0,
    representation: Representation | None = None,
    progress: Progress = iter,
) -> PrivilegedBasis:
    """Test whether the features differ from random directions of the same space.

    A basis is privileged if they do (Elhage et al. 2023, "Privileged Bases in the Transformer
    Residual Stream"). So the kurtosis and the number of outlier features (Crabbé et al. 2024) are
    compared with those after random rotations. The measure is ours; it has no interval over images.

    `kurtosis_p` is `2 (r + 1) / (rotations + 1)` if r rotations are as far out on the features'
    side. The expected kurtosis after a rotation is `3 (n - 1) / (n + 1)` with n features (Fisher
    1930); if the images share one direction, a single rotation can be far from it.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    outlier_sigma, outlier_share : beyond how many standard deviations of its image, and in which
        share of the images, an outlier feature is
    rotations : random rotations of the features, 1 to 1,000; with fewer than 39, no two-sided p can
        be 0.05, and with 299 that is possible for seven encoders together (`holm`)
    seed : of the rotations
    representation : as in `kurtosis`. Rectified features differ from random directions by
        construction, which a note says
    progress : goes through the rotations, such as `tqdm`

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; all
        features of an image are equal (the image is named).
    """
    activations = as_matrix(activations, "activations")
    outlier_sigma = as_value(outlier_sigma, Positive, "outlier_sigma")
    outlier_share = as_value(outlier_share, Share, "outlier_share")
    settings = as_settings(Settings, rotations=rotations, seed=seed)
    representation = as_value(representation, Representation | None, "representation")
    progress = as_progress(progress)
    own, _, _ = kurtosis_and_deviations(activations, outlier_sigma)
    features = activations.shape[1]
    with one_blas_thread():
        turned = span_coordinates(activations)
        rngs = (
            generator(settings.seed, "rotated features", n)
            for n in progress(range(settings.rotations))
        )
        frames = (random_frame(turned.shape[1], features, rng) for rng in rngs)
        rotated = [rotated_numbers(turned, frame, outlier_sigma, outlier_share) for frame in frames]
    kurtosis, outliers = zip(*rotated, strict=True)
    return PrivilegedBasis(
        rotated_kurtosis=_mean_and_range(kurtosis),
        kurtosis_p=two_sided_p_value(float(own.mean()), kurtosis),
        rotated_outliers=_mean_and_range(outliers),
        isotropic=isotropic_kurtosis(features),
        zeros=zero_share(activations, representation),
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


def rotated_numbers(
    activations: Float[np.ndarray, "image coordinate"],
    rotation: Float[np.ndarray, "coordinate feature"],
    sigma: float,
    share: float,
) -> tuple[float, int]:
    """Return the mean kurtosis and the number of outlier features that a rotation leads to.

    Parameters
    ----------
    activations : one row per image
    rotation : orthonormal rows, as many as `activations` has columns
    sigma, share : `outlier_sigma` and `outlier_share` of `privileged_basis`
    """
    images = len(activations)
    kurtosis, beyond = np.empty(images), np.zeros(rotation.shape[1], np.int64)
    for rows, chunk in chunks(activations):
        kurtosis[rows], extreme, _ = kurtosis_and_deviations(chunk @ rotation, sigma)
        beyond += extreme
    return float(kurtosis.mean()), int(are_outliers(beyond, images, share).sum())


def _mean_and_range(values: Sequence[float | int]) -> Estimate:
    return Estimate(float(np.mean(values)), float(min(values)), float(max(values)))
