"""Layers that differ by one feature or by a subset of the images, which CKA exaggerates."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from interpreting_clip.controls.control import Control, controls
from interpreting_clip.controls.rotations import centred_grams, dealt_images, split
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.cka import minibatch_cka
from interpreting_clip.measures.grams import OutlierLimits, gram, outlier_columns, u_center
from interpreting_clip.measures.random_numbers import generator

FAR = 1e4
"""How far something is moved, in root mean square lengths of the centred activations."""

TOLERANCE = 20 / FAR
"""How near CKA is to its limit for infinitely far: what is left over is a few times 1 / FAR."""


def ruled_cka_controls(
    activations: Features, images: int, minibatch: int, limits: OutlierLimits, seed: int
) -> list[Control]:
    """Compare activations with a copy in which one feature, or a quarter of the images, is far off.

    Davari et al. (2022) show that both rule CKA. Far enough, all that CKA sees of the copy is this
    feature, or which images were moved; these limits are what is planted. Without outlier features,
    CKA finds the rest of the copy again if a feature was inflated. It cannot if images were moved
    along a direction that is no feature's: then there is no outlier feature to leave out, and this
    control holds the instrument to that limit.

    Parameters
    ----------
    activations : of an encoder
    images, minibatch : as in `cka_controls`
    limits : what an outlier feature is
    seed : of the feature, of the images that are moved and of the direction
    """
    layers, quarter = ruled_layers(dealt_images(activations, images, minibatch), minibatch, seed)
    rest, width = layers.pop("rest"), layers["own"].shape[1]
    whole = {name: centred_grams(layer, minibatch) for name, layer in layers.items()}
    outliers = {
        name: [outlier_columns(batch, limits) for batch in split(layers[name], minibatch)]
        for name in ("own", "inflated", "moved")
    }
    without = {
        name: grams_without(layers[name], minibatch, some) for name, some in outliers.items()
    }
    # One feature reaches at most √(n − 1) σ of its image: with few features, none is an outlier.
    visible = width - 1 > limits.sigma**2
    without["rest"] = centred_grams(rest, minibatch) if visible else whole["alone"]
    without["shift"] = grams_without(layers["shift"], minibatch, outliers["moved"])
    found, left = (
        dict(zip(grams, minibatch_cka({"own": grams["own"]}, grams)[0].tolist(), strict=True))
        for grams in (whole, without)
    )
    one = f"CKA of the activations and a copy with one of {width:,} features inflated"
    part = f"CKA of the activations and a copy with {quarter} of each {minibatch} images moved away"
    seen = "that of a copy that lacks it" if visible else "as before, too few features to see it"
    return controls(
        "",
        (f"{one}: that feature decides", found["alone"], found["inflated"], TOLERANCE),
        (f"{one}, without outlier features: {seen}", left["rest"], left["inflated"], TOLERANCE),
        (
            f"{part} along one direction: which images were moved decides",
            *(found["shift"], found["moved"], TOLERANCE),
        ),
        (
            f"{part}, without outlier features: as much, since no feature is one",
            *(left["shift"], left["moved"], TOLERANCE),
        ),
    )


def ruled_layers(
    values: Features, minibatch: int, seed: int
) -> tuple[dict[str, Float[np.ndarray, "image _width"]], int]:
    """Return the activations as they are and changed, and how many images are moved in a minibatch.

    `inflated` has one feature that is far off, `alone` is that feature, `rest` are all others.
    `moved` has some images that are far off, `shift` is by what they were moved.
    """
    rng = generator(seed, "moved images")
    count, width = values.shape
    length = np.sqrt(((values - values.mean(axis=0)) ** 2).sum() / count)
    # Rectified features may be 0 in all images: inflating such a one changes nothing.
    feature = int(rng.choice(np.flatnonzero(np.ptp(values, axis=0))))
    alone = np.zeros_like(values)
    alone[:, feature] = values[:, feature] - values[:, feature].mean()
    # Two at least: of a single image in a minibatch, HSIC_1 sees nothing.
    quarter = max(2, minibatch // 4)
    chosen = [rng.permutation(minibatch) < quarter for _ in range(count // minibatch)]
    # Equal in size and balanced in sign, so that no feature of a moved image is an outlier.
    direction = rng.permutation(np.where(np.arange(width) % 2, -1.0, 1.0)) / np.sqrt(width)
    shift = np.concatenate(chosen).astype(np.float64)[:, None] * direction
    layers = {
        "own": values,
        "inflated": values + FAR * length / np.sqrt((alone**2).sum() / count) * alone,
        "alone": alone,
        "rest": np.delete(values, feature, axis=1),
        "moved": values + FAR * length * shift,
        "shift": shift,
    }
    return layers, quarter


def grams_without(
    features: Features, minibatch: int, outliers: Sequence[Bool[np.ndarray, " feature"]]
) -> Float[np.ndarray, "minibatch _image _image"]:
    """Return a layer's U-centred Gram matrices, each without some features."""
    pairs = zip(split(features, minibatch), outliers, strict=True)
    return np.stack([u_center(gram(batch, some)) for batch, some in pairs])
