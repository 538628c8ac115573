"""The images of a dataset in their order, each with the SHA-256 of its file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from interpreting_clip.datasets.broden.reader import Broden, open_broden
from interpreting_clip.datasets.shards import ShardedDataset, open_shards
from interpreting_clip.formats.image_lists import ListedImage


def shard_images(images: ShardedDataset) -> Iterator[ListedImage]:
    """Yield the images of open shards; each has its number there as a name, and its class.

    Every file is read once: 6.7 GB of ImageNet's validation images.
    """
    for number, class_ in enumerate(images.classes.tolist()):
        digest = hashlib.sha256(images.stored(number)).hexdigest()
        yield ListedImage(digest, f"{number:08d}", None if class_ < 0 else class_)


def broden_images(broden: Broden) -> Iterator[ListedImage]:
    """Yield the images of an open Broden by their paths, in the order of `index.csv`."""
    for row in broden.rows:
        content = broden.read(f"images/{row.image}")
        yield ListedImage(hashlib.sha256(content).hexdigest(), row.image, None)


def listed_images(dataset: Path) -> list[ListedImage]:
    """Return the images of a dataset's folder, which is verified.

    Raises
    ------
    InputError
        The dataset is missing or damaged.
    """
    if dataset.name == "broden":
        with open_broden(dataset) as broden:
            return list(broden_images(broden))
    with open_shards(dataset) as images:
        return list(shard_images(images))
