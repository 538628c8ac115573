"""The share of the variance of the logits over classes that runs through a direction or feature."""

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.head import Head, center_classes
from interpreting_clip.statistics.chunks import Features, chunks


def second_moment(activations: Features, head: Head) -> Float[np.ndarray, "feature feature"]:
    """Compute the mean over images of `h hᵀ`, with `h / |h|` for a head that normalises features.

    Parameters
    ----------
    activations : one row per image; an all-zero row stays zero
    head : with as many features; says whether to normalise
    """
    total = np.zeros((activations.shape[1],) * 2)
    for _, chunk in chunks(activations):
        lengths = np.linalg.norm(chunk, axis=1, keepdims=True)
        lengths[(lengths == 0) | (not head.normalize_features)] = 1.0
        scaled = chunk / lengths
        total += scaled.T @ scaled
    return total / len(activations)


def logit_variance_shares(
    moment: Float[np.ndarray, "feature feature"],
    weight: Float[np.ndarray, "class_ feature"],
    vectors: Float[np.ndarray, "vector feature"] | None = None,
) -> Float[np.ndarray, " vector"]:
    """Compute the share of the logits' variance over classes that each unit vector carries.

    The logits are `W h`. Their variance over classes, averaged over images, tells classes apart; a
    bias, which is the same for every image, is left out. The part that runs through a unit vector v
    is `W v ⟨v, h⟩`. Its variance, divided by that of all, is with the centred head W_c

    `|W_c v|² · mean ⟨v, h⟩² / mean |W_c h|²`.

    For the directions of the centred head, `|W_c v_i|² = σ_i²`, the parts are uncorrelated over
    classes, and the shares add up to 1. They do not for the directions of the uncentred head, nor
    for features: their parts are correlated, so a share may exceed 1. The measure is ours.

    Parameters
    ----------
    moment : of the head's images (`second_moment`)
    weight : the head's, centred or not
    vectors : unit vectors, such as directions; None: the axes of all features

    Returns
    -------
    0 or more

    Raises
    ------
    ValueError
        The logits of every image are the same for all classes.
    """
    centred = center_classes(weight)
    # tr(W_c M W_cᵀ), the mean of |W_c h|².
    whole = float(np.sum((centred @ moment) * centred))
    # Of equal rows, centring leaves rounding errors, whose squares these are.
    rounding = weight.size * np.finfo(np.float64).eps * np.linalg.norm(weight)
    if whole <= rounding**2 * np.trace(moment):
        raise ValueError(
            "the logits of every image are the same for all classes: look at the activations and "
            "the head"
        )
    if vectors is None:
        return np.sum(centred**2, axis=0) * np.diag(moment) / whole
    along = np.sum((centred @ vectors.T) ** 2, axis=0)
    return along * np.sum((vectors @ moment) * vectors, axis=1) / whole
