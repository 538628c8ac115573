"""The null of concept counts: random directions in the same activations.

It keeps activations and labels, and shows what any directions of this space would encode,
privileged or not.
The paper has no null; this one is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from interpreting_clip.formats.tensors import read_tensors, write_tensors
from interpreting_clip.statistics.average_precision import Examples, average_precisions
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.concept_scores import Sign, Vectors, score_parts
from interpreting_clip.statistics.nulls import Progress, random_frame
from interpreting_clip.statistics.random_numbers import generator

BothSigns = Float[np.ndarray, "sign direction concept"]

SETS = 25
"""How many sets of random directions each rotation gives."""


def random_directions(features: int, seed: int, rotation: int) -> Vectors:
    """Draw as many orthonormal directions as features, uniformly among all such bases.

    Parameters
    ----------
    features : of the space
    seed, rotation : not negative; each pair of them has its own directions
    """
    rng = generator(seed, "random directions", rotation)
    return np.ascontiguousarray(random_frame(features, features, rng))


@dataclass(frozen=True, eq=False)
class RandomBest:
    """The highest average precision of any direction of each random set, for each concept.

    `drawn` is that with the concept's negatives, `over_all` that against all other images.
    """

    drawn: Float[np.ndarray, "rotation set concept"]
    over_all: Float[np.ndarray, "rotation set concept"]


def write_nulls(file: Path, nulls: Mapping[str, RandomBest]) -> None:
    """Write the nulls of several bases into one file of tensors, by the name of the basis."""
    named = nulls.items()
    tensors = {f"{basis}.{name}": array for basis, n in named for name, array in vars(n).items()}
    write_tensors(file, tensors)


def read_nulls(file: Path, *bases: str) -> list[RandomBest]:
    """Read the nulls of these bases from a file that `write_nulls` wrote."""
    tensors = read_tensors(file)
    return [RandomBest(tensors[f"{b}.drawn"], tensors[f"{b}.over_all"]) for b in bases]


def score_random_directions(
    activations: Features,
    numbers: Sequence[int],
    concepts: Sequence[Examples],
    *,
    rotations: int,
    seed: int,
    sign: Sign = "fixed",
    span: Vectors | None = None,
    workers: int = 1,
    progress: Progress = iter,
) -> list[RandomBest]:
    """Measure what sets of random orthonormal directions encode, for several sizes of the set.

    Average precisions cost time, and sets of directions do not. So each random rotation gives
    `SETS` sets: some of its rows, each with a random sign. Each set by itself is uniform among all
    orthonormal ones, since a random rotation stays one if rows are permuted or change their signs.
    Sets of one rotation depend on each other, sets of different rotations do not: a p value takes
    its error from the rotations (`grouped_p_value`). The choice is ours. Others did worse:

    * Without signs, a rotation has a single set of as many directions as features. With 40
      rotations of 128 features, a p of 0.07 then has an error of 0.04, and one of 0.02 with signs.
    * Directions from several rotations are not orthonormal, and encode fewer concepts: a p of 0.085
      became 0.067.
    * Sequential p values (Besag and Clifford 1991) stop early only where p is large.

    If either side of a direction counts, signs change nothing, so that all sets of as many
    directions as features are the same.

    Parameters
    ----------
    activations, concepts, sign, workers : as in `score_concepts`
    numbers : of directions in a set, each at most as many as features, or as rows of `span`
    span : orthonormal rows; the random directions lie in their span. None: anywhere
    rotations : how many are drawn; more leave the first ones as they are
    seed : of the rotations
    progress : goes through the rotations
    """
    dimensions = activations.shape[1] if span is None else len(span)
    shape = len(numbers), rotations, SETS, len(concepts)
    drawn, over_all = np.empty(shape), np.empty(shape)
    for rotation in progress(range(rotations)):
        vectors = random_directions(dimensions, seed, rotation)
        vectors = vectors if span is None else vectors @ span
        both = _both_signs(activations, vectors, concepts, sign, workers)
        for place, number in enumerate(numbers):
            # A generator each, so that a size has the same sets whatever else is measured.
            rng = generator(seed, "sets of random directions", rotation, number)
            for set_number in range(SETS):
                rows = rng.permutation(dimensions)[:number]
                signs = rng.integers(2, size=number)
                drawn[place, rotation, set_number] = both[0][signs, rows].max(axis=0)
                over_all[place, rotation, set_number] = both[1][signs, rows].max(axis=0)
    return [RandomBest(*each) for each in zip(drawn, over_all, strict=True)]


def _both_signs(
    activations: Features, vectors: Vectors, concepts: Sequence[Examples], sign: Sign, workers: int
) -> tuple[BothSigns, BothSigns]:
    """Return average precisions of directions as they are and negated, drawn and over all."""
    drawn, over_all = np.empty((2, 2, len(vectors), len(concepts)))
    for part, scores in score_parts(activations, vectors, 4 * len(concepts)):
        precisions = average_precisions(scores, concepts, workers, negated=True)
        drawn[:, part] = precisions.drawn[0].reshape(2, -1, len(concepts))
        over_all[:, part] = precisions.over_all.reshape(2, -1, len(concepts))
    if sign == "either":
        for each in (drawn, over_all):
            each[:] = each.max(axis=0)
    return drawn, over_all
