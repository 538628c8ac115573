"""The singular directions of a head and of random heads, and their importance."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.head import center_classes
from interpreting_clip.statistics.chunks import Features, chunks
from interpreting_clip.statistics.nulls import random_rotation
from interpreting_clip.statistics.random_numbers import generator

Centre = Literal["none", "classes"]
"""What is subtracted from the head before its directions are found: nothing, or its mean row."""

CENTRES: tuple[Centre, ...] = get_args(Centre)

TIE = 1e-9
"""Classes whose weights along a direction differ by less than this share are equally strong."""


@dataclass(frozen=True, eq=False)
class Directions:
    """Orthonormal directions of the representation space.

    Attributes
    ----------
    vectors : one unit row per direction
    singular_values : all above 0
    """

    vectors: Float[np.ndarray, "direction feature"]
    singular_values: Float[np.ndarray, " direction"]


@dataclass(frozen=True, eq=False)
class RankedDirections(Directions):
    """Directions and their importance, the most important first.

    Equally important directions come by descending singular value.
    """

    importance: Float[np.ndarray, " direction"]


def singular_directions(
    weight: Float[np.ndarray, "class_ feature"], centre: Centre = "none"
) -> Directions:
    """Find the right singular vectors of the head and their singular values.

    `W = U Σ Vᵀ` (Crabbé et al. 2024); the columns of V are the directions. Those whose singular
    value is at most `ε ‖W‖_F`, with ε of the precision that W is stored in, may be rounding errors
    and are left out. Cast a bfloat16 head to float32 first.

    With `centre="classes"`, W is taken minus the mean of its rows (ours), so that a vector added to
    every row, which changes no prediction, changes no direction. C classes then have C - 1
    directions at most.

    A direction points to its strongest class (ours): the class with the largest `|W v_i|`, the
    lowest such class, has a positive `W v_i`.

    Parameters
    ----------
    weight : the head's weights, in the precision that they are stored in
    centre : `none` or `classes`

    Returns
    -------
    the directions by descending singular value

    Raises
    ------
    ValueError
        The head holds NaN or infinity, is zero everywhere, or has equal rows and is centred.
    """
    if not np.isfinite(weight).all() or not np.any(weight):
        raise ValueError("the head is zero everywhere or holds NaN or infinity: build it again")
    matrix = np.asarray(weight, np.float64) if centre == "none" else center_classes(weight)
    left, values, vectors = np.linalg.svd(matrix, full_matrices=False)
    # Storing W adds an E with ‖E‖_2 ≤ ε/2 ‖W‖_F, and no singular value moves by more (Weyl); the
    # decomposition adds NumPy's rank tolerance.
    # Relative to the stored head, which the rounding errors come from: subtracting the mean row
    # may leave little of it.
    precision = np.finfo(weight.dtype).eps + max(weight.shape) * np.finfo(np.float64).eps
    tolerance = precision * np.linalg.norm(np.asarray(weight, np.float64))
    kept = int(np.count_nonzero(values > tolerance))
    if not kept:
        raise ValueError(
            "all rows of the head are equal, so that it tells no classes apart: build it again"
        )
    # W v_i = σ_i u_i, so the left vectors show the strongest class. The paper chooses no sign.
    # Rounding must not: two centred classes are always equally strong.
    strength = np.abs(left)
    strongest = np.argmax(strength >= (1 - TIE) * strength.max(axis=0), axis=0)
    signs = np.sign(left[strongest, np.arange(len(values))])
    return Directions((signs[:, None] * vectors)[:kept], values[:kept])


def rotated_directions(directions: Directions, seed: int, draw: int) -> Directions:
    """Draw the directions of a random head, with the same span and singular values.

    The random head is `U Σ R Vᵀ`, with the left singular vectors and the singular values of the
    encoder's head `U Σ Vᵀ`, and a random rotation R from the uniform (Haar) distribution. Its
    directions are arbitrary within the span of the encoder's. A random direction of the whole
    space would be no null: it lies mostly where a head of few classes reads nothing, and costs next
    to nothing to prune. Where a head has as many directions as features, both are the same.

    This null, which is ours, shows whether the head's own directions are special within the space
    that the head reads. It shows nothing about that space or the singular values, which every draw
    shares.

    Parameters
    ----------
    directions : of the encoder's head, by descending singular value
    seed, draw : of the draws, and the number of this draw
    """
    rotation = random_rotation(len(directions.vectors), generator(seed, "random heads", draw))
    return Directions(rotation.T @ directions.vectors, directions.singular_values)


def importance(activations: Features, directions: Directions) -> Float[np.ndarray, " direction"]:
    """Compute how much each direction contributes to the logits of these images.

    `importance_i = σ_i · mean_n |cos(v_i, h_n)|` (Crabbé et al. 2024), in the units of the head's
    weights. The cosine with an all-zero activation counts as 0.

    Parameters
    ----------
    activations : one row per image
    directions : with as many features
    """
    total = np.zeros(len(directions.vectors))
    for _, chunk in chunks(activations):
        lengths = np.linalg.norm(chunk, axis=1)
        projections = chunk @ directions.vectors.T
        # The projections of an all-zero activation are 0, so any length makes its cosine 0.
        total += (1 / np.where(lengths > 0, lengths, 1.0)) @ np.abs(projections, out=projections)
    return directions.singular_values * total / len(activations)


def rank(activations: Features, directions: Directions) -> RankedDirections:
    """Order directions, which come by descending singular value, by their `importance`."""
    weights = importance(activations, directions)
    order = np.argsort(-weights, kind="stable")
    return RankedDirections(
        directions.vectors[order], directions.singular_values[order], weights[order]
    )
