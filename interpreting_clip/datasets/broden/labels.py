"""Label maps, and the concepts that each image of Broden shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from interpreting_clip.datasets.broden.reader import CATEGORIES, Broden, IndexRow
from interpreting_clip.formats.json import read_json
from interpreting_clip.quantities import Described, Fraction, StrictStruct

LabelMap = Int64[np.ndarray, "height width"]
"""The number of the concept at each pixel, 0 for none."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """A segmented concept is present in an image if it covers at least the share `pixels` of it."""

    pixels: Annotated[
        Fraction,
        Described(
            "the smallest share of an image's pixels that a concept covers where it is present; at "
            "0 one pixel is enough",
            "share",
            paper="not given",
        ),
    ]


def to_channels(labels: LabelMap) -> UInt8[np.ndarray, "height width 3"]:
    """Return a label map as the image that is stored."""
    # NetDissect's encoding: R + 256 · G, and B is not used.
    return np.stack([labels % 256, labels // 256, np.zeros_like(labels)], axis=2).astype(np.uint8)


def from_channels(channels: UInt8[np.ndarray, "height width 3"]) -> LabelMap:
    """Return the label map that an image stores."""
    # In int64, since 256 times a byte does not fit into a byte.
    return channels[:, :, 0] + np.int64(256) * channels[:, :, 1]


def label_shares(maps: Sequence[LabelMap]) -> dict[int, float]:
    """Return the share of the pixels that each label covers.

    A pixel counts once for a label, however many maps show the label there.
    """
    stack = np.sort([labels.ravel() for labels in maps], axis=0)
    # Sorted, the equal labels of a pixel are neighbours: keep the first, and make the others 0,
    # which stands for no label.
    stack[1:][stack[1:] == stack[:-1]] = 0
    pixels = np.bincount(stack.ravel())
    numbers = np.flatnonzero(pixels).tolist()
    return {number: float(pixels[number] / stack.shape[1]) for number in numbers if number}


def concept_presence(broden: Broden, presence: float) -> Bool[np.ndarray, "image concept"]:
    """Return which concepts cover at least a fraction `presence` of each image's label maps.

    Several maps of one category are combined, and a pixel counts once per label. A number for the
    whole image (scene, texture) covers all of it. If several categories show a concept, the
    category where it covers most counts. At 0 a single pixel is enough.
    """
    columns = {concept.number: column for column, concept in enumerate(broden.concepts)}
    shown = np.zeros((len(broden.rows), len(columns)), bool)
    for image, row in enumerate(broden.rows):
        for category in CATEGORIES:
            for number, share in _label_shares(broden, row, category).items():
                # The paper does not say how large a concept has to be to count as present, so the
                # threshold is our parameter.
                shown[image, columns[number]] |= share >= presence
    return shown


def can_be_probed(shown: Bool[np.ndarray, "image concept"]) -> Bool[np.ndarray, " concept"]:
    """Return the concepts that some of the images show and some do not.

    Broden labels every pixel, so a few concepts cover too little of any image, and a subset of the
    images lacks more. The average precision of such concepts is undefined.
    """
    images = shown.sum(axis=0)
    return (images > 0) & (images < len(shown))


def read_concepts(folder: Path, minimum: int = 1) -> list[dict[str, Any]]:
    """Return number, name and category of each concept on enough images.

    Parameters
    ----------
    folder : that stage `broden_labels` wrote, with every concept that can be probed
    minimum : how many images are enough
    """
    every = read_json(folder / "concepts.json")
    kept = [concept for concept in every if concept["images"] >= minimum]
    return [{name: concept[name] for name in ("number", "name", "category")} for concept in kept]


def _label_shares(broden: Broden, row: IndexRow, category: str) -> dict[int, float]:
    labels = row.labels(category)
    shares = dict.fromkeys((label for label in labels if isinstance(label, int) and label), 1.0)
    maps = [from_channels(broden.pixels(path)) for path in labels if isinstance(path, str)]
    # On the right, so that a number for the whole image wins over the same label in a map.
    return (label_shares(maps) if maps else {}) | shares
