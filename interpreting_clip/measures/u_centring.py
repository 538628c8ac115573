"""U-centring of Gram matrices, with which the unbiased HSIC of CKA is a plain dot product."""

import numpy as np
from jaxtyping import Float

MIN_IMAGES = 4
"""The unbiased HSIC divides by n (n − 3), so a minibatch needs at least four images."""


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
