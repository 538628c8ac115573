"""Average precision of many directions for many concepts, with one ranking per direction."""

import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt

ROUNDING = 1e-12
"""An average precision this close below a threshold counts as at it: the rest is rounding."""

SCORES_AT_A_TIME = 2**20
"""How many scores a thread holds in double precision: 8 MiB."""


@dataclass(frozen=True, eq=False)
class Examples:
    """A concept's positive images, and its negatives in each draw.

    `negatives` is None if all other images are negatives, so that there is nothing to draw.
    """

    positives: Int[np.ndarray, " positive"]
    negatives: Int[np.ndarray, "draw negative"] | None


@dataclass(frozen=True, eq=False)
class SparseTargets:
    """The binary targets of all concepts in compressed sparse rows, two rows per image.

    Attributes
    ----------
    start : image i is a positive of the concepts `cells[start[2 i] : start[2 i + 1]]`, and a
        negative in the entries `cells[start[2 i + 1] : start[2 i + 2]]`
    cells : for a positive its concept; for a negative `concept · draws + draw`
    positives, negatives : how many images of each concept are that, in each draw
    draws : how often negatives were drawn
    all_negatives : whether each image is a negative of every concept that it is not a positive of;
        if so, negatives are not listed, and there is one draw
    """

    start: Int[np.ndarray, " bound"]
    cells: UInt[np.ndarray, " entry"]
    positives: Int[np.ndarray, " concept"]
    negatives: Int[np.ndarray, " concept"]
    draws: int
    all_negatives: bool


@dataclass(frozen=True, eq=False)
class Precisions:
    """The average precisions of directions for concepts.

    Attributes
    ----------
    drawn : above 0, at most 1, for each draw of the negatives. If asked for, the negated directions
        follow all others
    over_all : the same if all other images are negatives
    """

    drawn: Float[np.ndarray, "draw direction concept"]
    over_all: Float[np.ndarray, "direction concept"]


def average_precisions(
    scores: Float[np.ndarray, "image direction"],
    targets: SparseTargets,
    workers: int = 1,
    negated: bool = False,
) -> Precisions:
    """Compute the average precision of each direction for each concept, in every draw.

    `AP = Σ_n (R_n - R_{n-1}) P_n` over the distinct scores in descending order, with precision P_n
    and recall R_n among the images with at least that score, as scikit-learn's
    `average_precision_score`: the mean over positives of the precision at the positive's score.

    Images are ranked once per direction and then counted in that order for all concepts and draws.
    The result does not depend on the number of workers, nor a draw's result on the other draws.

    Parameters
    ----------
    scores : higher means more likely positive
    targets : of the same images
    workers : number of threads
    negated : measure the negated scores, too, which share the ranking
    """
    directions, concepts = scores.shape[1], len(targets.positives)
    rows = (1 + negated) * directions
    drawn = np.empty((targets.draws, rows, concepts))
    over_all = np.empty((rows, concepts))
    # Few enough for memory, and at least one part for each worker.
    step = max(1, min(SCORES_AT_A_TIME // len(scores), -(-directions // workers)))

    def fill(first: int) -> None:
        # One row per direction: reading down a column of a large array misses the cache.
        columns = np.ascontiguousarray(scores[:, first : first + step].T, np.float64)
        if not np.isfinite(columns).all():
            column, image = np.argwhere(~np.isfinite(columns))[0]
            raise ValueError(
                f"image {image}, direction {first + column}: its score is not a finite number"
            )
        for direction, column in enumerate(columns, first):
            # The sort need not be stable, since equal scores are one step.
            order = np.argsort(-column)
            # The fields of the targets are in the order of the parameters.
            sums = compiled(sum_precisions)(column, order, *vars(targets).values(), negated)
            for row, side in zip((direction, directions + direction), sums, strict=False):
                drawn[:, row] = side[:, :-1].T / targets.positives
                over_all[row] = side[:, -1] / targets.positives

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, range(0, directions, step)))
    return Precisions(drawn, over_all)


def encodes_concepts(
    precisions: Float[np.ndarray, "*shape"], threshold: float
) -> Bool[np.ndarray, "*shape"]:
    """Return whether each average precision reaches the threshold, above 0 and at most 1."""
    return precisions >= threshold - ROUNDING


def sparse_targets(examples: Iterable[Examples], images: int) -> SparseTargets:
    """Sort the examples of all concepts by image.

    Parameters
    ----------
    examples : one per concept, each with a positive and a negative; all list negatives, in the same
        number of draws, or none does
    images : number of images
    """
    # Half the memory of 64-bit indices, which only sets of a billion images need.
    row = np.int32 if 2 * images < 2**31 else np.int64
    rows, cells, sizes, positives, rests = [np.empty(0, row)], [], [], [], []
    all_negatives, draws = False, 1
    for concept, each in enumerate(examples):
        # One draw of no negatives, which are implied.
        negatives = each.positives[None, :0] if each.negatives is None else each.negatives
        all_negatives = each.negatives is None
        draws, count = negatives.shape
        rows += [(2 * each.positives).astype(row), (2 * negatives + 1).astype(row).ravel()]
        cells += [concept, *range(concept * draws, (concept + 1) * draws)]
        sizes += [len(each.positives), *[count] * draws]
        positives.append(len(each.positives))
        rests.append(images - len(each.positives) if all_negatives else count)
    # Use the smallest type that fits: memory bandwidth is the limit.
    cell = np.uint16 if len(positives) * draws <= 2**16 else np.uint32
    key = np.concatenate(rows)
    start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=2 * images))])
    return SparseTargets(
        start=start,
        cells=compiled(sort_by_row)(key, np.repeat(np.array(cells, cell), sizes), start),
        positives=np.array(positives, np.int64),
        negatives=np.array(rests, np.int64),
        draws=draws,
        all_negatives=all_negatives,
    )


def sort_by_row(
    rows: Int[np.ndarray, " entry"],
    cells: UInt[np.ndarray, " entry"],
    start: Int[np.ndarray, " bound"],
) -> UInt[np.ndarray, " entry"]:
    """Return the cells sorted by row, those of a row in their original order.

    A counting sort takes a tenth of the memory of numpy's sort, which returns 64-bit indices.
    """
    free, found = start.copy(), np.empty_like(cells)
    for entry in range(len(rows)):
        found[free[rows[entry]]] = cells[entry]
        free[rows[entry]] += 1
    return found


def sum_precisions(  # noqa: PLR0917 — compiled functions take no keyword-only arguments
    scores: Float[np.ndarray, " image"],
    order: Int[np.ndarray, " image"],
    start: Int[np.ndarray, " bound"],
    cells: UInt[np.ndarray, " entry"],
    positives: Int[np.ndarray, " concept"],
    negatives: Int[np.ndarray, " concept"],
    draws: int,
    all_negatives: bool,
    negated: bool,
) -> Float[np.ndarray, "side concept column"]:
    """Sum for each concept, over its positives, the precision at the positive's score.

    `order` are the images by descending score of one direction. There is a column for each draw and
    one, the last, over all images; if `negated`, a second side with the images in the opposite
    order.
    """
    count = len(positives)
    sums = np.zeros((1 + negated, count, draws + 1))
    hits, misses = np.zeros(count, np.int32), np.zeros(count * draws, np.int32)
    first = 0
    while first < len(order):
        # Equal scores are one step: count all their images before computing a precision.
        last = first + 1
        while last < len(order) and scores[order[last]] == scores[order[first]]:
            last += 1
        # The negated side is summed before the images of this step are counted, since those with at
        # most its score are all that are not counted yet.
        for side in range(negated, -1, -1):
            for place in range(first, first if side else last):
                image = order[place]
                for entry in range(start[2 * image], start[2 * image + 1]):
                    hits[cells[entry]] += 1
                for entry in range(start[2 * image + 1], start[2 * image + 2]):
                    misses[cells[entry]] += 1
            # Every image up to here is a positive or not.
            rank = len(order) - first if side else last
            for place in range(first, last):
                image = order[place]
                for entry in range(start[2 * image], start[2 * image + 1]):
                    concept = cells[entry]
                    found = float(abs(side * positives[concept] - hits[concept]))
                    total = sums[side, concept]
                    total[draws] += found / rank
                    if not all_negatives:
                        seen = misses[concept * draws : (concept + 1) * draws]
                        for draw in range(draws):
                            rest = abs(side * negatives[concept] - seen[draw])
                            total[draw] += found / (found + rest)
        first = last
    if all_negatives:
        sums[:, :, 0] = sums[:, :, 1]
    return sums


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of the two functions above compiled; numba is imported here, when it is needed."""
    import numba

    # numpy's rule for division by zero, which cannot occur here, lets the compiler vectorise
    # divisions. `unwrap` removes the type checks that tests wrap around functions.
    compile_it = numba.njit(nogil=True, cache=True, error_model="numpy")
    return compile_it(inspect.unwrap(function))
