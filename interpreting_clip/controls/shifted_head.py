"""A head whose classes all get the same vector: what must not change, and what does."""

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.controls.control import Control, controls
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.head import Head, center_classes, logits
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.pruning import pruned_accuracies
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.singular_directions import (
    Directions,
    RankedDirections,
    rank,
    singular_directions,
)

CLASSES, FEATURES, IMAGES = 40, 64, 1000
"""The size of the head, which has one direction less than classes, and the number of images."""

LENGTH = 20.0
"""The length of the vector that is added, about ten times that of a class's own."""

ADDED = "A vector added to every class"
"""How each control begins."""


def shift_controls(fractions: list[float], seed: int) -> list[Control]:
    """Add one vector to every row of a head, and measure what the directions were and are.

    The head has known singular values, random orthonormal directions and a mean row of zero, so it
    is its own centred head. The vector changes no difference of two logits. So predictions, and
    directions, importances, pruning and shares of the logit variance of the centred head must be
    those of the head without the vector. The first direction of the head as it is must change: it
    becomes that of the vector. `fractions` are the pruned shares of the study.
    """
    rng, count = generator(seed, "shifted head"), CLASSES - 1
    # Columns without a mean, and so rows without one.
    left = np.linalg.qr(center_classes(rng.standard_normal((CLASSES, count)))).Q
    basis = np.linalg.qr(rng.standard_normal((FEATURES, count))).Q.T
    values = np.linspace(4.0, 1.0, count)
    weight = (left * values) @ basis
    vector = rng.standard_normal(FEATURES)
    vector *= LENGTH / np.linalg.norm(vector)
    shifted = weight + vector
    classes = rng.integers(CLASSES, size=IMAGES)
    images = weight[classes] + 0.3 * rng.standard_normal((IMAGES, FEATURES))
    planted = rank(images, Directions(basis, values))
    found = rank(images, singular_directions(shifted, "classes"))
    # The rounding errors of the shifted head, and how far they can turn a direction: the less its
    # singular value differs from the next, the farther (Davis and Kahan 1970).
    rounding = FEATURES * np.finfo(np.float64).eps * np.linalg.norm(shifted)
    turned = rounding / (values[0] - values[1])
    # The same bound for the direction of the vector, whose squared singular value is |1 vᵀ|².
    tilt = values[0] ** 2 / (CLASSES * LENGTH**2 - values[0] ** 2)

    def along(direction: Float[np.ndarray, " feature"]) -> float:
        return abs(float(direction @ vector)) / LENGTH

    number = (f" of {CLASSES}: number of centred directions", count, len(found.vectors), 0.0)
    if len(found.vectors) != count:
        return controls(ADDED, number)
    cosines = np.abs(np.sum(found.vectors * planted.vectors, axis=1))
    importances = np.abs(found.importance - planted.importance)
    before = measured(weight, planted, images, classes, fractions)
    after = measured(shifted, found, images, classes, fractions)
    predictions, shares, curve = (np.abs(new - old) for new, old in zip(after, before, strict=True))
    first, shifted_first = (singular_directions(one).vectors[0] for one in (weight, shifted))
    centred, not_centred = "of a centred direction", "|cosine| of the first direction that is not"
    return controls(
        ADDED,
        number,
        (f": predictions that differ, of {IMAGES:,} images", 0, np.count_nonzero(predictions), 0.0),
        (f": lowest |cosine| {centred} with the planted one", 1.0, cosines.min(), turned),
        (f": largest change {centred}'s importance", 0.0, importances.max(), values[0] * turned),
        (f": largest change {centred}'s share of the logit variance", 0.0, shares.max(), turned),
        (
            ": points of accuracy that differ, at any share of centred directions pruned",
            *(0.0, curve.max(), 0.0),
        ),
        (f": {not_centred} centred with the vector", 1.0, along(shifted_first), tilt),
        (
            f": {not_centred} centred with what it was",
            *(along(basis[0]), abs(shifted_first @ first), tilt),
        ),
    )


def measured(
    weight: Float[np.ndarray, "class_ feature"],
    directions: RankedDirections,
    images: Features,
    classes: Int[np.ndarray, " image"],
    fractions: list[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the predictions, the directions' shares of the logit variance, and pruned accuracy."""
    head = Head(weight, None, False)
    accuracies = pruned_accuracies(images, classes, head, directions, fractions=np.array(fractions))
    return (
        np.argmax(logits(images, head), axis=1),
        logit_variance_shares(second_moment(images, head), weight, directions.vectors),
        100 * accuracies,
    )
