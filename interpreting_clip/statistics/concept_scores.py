"""The average precisions of many directions for many concepts, and a summary of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.statistics.average_precision import (
    ROUNDING,
    Examples,
    Precisions,
    Resample,
    average_precisions,
    encodes_concepts,
)
from interpreting_clip.statistics.chunks import Features, chunks

Sign = Literal["fixed", "either"]

NUMBERS_AT_A_TIME = 2**24
"""How many scores, and how many average precisions, are held at a time: 128 MiB of each."""

Vectors = Float[np.ndarray, "direction feature"]


@dataclass(frozen=True, eq=False)
class ConceptScores:
    """What the directions or features of an encoder encode.

    Attributes
    ----------
    precisions : average precision
    negative : whether it is that of the negated scores
    encoded : how many concepts each direction encodes, for the images and then for each resample
    best : the highest average precision of any direction, for the same
    best_over_all : the same if all other images are negatives
    """

    precisions: Float[np.ndarray, "direction concept"]
    negative: Bool[np.ndarray, "direction concept"]
    encoded: Int[np.ndarray, "sample direction"]
    best: Float[np.ndarray, "sample concept"]
    best_over_all: Float[np.ndarray, " concept"]


def score_concepts(
    activations: Features,
    vectors: Vectors | None,
    concepts: Sequence[Examples],
    threshold: float,
    *,
    resamples: Sequence[Resample] = (),
    sign: Sign = "fixed",
    workers: int = 1,
) -> ConceptScores:
    """Measure what directions encode by their projections `⟨v_i, h⟩`, in every resample too.

    The sign of a direction is arbitrary (`singular_directions`), and the paper does not say whether
    its negative side counts. `fixed` takes the scores unchanged; `either` takes the larger of the
    average precisions of the scores and of the negated scores, in each resample.

    At most 2^24 scores and 2^24 average precisions are held at a time, or one direction's scores if
    that is more.

    Parameters
    ----------
    activations : one row per image; may be memory-mapped
    vectors : the directions; None: each feature is a direction
    concepts, resamples, workers : as in `average_precisions`
    threshold : of the average precision at which a direction encodes a concept
    sign : `fixed` or `either`
    """
    count = activations.shape[1] if vectors is None else len(vectors)
    shape, samples = (count, len(concepts)), 1 + len(resamples)
    precisions, negative = np.empty(shape), np.empty(shape, np.bool_)
    encoded = np.empty((samples, count), np.int64)
    best, best_over_all = np.zeros((samples, len(concepts))), np.zeros(len(concepts))
    for part, scores in score_parts(activations, vectors, (samples + 1) * len(concepts)):
        averages, negative[part] = _precisions(scores, concepts, resamples, sign, workers)
        precisions[part] = averages.drawn[0]
        encoded[:, part] = encodes_concepts(averages.drawn, threshold).sum(axis=2)
        np.maximum(best, averages.drawn.max(axis=1), out=best)
        np.maximum(best_over_all, averages.over_all.max(axis=0), out=best_over_all)
    return ConceptScores(precisions, negative, encoded, best, best_over_all)


def best_precisions(
    activations: Features,
    vectors: Vectors | None,
    concepts: Sequence[Examples],
    *,
    sign: Sign = "fixed",
    workers: int = 1,
) -> Float[np.ndarray, " concept"]:
    """Return the highest average precision of any direction, as in `score_concepts`."""
    if not concepts:
        return np.empty(0)
    return score_concepts(activations, vectors, concepts, 1.0, sign=sign, workers=workers).best[0]


def _precisions(
    scores: Float[np.ndarray, "image direction"],
    concepts: Sequence[Examples],
    resamples: Sequence[Resample],
    sign: Sign,
    workers: int,
) -> tuple[Precisions, Bool[np.ndarray, "direction concept"]]:
    """Return average precisions, and which of the images' own are of the negated scores."""
    either = sign == "either"
    averages = average_precisions(scores, concepts, workers, either, resamples)
    if not either:
        return averages, np.zeros(averages.over_all.shape, np.bool_)
    drawn, negated = np.split(averages.drawn, 2, axis=1)
    over_all = np.maximum(*np.split(averages.over_all, 2))
    # Of two precisions that are equal but for rounding, that of the scores as they are counts.
    negative = negated[0] > drawn[0] + ROUNDING
    return Precisions(np.maximum(drawn, negated), over_all), negative


def score_parts(
    activations: Features, vectors: Vectors | None, held: int = 0
) -> Iterator[tuple[slice, Float[np.ndarray, "image direction"]]]:
    """Yield the scores of some directions at a time, so that memory stays bounded.

    Parameters
    ----------
    activations, vectors : as in `score_concepts`
    held : how many average precisions of each direction are held
    """
    count = activations.shape[1] if vectors is None else len(vectors)
    step = max(1, NUMBERS_AT_A_TIME // max(len(activations), held))
    for part in (slice(first, first + step) for first in range(0, count, step)):
        if vectors is None:
            yield part, np.asarray(activations[:, part], np.float64)
        else:
            yield part, project(activations, vectors[part])


def project(activations: Features, vectors: Vectors) -> Float[np.ndarray, "image direction"]:
    """Project every image onto every direction, `⟨v_i, h⟩`, in double precision."""
    projections = np.empty((len(activations), len(vectors)))
    for rows, chunk in chunks(activations):
        projections[rows] = chunk @ vectors.T
    return projections
