"""The images of a dataset in their order, each with the SHA-256 of its file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.image_lists import ListedImage


def listed_images(dataset: Path) -> Iterator[ListedImage]:
    """Yield the images of a dataset's folder in their order, after verifying it.

    Every file is read once: 6.7 GB of ImageNet's validation images. Broden's images have their
    paths in `index.csv` as names, all others the numbers that they have in the shards.

    Raises
    ------
    InputError
        The dataset is missing or damaged.
    """
    if dataset.name == "broden":
        with open_broden(dataset) as broden:
            for row in broden.rows:
                yield ListedImage(sha256(broden.read(f"images/{row.image}")), row.image, None)
        return
    with open_shards(dataset) as images:
        for number, class_ in enumerate(images.classes.tolist()):
            name = f"{number:08d}"
            yield ListedImage(sha256(images.stored(number)), name, None if class_ < 0 else class_)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
