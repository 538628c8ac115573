"""Average precision of many directions for many concepts, with one ranking per direction."""

import inspect
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float, Int, UInt

SCORES_AT_A_TIME = 2**20
"""How many scores a thread holds in double precision: 8 MiB."""


@dataclass(frozen=True, eq=False)
class Examples:
    """A concept's positive and negative images; `negatives` None: all that are not positives."""

    positives: Int[np.ndarray, " positive"]
    negatives: Int[np.ndarray, " negative"] | None


@dataclass(frozen=True, eq=False)
class SparseTargets:
    """The binary targets of all concepts in compressed sparse rows, two rows per image.

    Attributes
    ----------
    start : image i is a positive of `concepts[start[2 i] : start[2 i + 1]]` and a negative of
        `concepts[start[2 i + 1] : start[2 i + 2]]`
    concepts : columns of the result
    positives : how many each concept has
    all_negatives : whether each image is a negative of every concept that it is not a positive of;
        negatives are then not listed
    """

    start: Int[np.ndarray, " bound"]
    concepts: UInt[np.ndarray, " entry"]
    positives: Int[np.ndarray, " concept"]
    all_negatives: bool


def average_precisions(
    scores: Float[np.ndarray, "image direction"], targets: SparseTargets, workers: int = 1
) -> Float[np.ndarray, "direction concept"]:
    """Compute for each direction the average precision of its scores for each concept.

    `AP = Σ_n (R_n - R_{n-1}) P_n` over the distinct scores in descending order, with precision P_n
    and recall R_n among the images that score at least as much: scikit-learn's definition
    (`average_precision_score`), in which equal scores are one step. Hence AP is the mean over
    positives of the precision at that positive's score.

    Images are ranked once per direction and then counted in that order for all concepts at once, in
    time images · log(images) + entries of the targets. The result is the same for every number of
    workers.

    Parameters
    ----------
    scores : higher means more likely positive; in any memory layout
    targets : of as many images (`sparse_targets`)
    workers : number of threads

    Returns
    -------
    above 0, at most 1

    Raises
    ------
    ValueError
        A score is not finite (its image and direction are named).
    """
    directions, concepts = scores.shape[1], len(targets.positives)
    precisions = np.empty((directions, concepts))
    step = max(1, min(SCORES_AT_A_TIME // len(scores), -(-directions // workers)))

    def fill(first: int) -> None:
        columns = np.ascontiguousarray(scores[:, first : first + step].T, np.float64)
        if not np.isfinite(columns).all():
            column, image = np.argwhere(~np.isfinite(columns))[0]
            raise ValueError(
                f"image {image}, direction {first + column}: its score is not a finite number"
            )
        for direction, column in enumerate(columns, first):
            order = np.argsort(-column)
            sums = compiled_sum_precisions(
                column, order, targets.start, targets.concepts, concepts, targets.all_negatives
            )
            precisions[direction] = sums / targets.positives

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, range(0, directions, step)))
    return precisions


def sparse_targets(examples: Iterable[Examples], images: int) -> SparseTargets:
    """Sort the examples of all concepts by image.

    Parameters
    ----------
    examples : one entry per concept; all list negatives, or none does
    images : how many there are

    Raises
    ------
    ValueError
        Only some concepts list negatives, or a concept has no positive or no negative.
    """
    listed = list(examples)
    without = {each.negatives is None for each in listed}
    if len(without) > 1:
        raise ValueError("expected negatives of every concept or of none, got both")
    keys, concepts = [], []
    # Small numbers, since memory bandwidth is the limit.
    number = np.uint16 if len(listed) <= 2**16 else np.uint32
    for concept, each in enumerate(listed):
        rest = images - len(each.positives) if each.negatives is None else len(each.negatives)
        if not len(each.positives) or not rest:
            raise ValueError(
                f"concept {concept}: {len(each.positives)} positives and {rest} negatives; "
                "expected at least one of each"
            )
        negatives = each.positives[:0] if each.negatives is None else each.negatives
        keys += [2 * each.positives, 2 * negatives + 1]
        concepts.append(np.full(len(each.positives) + len(negatives), concept, number))
    key = np.concatenate([np.empty(0, np.int64), *keys])
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key, minlength=2 * images)
    return SparseTargets(
        start=np.concatenate([[0], np.cumsum(counts)]),
        concepts=np.concatenate([np.empty(0, number), *concepts])[order],
        positives=np.array([len(each.positives) for each in listed], np.int64),
        all_negatives=without == {True},
    )


def sum_precisions(  # noqa: PLR0917 — compiled functions take no keyword-only arguments
    scores: Float[np.ndarray, " image"],
    order: Int[np.ndarray, " image"],
    start: Int[np.ndarray, " bound"],
    concepts: UInt[np.ndarray, " entry"],
    count: int,
    all_negatives: bool,
) -> Float[np.ndarray, " concept"]:
    """Sum for each concept, over its positives, the precision at the positive's score.

    Parameters
    ----------
    scores : of one direction
    order : the images by descending score, equal scores in any order
    start, concepts, all_negatives : as in `SparseTargets`
    count : how many concepts
    """
    sums = np.zeros(count)
    positives, negatives = np.zeros(count, np.int32), np.zeros(count, np.int32)
    first = 0
    while first < len(order):
        # Equal scores are one step: all their images are counted before a precision is taken.
        last = first + 1
        while last < len(order) and scores[order[last]] == scores[order[first]]:
            last += 1
        for place in range(first, last):
            image = order[place]
            for entry in range(start[2 * image], start[2 * image + 1]):
                positives[concepts[entry]] += 1
            for entry in range(start[2 * image + 1], start[2 * image + 2]):
                negatives[concepts[entry]] += 1
        for place in range(first, last):
            image = order[place]
            for entry in range(start[2 * image], start[2 * image + 1]):
                concept = concepts[entry]
                among = last if all_negatives else positives[concept] + negatives[concept]
                sums[concept] += positives[concept] / among
        first = last
    return sums


compiled_sum_precisions = numba.njit(nogil=True, cache=True)(inspect.unwrap(sum_precisions))
"""`sum_precisions` compiled; `unwrap` removes the type checks that tests wrap around functions."""
