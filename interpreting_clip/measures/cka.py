"""Minibatch CKA: how similarly the layers of two encoders represent the same images."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

MIN_IMAGES = 4
"""The unbiased HSIC divides by n (n − 3), so a minibatch needs at least four images."""

MIN_IMAGES = 4
"""The unbiased HSIC divides by n (n − 3), so a minibatch needs at least four images."""

# The underscores keep jaxtyping from comparing sizes: `_common_shape` explains a mismatch better.
Grams = Float[np.ndarray, "_minibatch _image _image"]
Layers = Mapping[str, Grams]


def cka(first: Layers, second: Layers) -> Float[np.ndarray, "first_layer second_layer"]:
    """Compute the minibatch CKA of every layer of one encoder with every layer of another.

    `HSIC_1(K, L) / sqrt(HSIC_1(K, K) · HSIC_1(L, L))` (Nguyen et al. 2021, eq. 2), each HSIC_1
    averaged over minibatches before the ratio. At most 1; it may fall a little below 0.

    Parameters
    ----------
    first, second : per layer, the U-centred Gram matrices (`u_center`) of all minibatches,
        with the same images in the same minibatches for both encoders; the result keeps the order
        of the layers

    Raises
    ------
    ValueError
        An encoder has no layer, minibatches differ, they hold fewer than 4 images, or a layer's
        output does not vary over the images (the layer is named).
    """
    cross = hsic(first, second)
    scale_first, scale_second = _self_hsic(first), _self_hsic(second)
    # Averages come before the ratio (Nguyen et al. 2021): the mean of the ratios of small
    # minibatches would be biased.
    return cross / np.sqrt(scale_first[:, None] * scale_second)


def hsic(first: Layers, second: Layers) -> Float[np.ndarray, "first_layer second_layer"]:
    """Compute HSIC_1 of every layer of one encoder with every layer of another.

    `mean_b ⟨U(K_b), U(L_b)⟩ / (n (n - 3))` over the minibatches b of n images (Nguyen et al. 2021,
    eq. 3). The estimate is unbiased, so it may be negative.

    Parameters
    ----------
    first, second : as in `cka`
    """
    minibatches, images, _ = _common_shape(first, second)
    total = np.zeros((len(first), len(second)))
    for minibatch in range(minibatches):
        total += _rows(first, minibatch) @ _rows(second, minibatch).T
    return total / (minibatches * images * (images - 3))


def _self_hsic(layers: Layers) -> Float[np.ndarray, " layer"]:
    values = np.diag(hsic(layers, layers))
    for name, value in zip(layers, values, strict=True):
        # Exactly: `u_center` returns zeros where only rounding errors are left.
        if value == 0:
            raise ValueError(
                f"layer {name}: its output does not vary over the images, so CKA is undefined; "
                "leave the layer out"
            )
    return values


def _rows(layers: Layers, minibatch: int) -> Float[np.ndarray, "layer pair"]:
    # Gram matrices are stored in float32, and their products summed in double precision.
    return np.stack([grams[minibatch].ravel() for grams in layers.values()]).astype(np.float64)


def _common_shape(first: Layers, second: Layers) -> tuple[int, int, int]:
    if not first or not second:
        raise ValueError("an encoder without layers: expected at least one on each side")
    layers = [(name, grams.shape) for side in (first, second) for name, grams in side.items()]
    name, shape = layers[0]
    for other, its_shape in layers[1:]:
        if its_shape != shape:
            raise ValueError(
                f"layers {name} and {other} have minibatches of shapes {shape} and {its_shape}: "
                "extract both encoders with the same images and minibatch size"
            )
    if shape[0] < 1 or shape[1] < MIN_IMAGES:
        raise ValueError(
            f"minibatches of shape {shape}: expected at least one minibatch, of {MIN_IMAGES} "
            "images or more"
        )
    return shape[0], shape[1], shape[2]


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
