"""Which concepts each image of a probe set shows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from stages.datasets.broden.reader import Broden, open_broden
from stages.datasets.broden.tables import Concept, IndexRow
from stages.runtime.errors import InputError

_LABELS = 1 << 16
"""A label map holds R + 256·G, so a label is below this."""


@dataclass(frozen=True)
class Presence:
    """Pairs (image, concept) that hold, sorted by concept, then image.

    `image` counts rows of `index.csv`, `images` in all, and `concept` entries of `concepts`.
    """

    image: Int64[np.ndarray, " pair"]
    concept: Int64[np.ndarray, " pair"]
    concepts: list[Concept]
    images: int


def read_presence(directory: Path, presence: float) -> Presence:
    """`concept_presence` of the probe set in a folder: our tar or an extracted Broden1.

    Raises
    ------
    InputError
        As `concept_presence`; the folder holds no whole probe set.
    """
    with open_broden(directory) as broden:
        return concept_presence(broden, presence)


def probed(presence: Presence) -> tuple[Presence, list[Concept]]:
    """Keep the concepts that can be probed: some of the images show them and some do not.

    Broden labels every pixel that covers anything, so a few of its concepts cover too little of any
    image, and a subset of the images lacks more. Their average precision is undefined.

    Returns
    -------
    the pairs of the concepts that are kept, and the concepts that are left out

    Raises
    ------
    InputError
        No concept is left.
    """
    counts = np.bincount(presence.concept, minlength=len(presence.concepts))
    kept = (counts > 0) & (counts < presence.images)
    if not kept.any():
        raise InputError(
            f"broden: of {len(kept)} concepts none is on some of the {presence.images} images "
            "and not on all; lower `presence.pixels` or take more images"
        )
    places, pairs = np.cumsum(kept) - 1, kept[presence.concept]
    named = list(zip(presence.concepts, kept.tolist(), strict=True))
    return (
        Presence(
            presence.image[pairs],
            places[presence.concept[pairs]],
            [concept for concept, keep in named if keep],
            presence.images,
        ),
        [concept for concept, keep in named if not keep],
    )


def concept_presence(broden: Broden, presence: float) -> Presence:
    """The concepts of each image: those on at least a fraction `presence` of its label map.

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
    positions = np.full(_LABELS, -1, np.int64)
    positions[[concept.number for concept in broden.concepts]] = np.arange(len(broden.concepts))
    images, concepts = [], []
    for image, row in enumerate(broden.rows):
        covered = _covered(broden, row, positions)
        present = np.flatnonzero((covered > 0) & (covered >= presence))
        images.append(np.full(len(present), image))
        concepts.append(present)
    image, concept = np.concatenate(images), np.concatenate(concepts)
    order = np.lexsort((image, concept))
    return Presence(image[order], concept[order], broden.concepts, len(broden.rows))


def _covered(
    broden: Broden, row: IndexRow, positions: Int64[np.ndarray, " label"]
) -> Float64[np.ndarray, " concept"]:
    """The fraction of the image that each concept covers."""
    covered = np.zeros(len(broden.concepts))
    for labels in row.labels.values():
        maps = [_label_map(broden, row, label) for label in labels]
        pixels = np.bincount(_distinct(maps).ravel(), minlength=1)
        pixels[0] = 0
        numbers = np.flatnonzero(pixels)
        known = positions[numbers]
        if (known < 0).any():
            raise InputError(
                f"{broden.where}: label.csv has no label {numbers[known < 0][0]}, which "
                f"{labels} of images/{row.image} show"
            )
        covered[known] = np.maximum(covered[known], pixels[numbers] / (row.height * row.width))
    return covered


def _label_map(
    broden: Broden, row: IndexRow, label: int | str
) -> Int64[np.ndarray, "height width"]:
    if isinstance(label, int):
        return np.full((row.height, row.width), min(label, _LABELS - 1))
    channels = broden.image(label)
    if channels.shape[:2] != (row.height, row.width):
        raise InputError(
            f"{broden.where}: images/{label} has {channels.shape[:2]} pixels, index.csv says "
            f"{(row.height, row.width)}"
        )
    return channels[:, :, 0] + np.int64(256) * channels[:, :, 1]


def _distinct(maps: list[np.ndarray]) -> Int64[np.ndarray, "map height width"]:
    """The maps, with a label that an earlier map has at the same pixel replaced by 0."""
    stack = np.stack(maps)
    for later in range(1, len(stack)):
        stack[later][(stack[:later] == stack[later]).any(axis=0)] = 0
    return stack
