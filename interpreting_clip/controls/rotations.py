"""Layers that are the same but for a rotation, and layers that have nothing in common."""

import numpy as np
from jaxtyping import Float

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.cka import minibatch_cka
from interpreting_clip.measures.grams import gram, u_center
from interpreting_clip.measures.random_numbers import generator


def cka_controls(activations: Features, images: int, minibatch: int, seed: int) -> list[Control]:
    """Measure the CKA of activations and their rotated copy, and of independent features.

    CKA does not see rotation, scale and offset. For independent features it is 0, apart from a
    sampling error: over permutations of a minibatch's n images, `⟨U(K), U(L)⟩` has the variance `2
    |U(K)|² |U(L)|² / (n (n - 3))` (Székely and Rizzo 2013), so that minibatch CKA of B minibatches
    has the standard error `sqrt(2 / (n (n - 3) B))`.

    Parameters
    ----------
    activations : of an encoder
    images : the most images to use, evenly spaced, dealt out to the minibatches in turn
    minibatch : images of one
    seed : of the rotation and of the independent features
    """
    rng = generator(seed, "rotated activations")
    values = dealt_images(activations, images, minibatch)
    count, width = len(values) // minibatch, values.shape[1]
    rotation = np.linalg.qr(rng.standard_normal((width, width))).Q
    first, second = (rng.standard_normal(values.shape) for _ in range(2))
    layers = {"own": values, "rotated": 3 * values @ rotation + 1, "one": first, "other": second}
    grams = {name: centred_grams(layer, minibatch) for name, layer in layers.items()}
    similarity = minibatch_cka(grams, grams)
    error = STANDARD_ERRORS * np.sqrt(2 / (minibatch * (minibatch - 3) * count))
    of = f"{count} minibatches of {minibatch} images"
    copy, rounding = similarity[0, 1], minibatch * width * np.finfo(np.float64).eps
    return controls(
        "",
        (
            f"The encoder's activations and a rotated, scaled and shifted copy, {of}",
            *(1.0, copy, rounding),
        ),
        (
            f"Two sets of {width:,} independent Gaussian features, {of}",
            0.0,
            similarity[2, 3],
            error,
        ),
    )


def dealt_images(
    activations: Features, images: int, minibatch: int
) -> Float[np.ndarray, "_dealt feature"]:
    """Return at most `images` rows, evenly spaced, minibatch after minibatch, dealt out in turn."""
    count = min(images, len(activations)) // minibatch
    spaced = np.arange(count * minibatch) * len(activations) // (count * minibatch)
    return np.asarray(activations[spaced.reshape(minibatch, count).T.ravel()], np.float64)


def centred_grams(
    features: Features, minibatch: int
) -> Float[np.ndarray, "minibatch _image _image"]:
    """Return the U-centred Gram matrices of a layer, of all its features."""
    return np.stack([u_center(gram(batch)) for batch in split(features, minibatch)])


def split(features: Features, minibatch: int) -> Float[np.ndarray, "minibatch _image feature"]:
    """Return the features of each minibatch."""
    return features.reshape(-1, minibatch, features.shape[1])
