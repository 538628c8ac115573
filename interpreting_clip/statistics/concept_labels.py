"""Labels of concepts: the positive images of each concept, and the negatives drawn for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from interpreting_clip.statistics.average_precision import Examples, Resample
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
) -> list[Examples]:
    """Choose the positives and negatives of each concept, for any scores of these images.

    Positives are the images labelled with the concept. `balanced` draws as many negatives from the
    other images, without replacement, or takes all of these if there are fewer. `all` takes all
    other images.

    Parameters
    ----------
    labels : which image shows which concept
    concepts : their numbers, not negative, in the order of the results; each is on some image and
        not on all
    images : number of images
    negatives : `balanced` or `all`
    seed : not negative
    """
    shown = positive_images(labels, concepts, images)
    if negatives == "all":
        return [Examples(positives, None) for positives in shown]
    once = np.ones(images, np.int64)
    # A generator per concept: its negatives do not depend on which other concepts are measured.
    return [
        Examples(shows, draw_negatives(shows, once, generator(seed, "negatives", concept, 0)))
        for concept, shows in zip(concepts.tolist(), shown, strict=True)
    ]


def resample_examples(
    labels: ConceptLabels,
    concepts: Int[np.ndarray, " concept"],
    images: int,
    negatives: Negatives,
    seed: int,
    *,
    draws: int,
) -> list[Resample]:
    """Repeat the choice of `concept_examples` in bootstrap resamples of the images.

    Each draw takes as many images, with replacement, and then chooses anew: positives occur as
    often as they were drawn, and `balanced` negatives are drawn from the other images in the
    resample. So draws vary like new images with new negatives. New negatives with weights on them
    would count the variance of the negatives twice. The choice is ours; the paper has no interval.

    Draws depend on the images, the labels and the seed, so that they are the same for all encoders,
    and images are the same for all concepts.

    Parameters
    ----------
    labels, concepts, images, negatives, seed : as in `concept_examples`
    draws : how many resamples; more leave the first ones as they are
    """
    shown = list(positive_images(labels, concepts, images))
    resamples = []
    for draw in range(draws):
        rng = generator(seed, "resampled images", draw)
        counts = np.bincount(rng.integers(images, size=images), minlength=images)
        drawn = [
            draw_negatives(shows, counts, generator(seed, "resampled negatives", concept, draw))
            for concept, shows in zip(concepts.tolist(), shown, strict=True)
            if negatives == "balanced"
        ]
        resamples.append(Resample(counts, drawn or None))
    return resamples


def draw_negatives(
    positives: Int[np.ndarray, " positive"],
    counts: Int[np.ndarray, " image"],
    rng: np.random.Generator,
) -> Int[np.ndarray, " negative"]:
    """Draw as many negatives as positives without replacement, or take all if there are fewer.

    Parameters
    ----------
    positives : which images are
    counts : how often each image occurs
    rng : draws
    """
    others = counts.copy()
    others[positives] = 0
    candidates = np.repeat(np.arange(len(counts)), others)
    count = min(int(counts[positives].sum()), len(candidates))
    # Negatives are a set, so shuffling them would only cost time.
    return rng.choice(candidates, count, replace=False, shuffle=False)
