"""Orthonormal directions that carry the labels of concepts, with Gaussian noise on top."""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float

from interpreting_clip.controls.control import STANDARD_ERRORS, Control, controls
from interpreting_clip.measures.chunks import Features
from interpreting_clip.measures.concept_counts import BasisConcepts
from interpreting_clip.measures.concept_labels import ConceptLabels, Negatives
from interpreting_clip.measures.concept_scores import Sign
from interpreting_clip.measures.concepts import Settings, concepts
from interpreting_clip.measures.random_numbers import generator

CONCEPTS, FEATURES = 8, 64
"""The most concepts that are carried, and the width of the space."""

IMAGES = 10_000
"""The most images that are used, or the number that is drawn if there are no labels."""

CANDIDATES = 64
"""The number of frequent concepts from which those with few common images are chosen."""

STRENGTH = 3.0
"""The length of a concept in standard deviations of the noise."""

SIMULATIONS = 40
"""How often other noise and other negatives are drawn, to compute the expected values."""


@dataclass(frozen=True)
class ConceptScoring:
    """The study's negatives, their draws, the sign of directions, and the threshold."""

    negatives: Negatives
    draws: int
    seed: int
    sign: Sign
    threshold: float


def concept_controls(
    labels: ConceptLabels | None, settings: ConceptScoring, seed: int
) -> list[Control]:
    """Measure concepts that are carried by one direction each, and by half as many directions.

    The expected values are simulated by a plain computation, with its own noise and negatives. If
    two labels share a direction, the second is the first under another name. The average precision
    of a score of two values, with many ties, is known in closed form.

    Parameters
    ----------
    labels : of the probe images; None where the study has none: labels are drawn
    settings : the study's
    seed : of the noise
    """
    rng = generator(seed, "noisy labels")
    shown = drawn_presence(rng) if labels is None else chosen_presence(labels)
    origin = "drawn labels (the study has no Broden)" if labels is None else "Broden labels"
    images, count = shown.shape
    basis = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES))).Q[:count]
    noise = rng.standard_normal((images, FEATURES))
    activations = STRENGTH * shown.astype(np.float64) @ basis + noise

    found = probed(activations, basis, shown, settings)
    drawn = np.stack([simulated(rng, shown, settings) for _ in range(SIMULATIONS)])
    expected, spread = drawn.mean(axis=0), drawn.std(axis=0)
    own = np.trace(drawn, axis1=1, axis2=2) / count
    error = STANDARD_ERRORS * own.std() * np.sqrt(1 + 1 / SIMULATIONS)
    doubtful = np.abs(expected - settings.threshold) <= STANDARD_ERRORS * spread

    carry = f"{count} of {FEATURES} dimensions carry one of {count} {origin} and noise each"
    shared = "The same with two labels for each direction"
    twice = probed(activations, basis, np.concatenate([shown, shown], axis=1), settings)
    both = np.concatenate([expected, expected], axis=1)
    mean = np.trace(found.precisions) / count
    return [
        *controls(carry, (": average precision for it, mean", own.mean(), mean, error)),
        *counted(carry, expected, found, doubtful, settings.threshold),
        *counted(shared, both, twice, np.concatenate([doubtful] * 2, axis=1), settings.threshold),
        tied(settings),
    ]


def chosen_presence(labels: ConceptLabels) -> Bool[np.ndarray, "image concept"]:
    """Return which of some images show which of some frequent concepts that rarely coincide.

    A concept is left out if more than half of its images show a chosen concept, or more than half
    of that one's images show it: one direction would encode both.
    """
    images = int(min(labels.image.max() + 1, IMAGES))
    inside = labels.image < images
    image, concept = labels.image[inside], labels.concept[inside]
    numbers, counts = np.unique(concept, return_counts=True)
    # At most half of the images, so that there are as many negatives; the most frequent first.
    order = np.lexsort((numbers, -counts))
    frequent = [n for n in order if counts[n] <= images / 2][:CANDIDATES] or [order[-1]]
    columns: list[np.ndarray] = []
    for number in frequent:
        column = np.zeros(images, np.bool_)
        column[image[concept == numbers[number]]] = True
        if all((column & one).sum() <= min(column.sum(), one.sum()) / 2 for one in columns):
            columns.append(column)
    return np.stack(columns[:CONCEPTS], axis=1)


def drawn_presence(rng: np.random.Generator) -> Bool[np.ndarray, "image concept"]:
    """Draw which images show which concept, each on a fifth of the images."""
    return rng.random((IMAGES // 4, CONCEPTS)) < 1 / 5


def probed(
    activations: Features,
    directions: Float[np.ndarray, "direction feature"],
    shown: Bool[np.ndarray, "image concept"],
    settings: ConceptScoring,
) -> BasisConcepts:
    """Measure average precisions, and count concepts, as stage `broden` does."""
    scoring = Settings(**asdict(settings), sweep=[], rotations=0, minimum_images=1)
    found = concepts(activations, labels=shown, directions=directions, settings=scoring)
    return found.bases["directions"]


def simulated(
    rng: np.random.Generator, shown: Bool[np.ndarray, "image concept"], settings: ConceptScoring
) -> Float[np.ndarray, "direction concept"]:
    """Compute the average precisions for other noise and other negatives, in a plain way."""
    scores = STRENGTH * shown + rng.standard_normal(shown.shape)
    asked = np.stack([taken(rng, column, settings.negatives) for column in shown.T])

    def precision(score: np.ndarray, some: np.ndarray, column: np.ndarray) -> float:
        found = plain_average_precision(score[some], column[some])
        if settings.sign == "fixed":
            return found
        return max(found, plain_average_precision(-score[some], column[some]))

    pairs = list(zip(asked, shown.T, strict=True))
    return np.array([[precision(score, *pair) for pair in pairs] for score in scores.T])


def taken(
    rng: np.random.Generator, positive: Bool[np.ndarray, " image"], negatives: Negatives
) -> Bool[np.ndarray, " image"]:
    """Return which images count for a concept: its positives, and its negatives."""
    others = np.flatnonzero(~positive)
    count = min(int(positive.sum()), len(others)) if negatives == "balanced" else len(others)
    some = positive.copy()
    some[rng.permutation(others)[:count]] = True
    return some


def plain_average_precision(
    scores: Float[np.ndarray, " image"], positive: Bool[np.ndarray, " image"]
) -> float:
    """Compute the mean precision at the positives; no two scores are equal."""
    hits = positive[np.argsort(-scores)]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def counted(
    what: str,
    expected: Float[np.ndarray, "direction concept"],
    found: BasisConcepts,
    doubtful: Bool[np.ndarray, "direction concept"],
    threshold: float,
) -> list[Control]:
    """Return unique concepts and polysemanticity, found and from the expected precisions."""
    unique, encoding, polysemanticity = plain_counts(expected >= threshold)
    concepts_in_doubt, pairs_in_doubt = float(doubtful.any(axis=0).sum()), doubtful.sum()
    return controls(
        what,
        (
            f": unique concepts at an average precision of {threshold:g}",
            *(unique, found.unique.value, concepts_in_doubt),
        ),
        (
            ": polysemanticity",
            *(polysemanticity, found.polysemanticity.value, pairs_in_doubt / max(encoding, 1)),
        ),
    )


def plain_counts(encodes: Bool[np.ndarray, "direction concept"]) -> tuple[int, int, float]:
    """Count unique concepts, encoding directions and concepts per such direction, with loops."""
    unique = {c for row in encodes for c in np.flatnonzero(row).tolist()}
    each = [len(np.flatnonzero(row)) for row in encodes if row.any()]
    return len(unique), len(each), sum(each) / len(each) if each else 0.0


def tied(settings: ConceptScoring) -> Control:
    """Measure a score of two values: of 400 images 3/4 of the 200 positives have the higher.

    So have 1/4 of the negatives. The positives at the higher value have the precision 3/4, and the
    others that of all images, 1/2: the average precision is `3/4 · 3/4 + 1/4 · 1/2`.
    """
    image = np.arange(400)
    positive = image < 200
    scores = np.where(positive, image % 4 > 0, image % 4 == 0).astype(np.float64)
    found = probed(scores[:, None], np.ones((1, 1)), positive[:, None], settings)
    what = "A score of two values, many of them tied: average precision in closed form"
    rounding = len(image) * np.finfo(np.float64).eps
    return Control(what, 11 / 16, float(found.precisions[0, 0]), float(rounding))
