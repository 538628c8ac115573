"""How similarly two encoders, or two layers, represent the same images: CKA."""

from dataclasses import dataclass
from math import isnan
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.instruments.arguments import Array, as_count, as_matrix, checked, numeric
from interpreting_clip.instruments.readable import Readable
from interpreting_clip.measures import cka as of_layers
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.kurtosis import outlier_features as beyond
from interpreting_clip.measures.result import Label
from interpreting_clip.measures.u_centring import MIN_IMAGES, u_center

MINIBATCH = 256
"""The most images whose products are held in one matrix, unless another number is given."""


@dataclass(frozen=True, repr=False, eq=False)
class Cka(Readable):
    """The similarity of two representations of the same images, at most 1.

    Attributes
    ----------
    without_outliers : CKA without the outlier features of either; None if nothing else varies
    permuted : what is expected if the images of one are permuted: the estimate is unbiased
    """

    INTERVAL: ClassVar[str] = "Chance: the expectation if the images of one side are permuted."

    cka: Annotated[float, Label("CKA", 3, chance="permuted")]
    without_outliers: Annotated[
        float | None, Label("CKA without outlier features", 3, chance="permuted")
    ]
    first_outliers: Annotated[int, Label("outlier features left out of the first", 0)]
    second_outliers: Annotated[int, Label("outlier features left out of the second", 0)]
    images: Annotated[int, Label("images", 0)]
    minibatches: Annotated[int, Label("minibatches", 0)]
    unused: Annotated[int, Label("images that fill no minibatch, left out", 0)]
    permuted: float = 0.0


def cka(
    first: Array,
    second: Array,
    *,
    minibatch: int = MINIBATCH,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
) -> Cka:
    """Compare two representations of the same images, up to rotation and scale (`measures.cka`).

    Minibatch CKA with the unbiased HSIC_1 (Nguyen et al. 2021, eq. 2 and 3). The images are dealt
    out to as few minibatches of equal size as `minibatch` allows, in turn, since sets are often
    sorted by class. If their number does not divide, the last few are left out, and the result
    reports how many. Features may have any shape: all dimensions but the first are flattened.

    Parameters
    ----------
    first, second : an entry for each image, the same images in the same order
    minibatch : the most images in one matrix
    outlier_sigma, outlier_share : what an outlier feature is; it is one in a minibatch if it is
        extreme in that share of the minibatch's images

    Raises
    ------
    TypeError, ValueError
        An argument is not an array of finite numbers, the numbers of images differ or are below
        4, or a representation is the same for all images.
    """
    sides = [as_representation(one, name) for one, name in ((first, "first"), (second, "second"))]
    x, y = sides
    if len(x) != len(y):
        raise ValueError(
            f"first has {len(x):,} images and second {len(y):,}; expected the same images in the "
            "same order"
        )
    settings = checked(of_layers.Settings, outlier_sigma=outlier_sigma, outlier_share=outlier_share)
    most = as_count(minibatch, "minibatch", MIN_IMAGES)
    if len(x) < MIN_IMAGES:
        raise ValueError(f"first: expected at least {MIN_IMAGES} images, got {len(x)}")
    count = -(-len(x) // most)
    size = len(x) // count
    if size < MIN_IMAGES:
        raise ValueError(
            f"minibatch: {len(x)} images make {count} minibatches of {size}; expected "
            f"{MIN_IMAGES} images or more in each, so pass a larger one"
        )
    whole, rest, outliers = ([], []), ([], []), [0, 0]
    for start in range(count):
        for side, values in enumerate(sides):
            rows = np.asarray(values[start::count][:size], np.float64)
            found = outlier_columns(rows, settings)
            outliers[side] = max(outliers[side], len(found))
            whole[side].append(centred_gram(rows))
            kept = np.delete(rows, found, axis=1)
            rest[side].append(centred_gram(kept) if len(found) else whole[side][-1])
    one, other = (
        {name: np.stack(grams)} for name, grams in zip(("first", "second"), whole, strict=True)
    )
    value = float(of_layers.cka(one, other)[0, 0])
    one, other = (
        {name: np.stack(grams)} for name, grams in zip(("first", "second"), rest, strict=True)
    )
    without = float(of_layers.cka_where_defined(one, other)[0, 0])
    return Cka(
        cka=value,
        without_outliers=None if isnan(without) else without,
        first_outliers=outliers[0],
        second_outliers=outliers[1],
        images=len(x),
        minibatches=count,
        unused=len(x) - count * size,
    )


def as_representation(value: Array, name: str) -> Float[np.ndarray, "image feature"]:
    """Return one row of finite numbers for each image, from features of any shape.

    Raises
    ------
    TypeError, ValueError
        As `as_matrix`.
    """
    array = numeric(value, name)
    return as_matrix(
        array.reshape(len(array), -1) if array.ndim > 2 and array.size else array, name
    )


def centred_gram(rows: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, "image image"]:
    """Return the U-centred Gram matrix of a minibatch.

    A constant vector, which U-centring cancels, would cost precision before it cancels.
    """
    moved = rows - rows[:1]
    moved -= moved.mean(axis=0)
    return u_center(moved @ moved.T)


def outlier_columns(
    rows: Float[np.ndarray, "image feature"], settings: of_layers.Settings
) -> Int[np.ndarray, " outlier"]:
    """Return the outlier features of a minibatch; an image of equal features has none."""
    varying = rows.max(axis=1) > rows.min(axis=1)
    if not varying.any():
        return np.empty(0, np.int64)
    _, deviations = kurtosis_and_deviations(rows[varying], settings.outlier_sigma)
    # Of all images, also those without spread.
    share = settings.outlier_share * len(rows) / np.count_nonzero(varying)
    return beyond(deviations, share).feature if share <= 1 else np.empty(0, np.int64)
