"""Average precision of many directions for many concepts, with one ranking per direction."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

ROUNDING = 1e-12
"""An average precision that is this close below a threshold reaches it: the rest is rounding."""

SCORES_AT_A_TIME = 2**19
"""How many scores a thread holds in double precision: 4 MiB."""

Counts = Int[np.ndarray, "direction positive"]


@dataclass(frozen=True, eq=False)
class Examples:
    """A concept's positive and negative images; None if all other images are negatives."""

    positives: Int[np.ndarray, " positive"]
    negatives: Int[np.ndarray, " negative"] | None


@dataclass(frozen=True, eq=False)
class Resample:
    """A bootstrap resample of the images, with the negatives of each concept in it.

    Attributes
    ----------
    counts : how often each image occurs
    negatives : of each concept, as often as they occur; None if all other images are negatives
    """

    counts: Int[np.ndarray, " image"]
    negatives: list[Int[np.ndarray, " _negative"]] | None


@dataclass(frozen=True, eq=False)
class Precisions:
    """The average precisions of directions for concepts.

    Attributes
    ----------
    drawn : above 0, at most 1, for the images themselves, then for each resample; 0 for a concept
        without examples in a resample. If asked for, the negated directions follow all others
    over_all : those for the images themselves if all other images are negatives
    """

    drawn: Float[np.ndarray, "sample direction concept"]
    over_all: Float[np.ndarray, "direction concept"]


def average_precisions(
    scores: Float[np.ndarray, "image direction"],
    concepts: Sequence[Examples],
    workers: int = 1,
    negated: bool = False,
    resamples: Sequence[Resample] = (),
) -> Precisions:
    """Compute the average precision of each direction for each concept, in every resample too.

    `AP = Σ_n (R_n - R_{n-1}) P_n` over the distinct scores in descending order, with precision P_n
    and recall R_n among the images with at least that score, as scikit-learn's
    `average_precision_score`: the mean over positives of the precision at the positive's score.

    Images are ranked once per direction. A concept's precisions then follow from the ranks of its
    own examples, for many directions at a time. The result does not depend on the number of
    workers, nor a resample's result on the other resamples.

    Parameters
    ----------
    scores : higher means more likely positive
    concepts : each has a positive and a negative
    workers : number of threads
    negated : measure the negated scores, too, which share the ranking
    resamples : of the images, with the same concepts
    """
    directions, sides = scores.shape[1], 1 + negated
    drawn = np.zeros((1 + len(resamples), sides, directions, len(concepts)))
    over_all = np.empty(drawn.shape[1:])
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
        ranks, part = rank_images(columns), slice(first, first + step)
        for place, concept in enumerate(concepts):
            drawn[0, :, part, place], over_all[:, part, place] = _concept_precisions(
                ranks, concept, negated
            )
        if resamples:
            drawn[1:, :, part] = _in_resamples(ranks, concepts, resamples, negated)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, range(0, directions, step)))
    return Precisions(
        drawn.reshape(len(drawn), -1, len(concepts)), over_all.reshape(-1, len(concepts))
    )


def encodes_concepts(
    precisions: Float[np.ndarray, "*shape"], threshold: float
) -> Bool[np.ndarray, "*shape"]:
    """Return whether each average precision reaches the threshold, above 0 and at most 1."""
    return precisions >= threshold - ROUNDING


@dataclass(frozen=True, eq=False)
class Ranks:
    """The place of each image in the descending order of a direction's scores.

    Attributes
    ----------
    order : the images, by descending score
    last : how many images have at least the image's score
    before : how many have a higher score
    distinct : whether no two scores of any direction are equal
    """

    order: Int[np.ndarray, "direction image"]
    last: Int[np.ndarray, "direction image"]
    before: Int[np.ndarray, "direction image"]
    distinct: bool


def rank_images(scores: Float[np.ndarray, "direction image"]) -> Ranks:
    """Rank the images of each direction; equal scores share a rank."""
    # The sort need not be stable, since equal scores are one step.
    order = np.argsort(-scores, axis=1)
    descending = np.take_along_axis(scores, order, axis=1)
    bounds = np.ones((len(scores), scores.shape[1] + 1), np.bool_)
    np.not_equal(descending[:, 1:], descending[:, :-1], out=bounds[:, 1:-1])
    places = np.arange(bounds.shape[1], dtype=np.int32)
    starts = np.maximum.accumulate(places[:-1] * bounds[:, :-1], axis=1)
    stops = np.where(bounds[:, 1:], places[1:], places[-1])
    stops = np.minimum.accumulate(stops[:, ::-1], axis=1)[:, ::-1]
    last, before = np.empty_like(stops), np.empty_like(starts)
    np.put_along_axis(last, order, stops, axis=1)
    np.put_along_axis(before, order, starts, axis=1)
    return Ranks(order, last, before, bool(bounds.all()))


def _in_resamples(
    ranks: Ranks, concepts: Sequence[Examples], resamples: Sequence[Resample], negated: bool
) -> Float[np.ndarray, "resample side direction concept"]:
    found = np.zeros((len(resamples), 1 + negated, len(ranks.last), len(concepts)))
    for number, resample in enumerate(resamples):
        counts, drawn = resample.counts, resample.negatives
        # Copies of an image have equal scores.
        resampled = replace(_among(ranks, counts) if drawn is None else ranks, distinct=False)
        for place, concept in enumerate(concepts):
            positives = np.repeat(concept.positives, counts[concept.positives])
            examples = Examples(positives, None if drawn is None else drawn[place])
            if 0 < len(positives) < counts.sum():
                found[number, ..., place] = _concept_precisions(resampled, examples, negated)[0]
    return found


def _among(ranks: Ranks, counts: Int[np.ndarray, " image"]) -> Ranks:
    """Return the ranks among the images of a resample, where each occurs `counts` times."""
    sums = np.zeros((len(ranks.order), ranks.order.shape[1] + 1), np.int32)
    np.cumsum(counts[ranks.order], axis=1, out=sums[:, 1:])
    last, before = (np.take_along_axis(sums, ends, axis=1) for ends in (ranks.last, ranks.before))
    return replace(ranks, last=last, before=before)


def _concept_precisions(
    ranks: Ranks, concept: Examples, negated: bool
) -> Float[np.ndarray, "column side direction"]:
    """Return average precisions for a concept with its negatives and, second, over all images."""
    count, images = len(concept.positives), ranks.last.shape[1]
    last = np.sort(np.take(ranks.last, concept.positives, axis=1), axis=1)
    # Without equal scores, counts of positives are their places, and a step is a single image.
    places = np.arange(count)
    hits = places + 1 if ranks.distinct else _count_up_to(last, last)
    over_all = [_mean_in_order(hits / last)]
    if negated:
        rest = count - (places if ranks.distinct else _count_up_to(last - 1, last))
        before = np.sort(np.take(ranks.before, concept.positives, axis=1), axis=1)
        over_all.append(_mean_in_order(rest / (images - before)))
    if concept.negatives is None:
        return np.array([over_all, over_all])
    others = np.take(ranks.last, concept.negatives, axis=1)
    misses = _count_up_to(last, others)
    drawn = [_mean_in_order(hits / (hits + misses))]
    if negated:
        higher = misses if ranks.distinct else _count_up_to(last - 1, others)
        # `rest` is bound: `negated` is as above
        drawn.append(
            _mean_in_order(rest / (rest + len(concept.negatives) - higher))  # pyright: ignore
        )
    return np.array([drawn, over_all])


def _count_up_to(
    limits: Int[np.ndarray, "direction limit"], ranks: Int[np.ndarray, "direction rank"]
) -> Int[np.ndarray, "direction limit"]:
    """Count each direction's ranks up to each limit; the limits ascend."""
    # Sorted together, a limit comes after the ranks that equal it, and only limits are odd.
    both = np.concatenate([2 * limits + 1, 2 * ranks], axis=1)
    both.sort(axis=1)
    positions = np.flatnonzero((both & 1).astype(np.bool_)).reshape(limits.shape)
    positions -= np.arange(limits.shape[1])
    positions -= both.shape[1] * np.arange(len(both))[:, None]
    return positions


def _mean_in_order(
    values: Float[np.ndarray, "direction positive"],
) -> Float[np.ndarray, " direction"]:
    """Average rows, added from the first value to the last."""
    # NumPy adds along rows in pairs, but whole rows one after the other, which is also faster. It
    # treats a single column as a row, so there is one more.
    columns = np.zeros((values.shape[1], len(values) + 1))
    columns[:, :-1] = values.T
    return columns.sum(axis=0)[:-1] / len(columns)
