"""Gram matrices of a layer's output for one minibatch, computed where the output is."""

import numpy as np
import torch
from jaxtyping import Float, Int

FEATURES_AT_A_TIME = 2**13
"""Few enough that a block fits in a processor's cache and single-precision sums stay accurate."""


def gram(
    features: Float[torch.Tensor, "image ..."],
    left_out: Int[torch.Tensor, " column"] | None = None,
) -> Float[np.ndarray, "image image"]:
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
    left_out : ascending places of the features, in memory order, that the matrix is without

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
        if left_out is not None:
            # Zeroed rather than subtracted from the whole matrix later: a large feature would leave
            # its rounding error behind.
            ends = torch.tensor([start, start + FEATURES_AT_A_TIME], device=left_out.device)
            first, last = torch.searchsorted(left_out, ends).tolist()
            moved[:, left_out[first:last] - start] = 0
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
