"""Drawn data of the size and kind of the paper's, for the benchmarks."""

from typing import NamedTuple

import numpy as np

from interpreting_clip.measures.concepts import ConceptLabels
from interpreting_clip.measures.head import Head

RAREST, MOST = 1, 0.6
"""The fewest images that show a concept, and the largest share of them."""


class Size(NamedTuple):
    """The amount of data; Broden shows about 15 concepts per image."""

    images: int
    features: int
    concepts: int = 1
    classes: int = 1
    labels_per_image: float = 15.0


def draw_labels(size: Size, seed: int) -> ConceptLabels:
    """Draw sparse labels: the k-th most frequent concept is on a share of images proportional to 1
    / k.

    Broden is as skewed: walls and sky are on most scenes, most concepts on a few images.
    """
    generator = np.random.default_rng(seed)
    shares = 1 / np.arange(1, size.concepts + 1)
    for _ in range(20):  # what the cap cuts off is spread over the others
        shares = np.minimum(shares * size.labels_per_image / shares.sum(), MOST)
    counts = np.maximum(generator.binomial(size.images, shares), RAREST)
    images = [generator.choice(size.images, count, replace=False) for count in counts]
    return ConceptLabels(np.concatenate(images), np.repeat(np.arange(size.concepts), counts))


def draw_activations(size: Size, seed: int) -> np.ndarray:
    """Draw Gaussian float32 activations `[image feature]`."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((size.images, size.features), dtype=np.float32)


def draw_head(size: Size, seed: int) -> Head:
    """Draw a head like CLIP's: rows of length one, normalised features, no bias."""
    weight = draw_activations(Size(size.classes, size.features), seed)
    return Head(weight / np.linalg.norm(weight, axis=1, keepdims=True), None, True)


def draw_classified(size: Size, head: Head, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw activations around the rows of the head, so that about half are right, and classes."""
    classes = np.random.default_rng(seed).integers(size.classes, size=size.images)
    activations = draw_activations(size, seed)
    activations += 3 * head.weight[classes]
    return activations, classes
