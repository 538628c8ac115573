"""Two sanity checks of a score: it has to fall if labels are missing, and if there are extra ones.

Oikarinen, Yan & Weng, "Evaluating Neuron Explanations: A Unified Framework with Sanity Checks"
(ICML 2025, arXiv 2506.05774): half of a concept's positive labels are removed, or as many as there
are positives are added on other images. A direction that carries the concept fits the changed
labels worse, and a score that does not fall cannot see it. A check that fails says something of the
score, not of the code that computes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from interpreting_clip.measures.average_precision import (
    Precisions,
    average_precisions,
    encodes_concepts,
)
from interpreting_clip.measures.concept_labels import concept_targets, labels_and_numbers
from interpreting_clip.measures.random_numbers import generator

IMAGES, CONCEPTS = 10_000, 20
"""The images of a check, and the concepts at each frequency."""

FREQUENCIES = (0.3, 0.1, 0.01)
"""The share of the images that show a concept. Scores may pass with frequent concepts alone."""

STRENGTH = 8.0
"""The length of a concept in standard deviations of the noise: the direction is almost ideal."""

FALL = 0.001
"""By how much a score has to fall, of its range of 1, to count: theirs."""

ENOUGH = 0.9
"""The share of the concepts whose score has to fall, at every frequency. The choice is ours."""

Presence = Bool[np.ndarray, "image concept"]


@dataclass(frozen=True)
class SanityCheck:
    """Whether a score falls when labels are removed or added.

    Attributes
    ----------
    score, check : in words
    fell : the share of the concepts whose score fell, by the share of images that show them
    passes : whether it fell for enough concepts at every frequency
    """

    score: str
    check: str
    fell: dict[str, float]
    passes: bool


def sanity_checks(threshold: float, seed: int) -> list[SanityCheck]:
    """Check each of our scores with missing and with extra labels, on planted concepts.

    Every concept has a direction of its own, with Gaussian noise on top. The scores are the average
    precision against as many negatives as positives and against all images, and for both whether
    the concept counts as encoded, which is what unique concepts count.

    Parameters
    ----------
    threshold : of the average precision, the study's
    seed : of the concepts, the noise and the negatives
    """
    rng = generator(seed, "checked labels")
    changes: Mapping[str, Callable[[np.random.Generator, Presence], Presence]] = {
        "missing labels": without_half,
        "extra labels": with_as_many_more,
    }
    fell: dict[tuple[str, str], dict[str, float]] = {}
    for frequency in FREQUENCIES:
        shown = rng.random((IMAGES, CONCEPTS)) < frequency
        projections = STRENGTH * shown + rng.standard_normal(shown.shape)
        before = scores(projections, shown, threshold, seed)
        for check, change in changes.items():
            after = scores(projections, change(rng, shown), threshold, seed)
            for score, values in before.items():
                found = np.mean(values - after[score] > FALL)
                fell.setdefault((score, check), {})[f"{frequency:g}"] = float(found)
    return [
        SanityCheck(score, check, shares, min(shares.values()) >= ENOUGH)
        for (score, check), shares in fell.items()
    ]


def scores(
    projections: Float[np.ndarray, "image concept"], shown: Presence, threshold: float, seed: int
) -> dict[str, Float[np.ndarray, " concept"]]:
    """Return each score of each concept's own direction."""
    targets = concept_targets(*labels_and_numbers(shown), len(shown), "balanced", seed)
    found: Precisions = average_precisions(projections, targets)
    balanced, over_all = np.diag(found.drawn[0]), np.diag(found.over_all)
    return {
        "average precision, balanced": balanced,
        "average precision, all images": over_all,
        f"encoded at {threshold:g}, balanced": encodes_concepts(balanced, threshold) * 1.0,
        f"encoded at {threshold:g}, all images": encodes_concepts(over_all, threshold) * 1.0,
    }


def without_half(rng: np.random.Generator, shown: Presence) -> Presence:
    """Remove half of each concept's positive labels, drawn at random."""
    changed = shown.copy()
    for column in changed.T:
        positives = np.flatnonzero(column)
        column[rng.permutation(positives)[: len(positives) // 2]] = False
    return changed


def with_as_many_more(rng: np.random.Generator, shown: Presence) -> Presence:
    """Add to each concept as many labels as it has, on other images, drawn at random."""
    changed = shown.copy()
    for column in changed.T:
        others = np.flatnonzero(~column)
        column[rng.permutation(others)[: np.count_nonzero(column)]] = True
    return changed
