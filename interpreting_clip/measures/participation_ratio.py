"""Participation ratio: how many dimensions the activations of an encoder use."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from msgspec import Meta

from interpreting_clip.arrays.conversions import ArrayLike, as_matrix, as_settings
from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.quantities import Confidence, Described, StrictStruct
from interpreting_clip.statistics.chunks import Features, chunks, require_variation
from interpreting_clip.statistics.intervals import jackknife_interval


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The interval: a jackknife over blocks of images."""

    blocks: Annotated[
        int, Meta(ge=2, le=1000), Described("blocks of images, each of which is left out once")
    ] = 20
    confidence: Annotated[Confidence, Described("of the interval", "probability")] = 0.95

    @property
    def least_images(self) -> int:
        """How many images are needed: two in each block."""
        return 2 * self.blocks


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ParticipationRatio(Result):
    """How many dimensions the activations use, of how many features.

    `isotropic` is what activations without any structure would have: as many images of as many
    independent Gaussian features of equal variance. `without_block` are the dimensions without each
    block of images; two encoders' on the same images can be subtracted.
    """

    CAPTION: ClassVar[str] = (
        "Interval: jackknife over blocks of images. Chance: as many images of independent features."
    )

    dimensions: Annotated[Estimate, Label("dimensions used", 1, chance="isotropic")]
    features: Annotated[int, Label("features", 0)]
    isotropic: float
    without_block: Float[np.ndarray, " _block"] = beside()


def participation_ratio(
    activations: ArrayLike, *, blocks: int = 20, confidence: float = 0.95
) -> ParticipationRatio:
    """Estimate how many dimensions the activations use.

    `(Σ λ)² / Σ λ²`, with the eigenvalues λ of the features' covariance (Gao et al. 2017, "A theory
    of multineuronal dimensionality, dynamics and measurement"; not in Crabbé et al. 2024). It is 1
    if all images lie on a line, and n if n features vary equally and independently.

    With few images the ratio comes out too low: n independent features and N images give n N / (n +
    N), which is `isotropic`. The interval is a jackknife over `blocks` blocks of images; it covers
    neither this bias nor another training.

    Parameters
    ----------
    activations : one row per image, before L2 normalisation
    blocks : into which the images are dealt out, 2 to 1,000; each is left out once
    confidence : of the interval, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; there are
        fewer than two images per block, or all images have the same activation.
    """
    activations = as_matrix(activations, "activations")
    settings = as_settings(Settings, blocks=blocks, confidence=confidence)
    images, features = activations.shape
    if images < settings.least_images:
        raise ValueError(
            f"{images} images in {blocks} blocks: expected at least two images per block; lower "
            "`blocks` or take more images"
        )
    require_variation(activations)
    # Every k-th image in one block: sets are sorted by class, and a block of one class would say
    # more about the class than about the sample.
    sums = [block_sums(activations[start::blocks]) for start in range(blocks)]
    total = np.sum([one for _, one, _ in sums], axis=0)
    products = np.sum([one for _, _, one in sums], axis=0)
    value = ratio(images, total, products)
    left = np.array([ratio(images - c, total - t, products - p) for c, t, p in sums])
    return ParticipationRatio(
        dimensions=jackknife_interval(value, left, settings.confidence),
        features=features,
        isotropic=features * images / (features + images),
        without_block=left,
    )


def block_sums(
    activations: Features,
) -> tuple[int, Float[np.ndarray, " feature"], Float[np.ndarray, "feature feature"]]:
    """Return the number of images, the sum of their activations, and that of their products."""
    features = activations.shape[1]
    total, products = np.zeros(features), np.zeros((features, features))
    for _, chunk in chunks(activations):
        total += chunk.sum(axis=0)
        products += chunk.T @ chunk
    return len(activations), total, products


def ratio(
    count: int, total: Float[np.ndarray, " feature"], products: Float[np.ndarray, "feature feature"]
) -> float:
    """Return the participation ratio of images from their sums."""
    covariance = products / count - np.outer(total, total) / count**2
    return float(np.trace(covariance) ** 2 / np.sum(covariance**2))
