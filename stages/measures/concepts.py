"""How well each direction tells the images of each concept from others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from stages.measures.average_precision import Probe, average_precisions, sorted_by_image
from stages.measures.directions import Directions, project

Negatives = Literal["balanced", "all"]

PROJECTIONS_AT_A_TIME = 2**24
"""How many projections are held at a time: 128 MiB."""


@dataclass(frozen=True, eq=False)
class ConceptLabels:
    """Which image shows which concept, one entry per pair, in any order.

    Attributes
    ----------
    image : index of the image
    concept : number of the concept; the same number is the same concept in every selection
    """

    image: Int[np.ndarray, " pair"]
    concept: Int[np.ndarray, " pair"]


def concept_precisions(
    scores: Float[np.ndarray, "image direction"],
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    negatives: Negatives,
    seed: int,
    *,
    workers: int = 1,
) -> Float[np.ndarray, "direction concept"]:
    """Compute the average precision of every direction for every concept.

    AP is scikit-learn's, ties included (`average_precisions`). Positives are the images labelled
    with the concept, negatives are drawn from all others (`probes`).

    Parameters
    ----------
    scores : per image and direction, as the features themselves, each a direction of its own;
        ranked once per direction, whatever the number of concepts
    labels : the pairs of image and concept
    concepts : the numbers of the concepts to probe, in the order of the result
    negatives, seed : as in `probes`
    workers : threads; the result does not depend on them

    Returns
    -------
    above 0 up to 1

    Raises
    ------
    ValueError
        A score is not finite, a label's image does not exist, or a concept has no positive or no
        negative (it is named).
    """
    sets = probes(labels, concepts, len(scores), negatives, seed)
    return average_precisions(scores, sorted_by_image(sets, len(scores)), workers)


def direction_precisions(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions,
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    *,
    negatives: Negatives,
    seed: int,
    workers: int = 1,
) -> Float[np.ndarray, "direction concept"]:
    """Compute `concept_precisions` of the projections on directions, `⟨v_i, h⟩`.

    A bounded number of projections is held, so that memory grows with the images only once a
    single direction has more than the bound.

    Parameters
    ----------
    activations : one row per image; may be mapped from a file
    directions : of as many features
    labels, concepts, negatives, seed, workers : as in `concept_precisions`

    Raises
    ------
    ValueError
        As `concept_precisions` and `project`.
    """
    sets = probes(labels, concepts, len(activations), negatives, seed)
    sweep = sorted_by_image(sets, len(activations))
    precisions = np.empty((len(directions.vectors), len(concepts)))
    step = max(1, PROJECTIONS_AT_A_TIME // len(activations))
    for first in range(0, len(precisions), step):
        part = slice(first, first + step)
        some = Directions(directions.vectors[part], directions.singular_values[part])
        precisions[part] = average_precisions(project(activations, some), sweep, workers)
    return precisions


def probes(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
) -> Iterator[Probe]:
    """Choose the positives and negatives of each concept.

    `balanced` draws as many negatives as there are positives, without replacement, from a generator
    seeded with `(seed, concept number)`: other concepts coming or going change nothing. Where fewer
    images lack the concept than have it, all of those are taken. `all` takes all always.

    Parameters
    ----------
    labels, concepts : the pairs, and the numbers, not negative, of the concepts to probe
    images : how many there are; every image without the concept is a possible negative
    negatives, seed : `balanced` or `all`; the seed is not negative

    Raises
    ------
    ValueError
        A label's image does not exist, or a concept has no positive or no negative.
    """
    if len(labels.image) and not 0 <= labels.image.min() <= labels.image.max() < images:
        raise ValueError(f"a label is of an image outside 0 to {images - 1}: read labels again")
    order = np.argsort(labels.concept, kind="stable")
    sorted_concepts = labels.concept[order]
    starts = np.searchsorted(sorted_concepts, concepts, side="left")
    stops = np.searchsorted(sorted_concepts, concepts, side="right")
    for concept, start, stop in zip(concepts.tolist(), starts, stops, strict=True):
        positives = np.unique(labels.image[order[start:stop]])
        if not 0 < len(positives) < images:
            raise ValueError(
                f"concept {concept} is on {len(positives)} of {images} images: expected at least "
                "one image with it and one without; leave it out"
            )
        drawn = negatives == "balanced"
        sample = _sample_negatives(positives, images, (seed, concept)) if drawn else None
        yield Probe(positives, sample)


def _sample_negatives(
    positives: Int[np.ndarray, " positive"], images: int, seed: tuple[int, int]
) -> Int[np.ndarray, " negative"]:
    lacking = np.ones(images, dtype=np.bool_)
    lacking[positives] = False
    candidates = np.flatnonzero(lacking)
    count = min(len(positives), len(candidates))
    generator = np.random.default_rng(seed)
    return generator.choice(candidates, size=count, replace=False, shuffle=False)
