"""Broden concepts: the average precision of directions for them, and which ones are encoded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from stages.measures.average_precision import (
    Examples,
    SparseTargets,
    average_precisions,
    sparse_targets,
)
from stages.measures.directions import Directions, project

Negatives = Literal["balanced", "all"]

PROJECTIONS_AT_A_TIME = 2**24
"""How many projections are held at a time: 128 MiB."""


ROUNDING = 1e-12
"""An average precision so little below the threshold is at it: the difference is rounding."""


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


@dataclass(frozen=True)
class EncodedConcepts:
    """The concepts that a set of directions encodes.

    Attributes
    ----------
    unique_concepts : number of concepts that some direction encodes
    encoding_directions : number of directions that encode some concept
    polysemanticity : mean number of concepts per direction that encodes any; 0 where none does
    """

    unique_concepts: int
    encoding_directions: int
    polysemanticity: float


def concept_targets(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
) -> SparseTargets:
    """Prepare the targets that `average_precisions` of any scores of these images needs.

    Parameters
    ----------
    labels, images, negatives, seed : as in `concept_examples`
    concepts : the numbers of the concepts, in the order of the results

    Raises
    ------
    ValueError
        As `concept_examples`.
    """
    return sparse_targets(concept_examples(labels, concepts, images, negatives, seed), images)


def direction_precisions(
    activations: Float[np.ndarray, "image feature"],
    directions: Directions,
    targets: SparseTargets,
    workers: int = 1,
) -> Float[np.ndarray, "direction concept"]:
    """Compute `average_precisions` of the projections on directions, `⟨v_i, h⟩`.

    At most 2^24 projections are held at a time, or those of one direction if they are more.

    Parameters
    ----------
    activations : one row per image; may be memory-mapped
    directions : of as many features
    targets, workers : as in `average_precisions`

    Raises
    ------
    ValueError
        As `average_precisions` and `project`.
    """
    precisions = np.empty((len(directions.vectors), len(targets.positives)))
    step = max(1, PROJECTIONS_AT_A_TIME // len(activations))
    for first in range(0, len(precisions), step):
        part = slice(first, first + step)
        some = Directions(directions.vectors[part], directions.singular_values[part])
        precisions[part] = average_precisions(project(activations, some), targets, workers)
    return precisions


def concept_examples(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
) -> Iterator[Examples]:
    """Choose the positives and negatives of each concept.

    Positives are the images labelled with the concept. `balanced` draws as many negatives from the
    other images, without replacement, or takes all of these if they are fewer. The generator is
    seeded with `(seed, concept number)`, so a concept's negatives do not depend on which other
    concepts are measured. `all` takes all other images.

    Parameters
    ----------
    labels : which image shows which concept
    concepts : the numbers of the concepts, not negative
    images : how many there are
    negatives : `balanced` or `all`
    seed : not negative

    Yields
    ------
    the examples of each concept, in order

    Raises
    ------
    ValueError
        A label's image does not exist, or a concept has no positive or no negative.
    """
    if len(labels.image) and not 0 <= labels.image.min() <= labels.image.max() < images:
        raise ValueError(
            f"a label is of an image outside 0 to {images - 1}: build the concept labels again"
        )
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
        yield Examples(positives, sample)


def _sample_negatives(
    positives: Int[np.ndarray, " positive"], images: int, seed: tuple[int, int]
) -> Int[np.ndarray, " negative"]:
    lacking = np.ones(images, dtype=np.bool_)
    lacking[positives] = False
    candidates = np.flatnonzero(lacking)
    count = min(len(positives), len(candidates))
    generator = np.random.default_rng(seed)
    return generator.choice(candidates, size=count, replace=False, shuffle=False)


def encoded_concepts(
    precisions: Float[np.ndarray, "direction concept"], threshold: float
) -> EncodedConcepts:
    """Count the concepts that directions encode.

    A direction encodes a concept if its average precision is at least the threshold (0.9 in Crabbé
    et al. 2024).

    Parameters
    ----------
    precisions : average precision, 0 to 1 (`average_precisions`)
    threshold : above 0, at most 1

    Raises
    ------
    ValueError
        The threshold is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold}: expected a precision above 0, at most 1")
    encodes = precisions >= threshold - ROUNDING
    per_direction = np.count_nonzero(encodes, axis=1)
    encoding = int(np.count_nonzero(per_direction))
    return EncodedConcepts(
        unique_concepts=int(np.count_nonzero(encodes.any(axis=0))),
        encoding_directions=encoding,
        polysemanticity=float(per_direction.sum() / encoding) if encoding else 0.0,
    )


def encoded_by_category(
    precisions: Float[np.ndarray, "direction concept"], categories: Sequence[str], threshold: float
) -> dict[str, EncodedConcepts]:
    """Count the encoded concepts of each category alone.

    Parameters
    ----------
    precisions : average precision, 0 to 1
    categories : of each concept; the result is in alphabetical order of them
    threshold : above 0, at most 1

    Raises
    ------
    ValueError
        There is not one category per concept, or the threshold is out of range.
    """
    if len(categories) != precisions.shape[1]:
        raise ValueError(
            f"{len(categories)} categories for {precisions.shape[1]} concepts: expected one each"
        )
    of_concept = np.array(categories)
    return {
        category: encoded_concepts(precisions[:, of_concept == category], threshold)
        for category in sorted(set(categories))
    }
