"""What a study of LAION's size would take: the last lines of growth.md.

Bytes follow from the formats, times from measured ones by these formulas. N is the number of
images, F of features, C of classes, r = min(C, F) of directions, L of labels (pairs of an image and
a concept), K of concepts, T of threads, E of encoders, D of draws of balanced negatives (0 for
`all`), Z of draws of each null, n of images in a minibatch; b = 1,024 images are in double
precision at a time. Memory is without mapped files.

    forward passes         time E N · operations of the tower; memory a batch
    rest of an extraction  time E N F; memory a batch
    kurtosis, outliers     time E N F; memory 8 N bytes and a block
      an outlier's cost    time E N C, beside one E N F C; memory b (F + 3 C)
      bootstrap            time E N · resamples; memory 16 N bytes, at least 16 MiB
    importance             time E N F r; memory b (F + r)
    pruning                time E N (r (F + C) + fractions · C); memory b (F + r + 2 C) and C r
    logit variance         time E N F²; memory b F and F²
    concepts               time E ((r + F) (N log N + L (1 + D) (1 + Z))
                                + Z F (N (F + log N) + L (1 + D)));
                           memory 16 T N bytes, with nulls 24 T N; 16 L + 12 L (1 + D) bytes while
                           labels are sorted; 8 K (r + F) bytes of results, 256 MiB of scores
    comparison of pairs    time E² layers² · minibatches · n²; memory layers · n² of two encoders
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
    """Return the processor hours of a study of LAION's size, by these formulas."""
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
