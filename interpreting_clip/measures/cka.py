"""Minibatch CKA: how similarly two encoders, or their layers, represent the same images."""

from dataclasses import dataclass
from math import isnan
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_representation,
    as_settings,
    as_value,
)
from interpreting_clip.formats.result import Label, Result
from interpreting_clip.measures.mutual_neighbours import require_same_images
from interpreting_clip.quantities import Count, Described, Positive, Share, StrictStruct
from interpreting_clip.statistics.blas import one_blas_thread
from interpreting_clip.statistics.grams import (
    MIN_IMAGES,
    LayerGrams,
    Layers,
    OutlierLimits,
    minibatch_grams,
)


class Settings(StrictStruct, frozen=True, kw_only=True):
    """What an outlier feature of a layer is: CKA is also given without these.

    `kurtosis` has settings of its own, so that a change there computes no layer again.
    """

    outlier_sigma: Annotated[
        Positive,
        Described(
            "how far from the mean of its image's features in the layer an outlier feature is",
            "standard deviations",
            paper="6, of activations",
        ),
    ] = 6.0
    outlier_share: Annotated[
        Share,
        Described(
            "in which share of a minibatch's images it has to be so far away",
            "share",
            paper="not given; ours: 0.5, most images",
        ),
    ] = 0.5

    @property
    def least_images(self) -> int:
        """How many images are needed: the fewest that a minibatch may have."""
        return MIN_IMAGES


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Cka(Result):
    """The similarity of two representations of the same images, at most 1.

    Attributes
    ----------
    cka : of all features
    without_outliers : CKA without the outlier features of either; None if nothing else varies
    permuted : what is expected if the images of one are permuted: the estimate is unbiased
    first_outliers, second_outliers : the most outlier features of each in any minibatch
    images, minibatches, unused : how many there are, and how many images fill no minibatch
    """

    CAPTION: ClassVar[str] = "Chance: the expectation if the images of one side are permuted."

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


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LayerCka(Result):
    """CKA of each layer of one encoder with each layer of another.

    Attributes
    ----------
    first, second : the encoders' keys
    first_layers, second_layers : the names of the rows and of the columns
    first_outliers, second_outliers : the most outlier features of each layer in any minibatch
    cka : at most 1
    without_outliers : CKA without the outlier features of either layer; None where nothing else
        varies
    """

    first: str
    second: str
    first_layers: list[str]
    second_layers: list[str]
    first_outliers: list[int]
    second_outliers: list[int]
    cka: Float[np.ndarray, "_first_layer _second_layer"]
    without_outliers: list[list[float | None]]


def cka(
    first: ArrayLike,
    second: ArrayLike,
    *,
    minibatch: int = 256,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
) -> Cka:
    """Compare two representations of the same images, up to rotation and scale.

    Minibatch CKA with the unbiased HSIC_1 (Nguyen et al. 2021, eq. 2 and 3). The images are dealt
    out in turn to as few minibatches of equal size as `minibatch` allows. If their number does not
    divide, the last few are left out and counted.

    Parameters
    ----------
    first, second : the same images in the same order; features of any shape
    minibatch : the most images in one Gram matrix
    outlier_sigma, outlier_share : beyond how many standard deviations of its image, and in which
        share of a minibatch's images, an outlier feature is

    Raises
    ------
    TypeError, ValueError
        An argument holds no finite numbers or is out of its range, or sizes do not match; the
        numbers of images differ or are too small, or a representation is the same for all images.
    """
    first, second = as_representation(first, "first"), as_representation(second, "second")
    minibatch = as_value(minibatch, Count, "minibatch")
    settings = as_settings(Settings, outlier_sigma=outlier_sigma, outlier_share=outlier_share)
    images = require_same_images(first, second)
    minibatches = max(1, -(-images // max(1, minibatch)))
    size = images // minibatches
    if size < MIN_IMAGES:
        raise ValueError(
            f"{images} images make {minibatches} minibatches of {size}; expected at least "
            f"{MIN_IMAGES} images in each: give more images or a larger `minibatch`"
        )
    limits = OutlierLimits(settings.outlier_sigma, settings.outlier_share)
    sides = {}
    with one_blas_thread():
        for name, values in (("first", first), ("second", second)):
            dealt = [values[start::minibatches][:size] for start in range(minibatches)]
            whole, rest, outliers = zip(
                *(minibatch_grams(batch, limits, np.float64) for batch in dealt), strict=True
            )
            sides[name] = LayerGrams(
                {name: np.stack(whole)}, {name: np.stack(rest)}, {name: max(outliers)}
            )
        found = layer_cka(**sides)
    return Cka(
        cka=float(found.cka[0, 0]),
        without_outliers=found.without_outliers[0][0],
        first_outliers=found.first_outliers[0],
        second_outliers=found.second_outliers[0],
        images=images,
        minibatches=minibatches,
        unused=images - minibatches * size,
    )


def layer_cka(
    first: LayerGrams, second: LayerGrams, *, keys: tuple[str, str] = ("first", "second")
) -> LayerCka:
    """Compare every layer of one encoder with every layer of another by minibatch CKA.

    Davari et al. (2022) show that a few features or images can dominate CKA, so it is also given
    without the outlier features of either layer.

    Parameters
    ----------
    first, second : the same images in the same minibatches; the result keeps the order of layers
    keys : the encoders'
    """
    whole = minibatch_cka(first.whole, second.whole)
    # In the order of the layers: `rest` has only those with outlier features.
    sides = ({**side.whole, **side.rest} for side in (first, second))
    rest = minibatch_cka(*sides, nan_if_constant=True)
    return LayerCka(
        first=keys[0],
        second=keys[1],
        first_layers=list(first.whole),
        second_layers=list(second.whole),
        first_outliers=[first.outliers[layer] for layer in first.whole],
        second_outliers=[second.outliers[layer] for layer in second.whole],
        cka=whole,
        without_outliers=[[None if isnan(x) else x for x in row] for row in rest.tolist()],
    )


def minibatch_cka(
    first: Layers, second: Layers, *, nan_if_constant: bool = False
) -> Float[np.ndarray, "first_layer second_layer"]:
    """Compute the minibatch CKA of every layer of one encoder with every layer of another.

    `HSIC_1(K, L) / sqrt(HSIC_1(K, K) · HSIC_1(L, L))` (Nguyen et al. 2021, eq. 2), each HSIC_1
    averaged over minibatches before the ratio. At most 1; it may fall a little below 0.

    Parameters
    ----------
    first, second : per layer, the U-centred Gram matrices of the same minibatches (`u_center`)
    nan_if_constant : give NaN for a layer whose output does not vary over the images

    Raises
    ------
    ValueError
        A layer's output does not vary over the images (the layer is named).
    """
    scales = [np.diag(hsic(side, side)) for side in (first, second)]
    for side, values in zip((first, second), scales, strict=True):
        for name, value in zip(side, values, strict=True):
            # Exactly: `u_center` returns zeros where only rounding errors are left.
            if value == 0 and not nan_if_constant:
                raise ValueError(
                    f"layer {name}: its output does not vary over the images, so CKA is undefined; "
                    "leave the layer out"
                )
    # Averages come before the ratio (Nguyen et al. 2021): the mean of the ratios of small
    # minibatches would be biased.
    with np.errstate(invalid="ignore"):
        return hsic(first, second) / np.sqrt(np.multiply.outer(*scales))


def hsic(first: Layers, second: Layers) -> Float[np.ndarray, "first_layer second_layer"]:
    """Compute HSIC_1 of every layer of one encoder with every layer of another.

    `mean_b ⟨U(K_b), U(L_b)⟩ / (n (n - 3))` over the minibatches b of n images (Nguyen et al. 2021,
    eq. 3). The estimate is unbiased, so it may be negative.

    Parameters
    ----------
    first, second : as in `minibatch_cka`
    """
    minibatches, images, _ = next(iter(first.values())).shape
    total = np.zeros((len(first), len(second)))
    for minibatch in range(minibatches):
        total += _rows(first, minibatch) @ _rows(second, minibatch).T
    return total / (minibatches * images * (images - 3))


def _rows(layers: Layers, minibatch: int) -> Float[np.ndarray, "layer pair"]:
    # Gram matrices are stored in float32, and their products summed in double precision.
    return np.stack([grams[minibatch].ravel() for grams in layers.values()]).astype(np.float64)
