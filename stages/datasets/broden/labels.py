"""Which concepts each image of a probe set shows."""

import numpy as np
from jaxtyping import Bool

from stages.datasets.broden.layout import (
    CATEGORIES,
    IndexRow,
    LabelMap,
    from_channels,
    label_shares,
)
from stages.datasets.broden.reader import Broden
from stages.runtime.errors import InputError


def concept_presence(broden: Broden, presence: float) -> Bool[np.ndarray, "image concept"]:
    """Return which concepts cover at least a fraction `presence` of each image's label maps.

    Several maps of one category are taken together, a pixel counting once per label. A number that
    holds for the whole image (scene, texture) covers all of it. A concept that several categories
    show counts where it covers most. At 0 a single pixel is enough. The paper does not say from
    which size on it counts a concept as present, so the threshold is our parameter.

    Raises
    ------
    InputError
        A map is missing, broken or of another size than the index says, or a label is not in
        `label.csv`.
    """
    columns = {concept.number: column for column, concept in enumerate(broden.concepts)}
    shown = np.zeros((len(broden.rows), len(columns)), bool)
    for image, row in enumerate(broden.rows):
        for category in CATEGORIES:
            for number, share in _label_shares(broden, row, category).items():
                if number not in columns:
                    raise InputError(
                        f"{broden.where}: label.csv has no label {number}, which "
                        f"{row.labels(category)} of images/{row.image} show"
                    )
                shown[image, columns[number]] |= share >= presence
    return shown


def can_be_probed(
    shown: Bool[np.ndarray, "image concept"],
) -> Bool[np.ndarray, " concept"]:
    """Return the concepts that some of the images show and some do not.

    Broden labels every pixel that covers anything, so a few of its concepts cover too little of any
    image, and a subset of the images lacks more. Their average precision is undefined.

    Raises
    ------
    InputError
        There is no such concept.
    """
    images = shown.sum(axis=0)
    kept = (images > 0) & (images < len(shown))
    if not kept.any():
        raise InputError(
            f"broden: of {len(kept)} concepts none is on some of the {len(shown)} images "
            "and not on all; lower `presence.pixels` or take more images"
        )
    return kept


def _label_shares(broden: Broden, row: IndexRow, category: str) -> dict[int, float]:
    labels = row.labels(category)
    shares = dict.fromkeys((label for label in labels if isinstance(label, int) and label), 1.0)
    maps = [_label_map(broden, row, path) for path in labels if isinstance(path, str)]
    return (label_shares(maps) if maps else {}) | shares


def _label_map(broden: Broden, row: IndexRow, path: str) -> LabelMap:
    channels = broden.pixels(path)
    if channels.shape[:2] != (row.sh, row.sw):
        raise InputError(
            f"{broden.where}: images/{path} has {channels.shape[:2]} pixels, index.csv says "
            f"{(row.sh, row.sw)}"
        )
    return from_channels(channels)
