"""Labels of concepts: the positive images of each concept, and the negatives drawn for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from interpreting_clip.statistics.average_precision import Examples
from interpreting_clip.statistics.random_numbers import generator

Negatives = Literal["balanced", "all"]


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


def labels_and_numbers(
    labels: Bool[np.ndarray, "image concept"] | ConceptLabels, numbers: Sequence[int] | None = None
) -> tuple[ConceptLabels, Int[np.ndarray, " concept"]]:
    """Return labels as pairs, and the numbers of their concepts.

    Parameters
    ----------
    labels : which image shows which concept
    numbers : of the concepts; None: their columns, or all that the pairs hold, ascending
    """
    if isinstance(labels, ConceptLabels):
        return labels, np.unique(labels.concept) if numbers is None else np.array(numbers)
    concepts = np.arange(labels.shape[1]) if numbers is None else np.array(numbers)
    image, column = np.nonzero(labels)
    return ConceptLabels(image, concepts[column]), concepts


def positive_images(
    labels: ConceptLabels, concepts: Int[np.ndarray, " concept"], images: int
) -> Iterator[Int[np.ndarray, " positive"]]:
    """Yield the images that show each concept, ascending.

    Raises
    ------
    ValueError
        A label's image does not exist.
    """
    if len(labels.image) and not 0 <= labels.image.min() <= labels.image.max() < images:
        raise ValueError(
            f"a label is of an image outside 0 to {images - 1}: build the concept labels again"
        )
    # Sorted once, so that each concept's labels are one slice.
    order = np.argsort(labels.concept, kind="stable")
    sorted_concepts = labels.concept[order]
    starts = np.searchsorted(sorted_concepts, concepts, side="left")
    stops = np.searchsorted(sorted_concepts, concepts, side="right")
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        # In ascending order, so that the negatives drawn do not depend on the order of the labels.
        yield np.unique(labels.image[order[start:stop]])


def concept_examples(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
    *,
    draws: int = 1,
) -> list[Examples]:
    """Choose the positives and negatives of each concept, for any scores of these images.

    Positives are the images labelled with the concept. `balanced` draws as many negatives from the
    other images, without replacement, or takes all of these if there are fewer. Draws are
    independent. `all` takes all other images, once.

    Parameters
    ----------
    labels : which image shows which concept
    concepts : their numbers, not negative, in the order of the results; each is on some image and
        not on all
    images : number of images
    negatives : `balanced` or `all`
    seed : not negative
    draws : how often `balanced` draws negatives
    """
    shown = positive_images(labels, concepts, images)
    examples = []
    for concept, positives in zip(concepts.tolist(), shown, strict=True):
        if negatives == "all":
            examples.append(Examples(positives, None))
            continue
        candidates = np.setdiff1d(np.arange(images), positives, assume_unique=True)
        count = min(len(positives), len(candidates))
        # A generator per concept and draw: a concept's negatives do not depend on which other
        # concepts are measured, nor a draw on the number of draws.
        generators = (generator(seed, "negatives", concept, draw) for draw in range(draws))
        drawn = [
            # Negatives are a set, so shuffling them would only cost time.
            each.choice(candidates, count, replace=False, shuffle=False)
            for each in generators
        ]
        examples.append(Examples(positives, np.stack(drawn)))
    return examples
