"""Average precision of many score columns for many concepts, in one sweep per column."""

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
class Probe:
    """The images that a concept is probed with; `negatives` None: all that are not positives."""

    positives: Int[np.ndarray, " positive"]
    negatives: Int[np.ndarray, " negative"] | None


@dataclass(frozen=True, eq=False)
class Sweep:
    """The probes of all concepts, sorted by image: what a sweep over the images meets.

    Attributes
    ----------
    start : `concepts[start[2 i] : start[2 i + 1]]` has image i as a positive, and
        `concepts[start[2 i + 1] : start[2 i + 2]]` as a negative
    concepts : columns of the result
    positives : how many each concept has
    all_negatives : whether every image that is no positive of a concept is a negative of it;
        none is then written down
    """

    start: Int[np.ndarray, " bound"]
    concepts: UInt[np.ndarray, " entry"]
    positives: Int[np.ndarray, " concept"]
    all_negatives: bool


def average_precisions(
    scores: Float[np.ndarray, "image direction"], sweep: Sweep, workers: int = 1
) -> Float[np.ndarray, "direction concept"]:
    """Compute for each direction how well its scores tell each concept's images from others.

    `AP = Σ_n (R_n - R_{n-1}) P_n` over the distinct scores in descending order, with precision P_n
    and recall R_n of the images that score at least that much: scikit-learn's definition
    (`average_precision_score`), which takes equal scores as one step. Hence AP is the mean over
    positives of the precision at that positive's score.

    The images are ranked once per direction, then met once in that order with counts kept for all
    concepts: images · log(images) + entries of the sweep, per direction. The result is the same
    for every number of workers.

    Parameters
    ----------
    scores : higher means more likely positive; any layout, a few columns are copied at a time
    sweep : of as many images (`sorted_by_image`)
    workers : threads

    Returns
    -------
    above 0 up to 1

    Raises
    ------
    ValueError
        A score is not finite (it is named).
    """
    directions, concepts = scores.shape[1], len(sweep.positives)
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
                column, order, sweep.start, sweep.concepts, concepts, sweep.all_negatives
            )
            precisions[direction] = sums / sweep.positives

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, range(0, directions, step)))
    return precisions


def sorted_by_image(probes: Iterable[Probe], images: int) -> Sweep:
    """Sort the probes of the concepts by image.

    Parameters
    ----------
    probes : one per concept, of the same kind: all have negatives, or none has
    images : how many there are

    Raises
    ------
    ValueError
        Some probes have negatives and some have not, or a concept has no positive or no negative.
    """
    listed = list(probes)
    without = {probe.negatives is None for probe in listed}
    if len(without) > 1:
        raise ValueError("expected negatives of every concept or of none, got both")
    keys, concepts = [], []
    number = np.uint16 if len(listed) <= 2**16 else np.uint32  # a sweep is bound by the cache
    for concept, probe in enumerate(listed):
        rest = images - len(probe.positives) if probe.negatives is None else len(probe.negatives)
        if not len(probe.positives) or not rest:
            raise ValueError(
                f"concept {concept}: {len(probe.positives)} positives and {rest} negatives; "
                "expected at least one of each"
            )
        negatives = probe.positives[:0] if probe.negatives is None else probe.negatives
        keys += [2 * probe.positives, 2 * negatives + 1]
        concepts.append(np.full(len(probe.positives) + len(negatives), concept, number))
    key = np.concatenate([np.empty(0, np.int64), *keys])
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key, minlength=2 * images)
    return Sweep(
        start=np.concatenate([[0], np.cumsum(counts)]),
        concepts=np.concatenate([np.empty(0, number), *concepts])[order],
        positives=np.array([len(probe.positives) for probe in listed], np.int64),
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
    """Return for each concept the sum over its positives of the precision at their score.

    Parameters
    ----------
    scores : of one direction
    order : the images by descending score; how equal scores are ordered makes no difference
    start, concepts, all_negatives : as in `Sweep`
    count : of the concepts
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
"""`sum_precisions` in machine code, free of what tests wrap functions in to check their types."""
