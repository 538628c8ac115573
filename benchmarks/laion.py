"""What a study of LAION's size would take: the last lines of growth.md.

Bytes follow from the formats, times from measured ones by the formulas of docs/growth.md.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.synthetic import Size, draw_labels
from benchmarks.tables import Row, allocated
from interpreting_clip.measures.concepts import concept_targets

LABELS_PER_IMAGE = 15
SEED = 0


class Scale(NamedTuple):
    """How large a study is."""

    images: int
    features: int
    concepts: int
    encoders: int
    classes: int


LAION = Scale(images=400_000_000, features=1_280, concepts=10_000, encoders=100, classes=1_000)


def sorting_bytes(scale: Scale) -> float:
    """Return the bytes per label that sorting the labels by image allocates at its peak."""
    size = Size(scale.images, scale.features, scale.concepts, labels_per_image=LABELS_PER_IMAGE)
    labels = draw_labels(size, SEED)
    chosen = labels, np.arange(scale.concepts), scale.images
    peak = allocated(lambda: concept_targets(*chosen, "all", SEED))
    return peak * 2**20 / len(labels.image)


def estimates(base: Scale, seconds: dict[str, float]) -> list[Row]:
    """Return the processor hours of a study of LAION's size, by the formulas of docs/growth.md."""
    features = LAION.features / base.features
    images = LAION.images / base.images
    ranked = images * np.log2(LAION.images) / np.log2(base.images)
    growths = {
        "extraction, but for forward passes": images * features,
        "kurtosis": images * features,
        "importance and pruning": images * products(LAION) / products(base),
        "concepts": ranked * features,
    }
    pairs = LAION.encoders * (LAION.encoders - 1) / (base.encoders * (base.encoders - 1))
    lines = [
        (f"at LAION's size, an encoder: {name}", seconds[name] / base.encoders * growth)
        for name, growth in growths.items()
    ]
    name = "comparison of all pairs"
    lines.append((f"at LAION's number of encoders: {name}", seconds[name] * pairs))
    return [
        Row(
            what,
            f"{spent / 3600:,.1f} processor hours"
            if spent > 360
            else f"{spent:,.0f} processor seconds",
        )
        for what, spent in lines
    ]


def products(scale: Scale) -> int:
    """Count the multiplications per image of importance and pruning."""
    directions = min(scale.classes, scale.features)
    return directions * (2 * scale.features + scale.classes)


def amounts(sorting: float) -> list[Row]:
    """Return the bytes of a study of LAION's size."""
    labels = LAION.images * LABELS_PER_IMAGE
    sizes = {
        "activations of an encoder": LAION.images * LAION.features * 4,
        "scores and order of a direction, in each thread": LAION.images * 16,
        "labels, as pairs": labels * 16,
        "labels, sorted by image": labels * 2 + LAION.images * 16,
        f"labels, while they are sorted, at {sorting:.0f} bytes each": labels * sorting,
    }
    return [
        Row(f"at LAION's size: {what}", f"{count / 1e9:,.0f} GB") for what, count in sizes.items()
    ]
