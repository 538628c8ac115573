"""Whether a source is the set that its entry in params.yaml names, and all of it."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from interpreting_clip.datasets.imagenet import IMAGES, PublishedSet

SPLITS = {
    "imagenet_val": (IMAGES["imagenet"][0], "train", r"n\d{8}_\d+"),
    "imagenet_train": (IMAGES["imagenet"][1], "validation", r"ILSVRC2012_val_\d{8}"),
}
"""ImageNet's two sets: each set's number of images, the other set and its files' prefix."""


def split_images(key: str, classes: Mapping[str, int | None]) -> int:
    """Return the number of images in a set of ImageNet.

    Raises
    ------
    ValueError
        The images belong to the other set, by their names or by their number in a class.
    """
    images, other, name = SPLITS[key]
    if wrong := sum(bool(re.match(name, PurePosixPath(image).name)) for image in classes):
        raise ValueError(
            f"'{key}': {wrong:,} of {len(classes):,} images have names of ImageNet's {other} set: "
            "encoders would be measured on images that they learn from; check the path"
        )
    most = max(Counter(classes.values()).values(), default=0)
    if other == "train" and most > 50:
        raise ValueError(
            f"'{key}': expected 50 images of a class, got up to {most:,}: they are ImageNet's "
            "train set, or some are there twice; check the path"
        )
    return images


def require_complete(
    classes: Mapping[str, int | None], published: PublishedSet, *, partial: bool
) -> None:
    """Refuse a source without images, or with fewer than the published set has."""
    if not classes:
        raise ValueError(
            "expected images, found none; check the path and `kind`. Parquet files count in the "
            "folder itself, shards on disk for `kind: captions` and `own`; LMDB is not read"
        )
    if published.images and len(classes) > max(published.images):
        raise ValueError(
            f"expected {max(published.images):,} images, got {len(classes):,}: this is another "
            "set, or some are there twice; check the path and `kind`"
        )
    if partial or not (published.images or published.every_class):
        return
    missing = sorted(set(published.class_indices) - set(classes.values()))
    if missing:
        # The first name of each: a folder may be called by a WordNet id or an index.
        first = {class_: folder for folder, class_ in reversed(published.folders.items())}
        folders = [first[class_] for class_ in missing]
        raise ValueError(
            f"{len(missing)} of {len(published.class_indices)} classes have no image: "
            f"{', '.join(folders[:3])}{' …' if len(missing) > 3 else ''}; complete the set, or set "
            "`partial: true` in params.yaml"
        )
    if published.images and len(classes) not in published.images:
        expected = " or ".join(f"{images:,}" for images in published.images)
        raise ValueError(
            f"expected {expected} images, got {len(classes):,}; complete the set, or set "
            "`partial: true` in params.yaml"
        )
