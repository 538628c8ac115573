"""Centred Gram matrices of minibatches, of all features and without outliers, on any device.

`gram` and `outlier_columns` take a NumPy array or a PyTorch tensor on its device, of which they use
what both have. So CKA of arrays needs no PyTorch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from interpreting_clip.statistics.outliers import are_outliers

MIN_IMAGES = 4
"""The unbiased HSIC divides by n (n − 3), so a minibatch needs at least four images."""

FEATURES_AT_A_TIME = 2**13
"""Few enough that a block fits in a processor's cache and single-precision sums stay accurate."""

Layers = Mapping[str, Float[np.ndarray, "_minibatch _image _image"]]
"""The U-centred Gram matrices of the minibatches by layer."""


class OutlierLimits(NamedTuple):
    """What an outlier feature is: beyond `sigma` σ of its image in at least `share` of the images.

    These are `cka.outlier_sigma` and `cka.outlier_share` of a study.
    """

    sigma: float
    share: float


class MinibatchGrams(NamedTuple):
    """The U-centred Gram matrices of a minibatch, of all features and without the outliers."""

    whole: Float[np.ndarray, "image image"]
    rest: Float[np.ndarray, "image image"]
    outliers: int


@dataclass(frozen=True, eq=False)
class LayerGrams:
    """The U-centred Gram matrices of an encoder's layers, one per minibatch.

    Attributes
    ----------
    whole : of every layer, in the order of the layers
    rest : without the outlier features, of the layers that have any in some minibatch
    outliers : of every layer, the most outlier features in any minibatch
    """

    whole: Layers
    rest: Layers
    outliers: Mapping[str, int]


def minibatch_grams(
    rows: Float[Any, "image feature"], limits: OutlierLimits, dtype: Any = None
) -> MinibatchGrams:
    """Return the U-centred Gram matrices of one minibatch, float64.

    Parameters
    ----------
    rows, dtype : as in `gram`
    limits : what an outlier feature is

    Raises
    ------
    ValueError
        There are fewer than 4 images, or a feature is not finite or too large to be squared.
    """
    whole = u_center(_on_host(gram(rows, dtype=dtype)))
    outliers = outlier_columns(rows, limits, dtype=dtype)
    count = int(outliers.sum())
    rest = u_center(_on_host(gram(rows, outliers, dtype=dtype))) if count else whole
    return MinibatchGrams(whole, rest, count)


def gram(
    rows: Float[Any, "image feature"],
    left_out: Bool[Any, " feature"] | None = None,
    *,
    dtype: Any = None,
) -> Float[Any, "image image"]:
    """Compute the linear Gram matrix `X Xᵀ` of one minibatch.

    X holds the features less their means over the minibatch. U-centring cancels a constant vector
    added to all features, but a large one would cost precision before it cancels.

    The features are centred and multiplied block by block, where they are; the products are summed
    in double precision. So only one block is copied at a time, and an entry's error is a few units
    in the last place of `dtype`, relative to the norms of its two rows of X.

    Parameters
    ----------
    rows : NumPy array or PyTorch tensor
    left_out : which features the matrix is without
    dtype : the precision to centre and multiply in, if not that of `rows`

    Returns
    -------
    symmetric, in double precision, where `rows` is; zero if all images are exactly the same; not
    finite if a feature is not finite or is too large to be squared
    """
    total: Any = 0.0
    for columns, block in _blocks(rows, dtype):
        # Subtract the first image before the mean: features equal in all images become exactly 0.
        moved = block - block[:1]
        moved -= moved.mean(axis=0)
        if left_out is not None:
            # Zeroed rather than subtracted from the whole matrix later: a large feature would leave
            # its rounding error behind.
            moved *= ~left_out[columns]
        total = total + _cast(moved @ moved.T, float)
    # Rounding may leave a product that is not quite symmetric.
    return (total + total.T) / 2


def outlier_columns(
    rows: Float[Any, "image feature"], limits: OutlierLimits, *, dtype: Any = None
) -> Bool[Any, " feature"]:
    """Find the outlier features of one minibatch.

    A feature of a layer is one number of its output for an image: a channel at a position of a
    convolution, a channel of a token of a transformer. It is an outlier feature if `|h_i - μ| >
    sigma · σ` in at least `share` of the minibatch's images, with μ and σ over all features of the
    layer for that image (Crabbé et al. 2024, who measure only the last layer's; the share is ours).
    Features are read block by block where they are, since a layer can have millions of them.

    Parameters
    ----------
    rows : finite; NumPy array or PyTorch tensor
    limits : `sigma` at least 1, so that an image whose features are all equal has no outlier
    dtype : the precision to take moments in, if not that of `rows`

    Returns
    -------
    which features are outliers, where `rows` is
    """
    images, width = rows.shape
    sums = sum(_cast(block.sum(axis=1), float) for _, block in _blocks(rows, dtype))
    centre = _cast(sums / width, dtype or rows.dtype)[:, None]
    squares: Any = 0.0
    # The mean is subtracted before the square: squares less a squared mean would cancel.
    for _, block in _blocks(rows, dtype):
        moved = block - centre
        moved *= moved
        squares = squares + _cast(moved.sum(axis=1), float)
    limit = _cast(limits.sigma * (squares / width) ** 0.5, dtype or rows.dtype)[:, None]
    outliers = rows[0] != rows[0]
    for columns, block in _blocks(rows, dtype):
        beyond = (abs(block - centre) > limit).sum(axis=0)
        outliers[columns] = are_outliers(beyond, images, limits.share)
    return outliers


def u_center(gram: Float[np.ndarray, "image image"]) -> Float[np.ndarray, "image image"]:
    """Centre a Gram matrix so that the unbiased HSIC becomes a plain dot product.

    Let K̃ be K with a zero diagonal, r its row sums and s their sum. Then U(K) has a zero diagonal
    and, off it, `U(K)_ij = K̃_ij - (r_i + r_j) / (n - 2) + s / ((n - 1)(n - 2))` (Székely and Rizzo
    2014). Its rows sum to zero:
    `r_i - (n - 1) r_i / (n - 2) - (s - r_i) / (n - 2) + s / (n - 2) = 0`. So in `⟨U(K), U(L)⟩` the
    row, column and constant terms of U(L) vanish, and what is left is

        ⟨U(K), L̃⟩ = tr(K̃ L̃) + (1ᵀK̃1)(1ᵀL̃1) / ((n - 1)(n - 2)) - 2 · 1ᵀK̃L̃1 / (n - 2),

    which is `n (n - 3)` times HSIC_1 of Song et al. (2012), eq. 3 of Nguyen et al. (2021).
    Adding a constant vector to all features changes nothing.

    Parameters
    ----------
    gram : symmetric, of at least 4 images

    Returns
    -------
    symmetric, float64; exactly zero if only rounding errors are left, as when all images look the
    same

    Raises
    ------
    ValueError
        There are fewer than 4 images, or a value is not finite.
    """
    count = len(gram)
    if count < MIN_IMAGES:
        raise ValueError(f"a minibatch of {count} images: HSIC_1 needs at least {MIN_IMAGES}")
    if not np.isfinite(gram).all():
        raise ValueError(
            "expected finite features, got NaN, an infinity or a number too large to be squared"
        )
    hollow = np.array(gram, dtype=np.float64)
    # What makes HSIC_1 unbiased: an image's product with itself never enters.
    np.fill_diagonal(hollow, 0.0)
    sums = hollow.sum(axis=1)
    centred = hollow - (sums[:, None] + sums) / (count - 2)
    centred += sums.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(centred, 0.0)
    # If all images look the same, only rounding errors are left, and CKA would be a ratio of noise.
    rounding = count * np.finfo(np.float64).eps * np.abs(gram).max()
    return centred if np.abs(centred).max() > rounding else np.zeros_like(centred)


def _blocks(
    rows: Float[Any, "image feature"], dtype: Any
) -> Iterator[tuple[slice, Float[Any, "image _feature"]]]:
    for start in range(0, rows.shape[1], FEATURES_AT_A_TIME):
        columns = slice(start, start + FEATURES_AT_A_TIME)
        yield columns, _cast(rows[:, columns], dtype or rows.dtype)


def _cast(values: Any, dtype: Any) -> Any:
    """Convert to a type of the array's own library, or to double precision, which is `float`."""
    return values.to(dtype) if hasattr(values, "to") else values.astype(dtype, copy=False)


def _on_host(values: Any) -> np.ndarray:
    return values.cpu().numpy() if hasattr(values, "cpu") else values
