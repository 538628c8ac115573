"""The Gram matrix of a layer's features, at next to no cost beside the pass that made them."""

import numpy as np
import torch
from jaxtyping import Float

FEATURES_AT_A_TIME = 2**13
"""Few enough that a block stays in a processor's cache and its sums lose no digit of note."""


def gram(features: Float[torch.Tensor, "image ..."]) -> Float[np.ndarray, "image image"]:
    """Compute the linear Gram matrix `X Xᵀ` of one layer's output for one minibatch.

    X holds the features less their means over the minibatch. U-centring ignores a constant vector
    added to all features, but in rounding a large one would drown the differences.

    A block of features after the other is centred and multiplied, on the device and in the
    precision of the features, in single precision at least; the products are added in double
    precision. So beside the features one block of them is held, and the entries' errors are a few
    units in the last place of single precision, relative to the norms of the two rows of X.

    Parameters
    ----------
    features : one entry per image, of any shape; a block is read as it lies in memory

    Returns
    -------
    symmetric, float64; zero where all images are exactly the same; not finite where a feature is
    not, or is too large to be squared
    """
    rows = in_memory_order(features.detach())
    images, width = rows.shape
    starts = range(0, width, FEATURES_AT_A_TIME)
    dtype = torch.promote_types(features.dtype, torch.float32)
    centred = rows.new_empty(images, min(width, FEATURES_AT_A_TIME), dtype=dtype)
    products = rows.new_empty(len(starts), images, images, dtype=dtype)
    for start, product in zip(starts, products, strict=True):
        block = rows[:, start : start + FEATURES_AT_A_TIME].to(dtype)
        moved = centred[:, : block.shape[1]]
        # The first image goes first: what is the same in all images is then exactly zero.
        torch.sub(block, block[0], out=moved)
        moved -= moved.mean(dim=0)
        torch.mm(moved, moved.T, out=product)
    total = products.cpu().numpy().sum(axis=0, dtype=np.float64)
    return (total + total.T) / 2


def in_memory_order(
    features: Float[torch.Tensor, "image ..."],
) -> Float[torch.Tensor, "image feature"]:
    """Return an image's features as one row, in the order in which they lie in memory.

    Of the outputs of convolutions, whose channels come last, `flatten` would make a copy.
    """
    axes = sorted(range(1, features.ndim), key=features.stride, reverse=True)
    return features.permute(0, *axes).flatten(1)
