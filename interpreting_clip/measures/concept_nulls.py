"""Nulls of concept counts: permuted images, and random directions in the same activations.

They answer different questions. Permuted images keep an encoder's directions and the way in which
concepts coincide, and cut what connects the two: what chance gives. Random directions keep
activations and labels: what any directions of this space would encode, privileged or not. The paper
has neither; both are ours.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.measures.average_precision import SparseTargets
from interpreting_clip.measures.concepts import (
    ByChance,
    Group,
    Sign,
    Tally,
    by_chance,
    scored_parts,
)
from interpreting_clip.measures.directions import Directions
from interpreting_clip.measures.random_rotation import random_rotation

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


def random_directions(features: int, count: int, seed: int, draw: int) -> Directions:
    """Draw orthonormal directions, uniformly among all such sets.

    Fewer directions of the same draw are the first of more, so two bases can share a draw.

    Parameters
    ----------
    features : of the space
    count : how many directions, at most `features`
    seed, draw : not negative
    """
    vectors = random_rotation(features, _generator(seed, _RANDOM, draw)).T[:count]
    return Directions(np.ascontiguousarray(vectors), np.ones(count))


def random_direction_counts(
    activations: Float[np.ndarray, "image feature"],
    numbers: Sequence[int],
    targets: SparseTargets,
    groups: Sequence[Group],
    *,
    draws: int,
    seed: int,
    sign: Sign = "fixed",
    workers: int = 1,
) -> list[list[ByChance]]:
    """Count the concepts that random directions encode, for several numbers of directions.

    Parameters
    ----------
    activations, targets, groups, sign, workers : as in `probe`
    numbers : of directions, ascending, at most as many as features
    draws : how often directions are drawn
    seed : of the draws

    Returns
    -------
    for each number the chance level of each group; none without draws

    Raises
    ------
    ValueError
        The numbers are not ascending, or above the number of features.
    """
    features = activations.shape[1]
    if sorted(numbers) != list(numbers) or max(numbers) > features:
        raise ValueError(
            f"{list(numbers)} random directions of {features} features: expected ascending "
            "numbers, at most as many as features"
        )
    found: list[list[Tally]] = [[] for _ in numbers]
    for draw in range(draws):
        whole = random_directions(features, numbers[-1], seed, draw)
        tally, first = Tally.none(groups, targets.draws), 0
        for place, number in enumerate(numbers):
            vectors = whole.vectors[first:number]
            some = Directions(vectors, np.ones(len(vectors)))
            for part in scored_parts(activations, some, targets, sign=sign, workers=workers):
                tally += Tally.of(part.found.drawn[0], part.found.over_all[0], groups)
            found[place].append(tally)
            first = number
    return [by_chance(each) for each in found]


def _generator(seed: int, null: int, draw: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(null, draw)))
