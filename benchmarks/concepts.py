"""Average precision at Broden's size against scikit-learn's: the table of concepts.md.

Every feature of an encoder is scored for every concept, on drawn labels that are as sparse and as
skewed as Broden's. scikit-learn's function is called for a sample of the pairs, in the same run and
on the same scores, and its time is scaled to all pairs.
"""

import time
from typing import NamedTuple, get_args

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.tables import Row, write_table
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.statistics.average_precision import average_precisions
from interpreting_clip.statistics.concept_labels import (
    ConceptLabels,
    Negatives,
    concept_examples,
)


class Size(NamedTuple):
    """The amount of data."""

    images: int
    features: int
    concepts: int


BRODEN = Size(images=63_305, features=1_024, concepts=1_197)
SAMPLE, SEED = 200, 0
LABELS_PER_IMAGE, MOST = 15, 0.6
"""Broden's concepts per image, and the largest share of the images that show one concept."""


def main() -> None:
    """Measure, print and write the table."""
    size = BRODEN
    scores = np.random.default_rng(SEED).standard_normal(size[:2], dtype=np.float32)
    labels = draw_labels(size)
    rows = [row for kind in get_args(Negatives) for row in compared(scores, labels, kind, SAMPLE)]
    title = f"{size.features:,} features, {size.concepts:,} concepts, {size.images:,} images"
    write_table("concepts", title, rows)


def draw_labels(size: Size) -> ConceptLabels:
    """Draw sparse labels: the k-th most frequent concept is on a share of images proportional to 1
    / k.

    Broden is as skewed: walls and sky are on most scenes, most concepts on a few images.
    """
    generator = np.random.default_rng(SEED)
    shares = 1 / np.arange(1, size.concepts + 1)
    for _ in range(20):  # the part above the cap is spread over the others
        shares = np.minimum(shares * LABELS_PER_IMAGE / shares.sum(), MOST)
    counts = np.maximum(generator.binomial(size.images, shares), 1)
    images = [generator.choice(size.images, count, replace=False) for count in counts]
    return ConceptLabels(np.concatenate(images), np.repeat(np.arange(size.concepts), counts))


def compared(
    scores: np.ndarray, labels: ConceptLabels, negatives: Negatives, sample: int
) -> list[Row]:
    """Return the lines for one kind of negatives."""
    numbers, workers = np.unique(labels.concept), usable_processors()

    def ours(scores: np.ndarray) -> np.ndarray:
        examples = concept_examples(labels, numbers, len(scores), negatives, SEED)
        return average_precisions(scores, examples, workers=workers).drawn[0]

    start = time.perf_counter()
    precisions = ours(scores)
    seconds = time.perf_counter() - start

    examples = concept_examples(labels, numbers, len(scores), negatives, SEED)
    generator = np.random.default_rng(SEED + 1)
    spent, differences = 0.0, []
    for _ in range(sample):
        feature, concept = (int(generator.integers(count)) for count in precisions.shape)
        chosen, images = examples[concept], np.arange(len(scores))
        if chosen.negatives is not None:
            images = np.concatenate([chosen.positives, chosen.negatives])
        shown, column = np.isin(images, chosen.positives), scores[images, feature]
        start = time.perf_counter()
        expected = average_precision_score(shown, column)
        spent += time.perf_counter() - start
        differences.append(abs(precisions[feature, concept] - expected))
    loop = spent / sample * precisions.size
    return [
        Row(f"negatives {negatives}: scikit-learn over ours", f"{loop / seconds:,.0f}"),
        Row("… largest difference on the sample", f"{max(differences):.0e}", "under 1e-9"),
    ]


if __name__ == "__main__":
    main()
