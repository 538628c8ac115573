"""Gram matrices of a layer's output for one minibatch, and the U-centring that CKA needs."""

import numpy as np
import torch
from jaxtyping import Float

MIN_IMAGES = 4
"""The unbiased HSIC divides by n (n − 3), so a minibatch needs at least four images."""

FEATURES_AT_A_TIME = 2**13
"""Few enough that a block fits in a processor's cache and single-precision sums stay accurate."""


def gram(features: Float[torch.Tensor, "image ..."]) -> Float[np.ndarray, "image image"]:
    """Compute the linear Gram matrix `X Xᵀ` of one layer's output for one minibatch.

    X holds the features less their means over the minibatch. U-centring cancels a constant vector
    added to all features, but a large one would cost precision before it cancels.

    The features are centred and multiplied block by block, on their device, in their precision or
    in single precision if theirs is lower; the products are summed in double precision. So only one
    block is copied at a time, and an entry's error is a few units in the last place of single
    precision, relative to the norms of its two rows of X.

    Parameters
    ----------
    features : one entry per image, of any shape; features are read in memory order

    Returns
    -------
    symmetric, float64; zero if all images are exactly the same; not finite if a feature is not
    finite or is too large to be squared
    """
    rows = in_memory_order(features.detach())
    images, width = rows.shape
    starts = range(0, width, FEATURES_AT_A_TIME)
    # Half precision is too coarse to centre and multiply in.
    dtype = torch.promote_types(features.dtype, torch.float32)
    centred = rows.new_empty(images, min(width, FEATURES_AT_A_TIME), dtype=dtype)
    # One product per block, so that the sum over blocks can be taken in double precision.
    products = rows.new_empty(len(starts), images, images, dtype=dtype)
    for start, product in zip(starts, products, strict=True):
        block = rows[:, start : start + FEATURES_AT_A_TIME].to(dtype)
        moved = centred[:, : block.shape[1]]
        # Subtract the first image before the mean: features equal in all images become exactly 0.
        torch.sub(block, block[0], out=moved)
        moved -= moved.mean(dim=0)
        torch.mm(moved, moved.T, out=product)
    total = products.cpu().numpy().sum(axis=0, dtype=np.float64)
    # Rounding may leave a product that is not quite symmetric.
    return (total + total.T) / 2


def in_memory_order(
    features: Float[torch.Tensor, "image ..."],
) -> Float[torch.Tensor, "image feature"]:
    """Return each image's features as one row, in the order in which they lie in memory.

    Gram matrices do not depend on the order of the features, and `flatten` alone would copy the
    output of a convolution in channels-last layout.
    """
    axes = sorted(range(1, features.ndim), key=features.stride, reverse=True)
    return features.permute(0, *axes).flatten(1)


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
        raise ValueError("the Gram matrix holds NaN or infinity: the layer's output overflowed")
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
