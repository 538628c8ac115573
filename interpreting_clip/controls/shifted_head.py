"""A head whose classes all get the same vector: what must not change, and what does."""

import numpy as np

from interpreting_clip.controls.control import Control
from interpreting_clip.measures.head import Head, center_classes, logits
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.pruning import pruned_accuracies
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.singular_directions import Directions, rank, singular_directions

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
    becomes that of the vector.

    Parameters
    ----------
    fractions : the pruned shares of the study
    seed : of the head, the vector and the images
    """
    rng = generator(seed, "shifted head")
    count = CLASSES - 1
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
    found, heads = rank(images, singular_directions(shifted, "classes")), (weight, shifted)
    counted = Control(
        f"{ADDED} of {CLASSES}: number of centred directions", count, len(found.vectors), 0.0
    )
    if len(found.vectors) != count:
        return [counted]
    before, after = (Head(one, None, False) for one in heads)
    predicted = [np.argmax(logits(images, head), axis=1) for head in (before, after)]
    shares = np.array(fractions)
    curves = [
        100 * pruned_accuracies(images, classes, head, each, fractions=shares)
        for head, each in zip((before, after), (planted, found), strict=True)
    ]
    moment = second_moment(images, before)
    variances = [
        logit_variance_shares(moment, one, each.vectors)
        for one, each in zip(heads, (planted, found), strict=True)
    ]
    cosines = np.abs(np.sum(found.vectors * planted.vectors, axis=1))
    first = [singular_directions(one).vectors[0] for one in heads]
    along = abs(float(first[1] @ vector)) / LENGTH
    # The rounding errors of the shifted head, and how far they can turn a direction: the less its
    # singular value differs from the next, the farther (Davis and Kahan 1970).
    rounding = FEATURES * np.finfo(np.float64).eps * np.linalg.norm(shifted)
    turned = float(rounding / (values[0] - values[1]))
    # The same bound for the direction of the vector, whose squared singular value is |1 vᵀ|².
    squared = CLASSES * LENGTH**2
    tilt = float(values[0] ** 2 / (squared - values[0] ** 2))
    return [
        counted,
        Control(
            f"{ADDED}: predictions that differ, of {IMAGES:,} images",
            0,
            int(np.count_nonzero(predicted[0] != predicted[1])),
            0.0,
        ),
        Control(
            f"{ADDED}: lowest |cosine| of a centred direction with the planted one",
            1.0,
            float(cosines.min()),
            turned,
        ),
        Control(
            f"{ADDED}: largest change of a centred direction's importance",
            0.0,
            float(np.abs(found.importance - planted.importance).max()),
            float(values[0]) * turned,
        ),
        Control(
            f"{ADDED}: largest change of a centred direction's share of the logit variance",
            0.0,
            float(np.abs(variances[1] - variances[0]).max()),
            turned,
        ),
        Control(
            f"{ADDED}: points of accuracy that differ, at any share of centred directions pruned",
            0.0,
            float(np.abs(curves[1] - curves[0]).max()),
            0.0,
        ),
        Control(
            f"{ADDED}: |cosine| of the first direction that is not centred with the vector",
            1.0,
            along,
            tilt,
        ),
        Control(
            f"{ADDED}: |cosine| of the first direction that is not centred with what it was",
            abs(float(basis[0] @ vector)) / LENGTH,
            abs(float(first[1] @ first[0])),
            tilt,
        ),
    ]
