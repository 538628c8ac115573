"""Nulls of concept counts: permuted images, and random directions in the same activations.

They answer different questions. Permuted images keep an encoder's directions and the way in which
concepts coincide, and cut what connects the two: what chance gives. Random directions keep
activations and labels: what any directions of this space would encode, privileged or not. The paper
has neither; both are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.measures.average_precision import SparseTargets
from interpreting_clip.measures.concept_scores import Sign, Vectors, score_concepts
from interpreting_clip.measures.nulls import random_rotation

_PERMUTED, _RANDOM = 0, 1
"""Keys that keep the random numbers of the nulls apart from each other and from the negatives'."""


def image_permutations(images: int, draws: int, seed: int) -> list[Int[np.ndarray, " image"]]:
    """Draw permutations of the images, each of them for all concepts and directions alike.

    Parameters
    ----------
    images : how many
    draws : how many permutations; more draws leave the first ones as they are
    seed : not negative
    """
    return [_generator(seed, _PERMUTED, draw).permutation(images) for draw in range(draws)]


def random_directions(features: int, count: int, seed: int, draw: int) -> Vectors:
    """Draw orthonormal directions, uniformly among all such sets.

    Fewer directions of the same draw are the first of more, so two bases can share a draw.

    Parameters
    ----------
    features : of the space
    count : how many directions, at most `features`
    seed, draw : not negative
    """
    return np.ascontiguousarray(
        random_rotation(features, _generator(seed, _RANDOM, draw)).T[:count]
    )


@dataclass(frozen=True, eq=False)
class RandomBest:
    """The highest average precision of any of some random directions, for each concept.

    `drawn` is that in each draw of the negatives, `over_all` that against all other images.
    """

    drawn: Float[np.ndarray, "null draw concept"]
    over_all: Float[np.ndarray, "null concept"]


def score_random_directions(
    activations: Float[np.ndarray, "image feature"],
    numbers: Sequence[int],
    targets: SparseTargets,
    *,
    draws: int,
    seed: int,
    sign: Sign = "fixed",
    workers: int = 1,
) -> list[RandomBest]:
    """Measure what random directions encode, for several numbers of directions.

    Parameters
    ----------
    activations, targets, sign, workers : as in `score_concepts`
    numbers : of directions, ascending, at most as many as features
    draws : how often directions are drawn
    seed : of the draws

    Raises
    ------
    ValueError
        The numbers are not ascending, or above the number of features.
    """
    features, concepts = activations.shape[1], len(targets.positives)
    if sorted(numbers) != list(numbers) or max(numbers) > features:
        raise ValueError(
            f"{list(numbers)} random directions of {features} features: expected ascending "
            "numbers, at most as many as features"
        )
    drawn = np.zeros((len(numbers), draws, targets.draws, concepts))
    over_all = np.zeros((len(numbers), draws, concepts))
    for draw in range(draws):
        vectors, first = random_directions(features, numbers[-1], seed, draw), 0
        for place, number in enumerate(numbers):
            some = vectors[first:number]
            found = score_concepts(activations, some, targets, [], sign=sign, workers=workers)
            # A larger number of directions has those of the smaller ones among its own.
            np.maximum(drawn[place:, draw], found.best[0], out=drawn[place:, draw])
            np.maximum(over_all[place:, draw], found.best_over_all[0], out=over_all[place:, draw])
            first = number
    return [RandomBest(*each) for each in zip(drawn, over_all, strict=True)]


def _generator(seed: int, null: int, draw: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(null, draw)))
