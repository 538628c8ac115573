"""Labelled and captioned images in tar shards, in the webdataset layout.

Image number 7 is `00000007.png` (or .jpg, .webp, …, as its content is) with `00000007.cls` (its
class index) and, in a captioned set, `00000007.txt`; the shards of a folder are `shard-00000.tar`,
`shard-00001.tar`, …
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, starmap
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from interpreting_clip.datasets.card import DatasetCard, read_card
from interpreting_clip.datasets.images import EXTENSIONS, decode_image, image_extension
from interpreting_clip.datasets.tar import ArchiveReader, open_archives, write_shards

StoredImage = tuple[bytes, int | None, str | None]
"""The file of an image, its class index and its caption, or None if it has none."""

Decode = Callable[[bytes, str], UInt8[np.ndarray, "height width 3"]]
"""Returns the pixels of an image file, like `decode_image`, given its content and its name."""


@dataclass(frozen=True)
class ShardedDataset:
    """An open dataset: where each image is, its class (−1: none), the captions if it has any.

    Several threads may read images at once. It is valid inside `open_shards` only.
    """

    directory: Path
    card: DatasetCard
    classes: Int64[np.ndarray, " image"]
    captions: list[str] | None
    archives: list[ArchiveReader]
    places: Int64[np.ndarray, "image 3"]
    """Each image's archive, and its offset and size in it, in bytes."""
    decode: Decode

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.places)

    def stored(self, image: int) -> bytes:
        """Return the file of an image as it was fetched."""
        archive, offset, size = self.places[image].tolist()
        return self.archives[archive].read(offset, size)

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return the pixels of an image, without the card's `border`."""
        pixels = self.decode(self.stored(image), f"{self.directory}: image {image:08d}")
        border, (height, width, _) = self.card.border, pixels.shape
        return pixels[border : height - border, border : width - border]

    def load(self) -> UInt8[np.ndarray, "image height width 3"]:
        """Return the pixels of all images, which have the same size."""
        images = np.empty((len(self), *self[0].shape), np.uint8)
        for row in range(len(self)):
            images[row] = self[row]
        return images


@contextmanager
def open_shards(directory: Path, decode: Decode = decode_image) -> Iterator[ShardedDataset]:
    """Open a dataset folder; images stay on disk.

    `loading.decoding.decode_fast` decodes photographs faster, and needs torch.
    """
    card = read_card(directory)
    with open_archives(directory, card.shards) as archives:
        yield _index(directory, card, archives, decode)


def _index(
    directory: Path, card: DatasetCard, archives: list[ArchiveReader], decode: Decode
) -> ShardedDataset:
    places, classes, captions = array("q"), array("q"), []
    for number, archive in enumerate(archives):
        for _, members in groupby(archive.members(), lambda file: file.name.partition(".")[0]):
            parts = {member.name.partition(".")[2]: member for member in members}
            labels = {
                kind: archive.read(parts[kind].offset, parts[kind].size).decode()
                for kind in ("cls", "txt")
                if kind in parts
            }
            image = next(member for kind, member in parts.items() if kind not in labels)
            places.extend((number, image.offset, image.size))
            classes.append(int(labels.get("cls", -1)))
            if "txt" in labels:
                captions.append(labels["txt"])
    return ShardedDataset(
        directory,
        card,
        np.array(classes, np.int64),
        captions or None,
        archives,
        np.array(places, np.int64).reshape(-1, 3),
        decode,
    )


def write_images(
    images: Iterable[StoredImage], images_per_shard: int, directory: Path
) -> list[str]:
    """Write images as they are, with classes and captions, into shards; return their names."""
    return write_shards(starmap(_image_files, enumerate(images)), images_per_shard, directory)


def _image_files(number: int, image: StoredImage) -> list[tuple[str, bytes]]:
    data, class_, caption = image
    extension = image_extension(data)
    if extension is None:
        raise ValueError(f"image {number}: expected one of {', '.join(EXTENSIONS)}")
    files = {extension: data}
    if class_ is not None:
        files["cls"] = b"%d" % class_
    if caption is not None:
        files["txt"] = caption.encode()
    return [(f"{number:08d}.{kind}", files[kind]) for kind in sorted(files)]
