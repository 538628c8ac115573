"""Mutual nearest neighbours: whether two encoders see the same images as alike."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.arrays.conversions import ArrayLike, as_representation, as_settings
from interpreting_clip.formats.result import Label, Result
from interpreting_clip.quantities import Count, Described, Seed, StrictStruct
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.random_numbers import generator

ROWS = 256
"""How many images are compared with all others at a time: 200 MB if there are 50,000."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """How many neighbours count, and which of equally similar images come first."""

    k: Annotated[
        Count,
        Described(
            "how many nearest neighbours each image has",
            "images",
            legal="1 or more, below the number of images",
        ),
    ] = 10
    seed: Annotated[Seed, Described("of the order of equally similar images")] = 0

    @property
    def least_images(self) -> int:
        """How many images are needed: an image and its neighbours."""
        return self.k + 1


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MutualNeighbours(Result):
    """Which share of an image's nearest neighbours two representations have in common.

    Attributes
    ----------
    alignment : 0 to 1, the mean over images
    k, images : how many neighbours each image has, among how many images
    chance : expected if the images of one are permuted, exactly `k / (images - 1)`: an image gets
        the place of some other, so each of its k neighbours on the other side is among those around
        it with this probability
    """

    CAPTION: ClassVar[str] = (
        "Of each image's k nearest other images, the share that both sides have in common. Chance: "
        "the expectation if the images of one side are permuted. The alignment has no interval."
    )

    alignment: Annotated[float, Label("share of common nearest neighbours", 3, chance="chance")]
    k: Annotated[int, Label("neighbours of each image", 0)]
    images: Annotated[int, Label("images", 0)]
    chance: float


def mutual_neighbours(
    first: ArrayLike, second: ArrayLike, *, k: int = 10, seed: int = 0
) -> MutualNeighbours:
    """Compute the fraction of nearest neighbours that two representations share.

    `mean_i |N₁(i) ∩ N₂(i)| / k`, where N(i) are the k images other than i with the largest cosine
    similarity to i: `mutual_knn` of Huh et al. 2024, "The Platonic Representation Hypothesis"
    (arXiv 2405.07987). It is 1 if all neighbourhoods are the same. It depends on k and on the
    number of images: compare it on the same images only. It has no interval, since in a bootstrap
    the copies of an image would be its nearest neighbours.

    Ours: activations are neither centred nor clipped (Huh et al. clip features at the 95th
    percentile of their sizes), so outlier features count. Ties rank in the images' order on the
    first side, and in a random order on the second.

    Parameters
    ----------
    first, second : the same images in the same order; features of any shape
    k : how many nearest neighbours each image has; 1 or more, below the number of images
    seed : of the order of equally similar images

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; the
        numbers of images differ or are not above `k`, all features of an image are 0, or all images
        have the same direction.
    """
    first, second = as_representation(first, "first"), as_representation(second, "second")
    settings = as_settings(Settings, k=k, seed=seed)
    images = require_same_images(first, second)
    if images < settings.least_images:
        raise ValueError(
            f"{k} neighbours among {images} images: expected more images than neighbours; lower "
            "`k` or give more images"
        )
    # With one order, two independent representations with many ties would seem aligned.
    ties = generator(settings.seed, "order of ties")
    orders = np.arange(images), ties.permutation(images)
    # Refuses images before the long search. The copy is not kept: one side at a time is enough.
    unit_rows(second, "second")
    near = [
        nearest(unit_rows(values, name), k, order)
        for name, values, order in zip(("first", "second"), (first, second), orders, strict=True)
    ]
    return MutualNeighbours(
        alignment=shared(*near) / (images * k),
        k=k,
        images=images,
        chance=k / (images - 1),
    )


def require_same_images(
    first: Float[np.ndarray, "_image ..."], second: Float[np.ndarray, "_image ..."]
) -> int:
    """Return how many images both sides have."""
    if len(first) != len(second):
        raise ValueError(
            f"first has {len(first):,} images and second {len(second):,}; expected the same images "
            "in the same order"
        )
    return len(first)


def unit_rows(values: Features, name: str) -> Features:
    """Return the activations scaled to unit length, in double precision."""
    units = np.array(values, dtype=np.float64)
    for start in range(0, len(units), ROWS):
        rows = units[start : start + ROWS]
        largest = np.abs(rows).max(axis=1, keepdims=True)  # squares of what is left are finite
        for wrong, what in (
            (~np.isfinite(largest), "hold NaN or infinity"),
            (largest == 0, "are all 0"),
        ):
            if wrong.any():
                image = start + int(np.argmax(wrong))
                raise ValueError(
                    f"{name}, image {image}: its activations {what}, so it has no direction; "
                    "extract them again or leave the image out"
                )
        rows /= largest
        rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    if (units == units[0]).all():
        raise ValueError(f"{name}: all images have the same direction; expected some that differ")
    return units


def nearest(
    units: Features, k: int, order: Int[np.ndarray, " image"]
) -> Int[np.ndarray, "image {k}"]:
    """Return the k nearest other images of each image, in no order.

    Among equally similar images, the lowest `order` counts as nearest.

    The product of matrices rounds differently with other threads or processors. So it only chooses
    candidates: all that its rounding errors leave in question. Where these are more than k, sums
    whose order is always the same decide.
    """
    images, features = units.shape
    found = np.empty((images, k), dtype=np.int64)
    # Each product is off by at most `features * eps / 2` (Higham 2002, section 3.1), and so is the
    # sum that decides: the k nearest are at most twice their sum below the k-th largest product.
    error = 2 * (features + 2) * np.finfo(np.float64).eps
    for start in range(0, images, ROWS):
        similarity = units[start : start + ROWS] @ units.T
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        least = np.partition(similarity, images - k, axis=1)[:, images - k]
        candidates = similarity >= least[:, None] - error
        for row, chosen in enumerate(candidates, start):
            (others,) = np.nonzero(chosen)
            if len(others) > k:
                exact = (units[others] * units[row]).sum(axis=1)
                others = others[np.lexsort((order[others], -exact))[:k]]
            found[row] = others
    return found


def shared(first: Int[np.ndarray, "image k"], second: Int[np.ndarray, "image k"]) -> int:
    """Count the neighbours in both lists of each image, which name no neighbour twice."""
    both = np.sort(np.concatenate((first, second), axis=1), axis=1)
    return int(np.count_nonzero(both[:, 1:] == both[:, :-1]))
