"""Reads Broden1's layout (Bau et al., CVPR 2017), extracted or in a tar of ours.

The tables are `index.csv` (one row per image), `label.csv` (one row per concept), `category.csv`
and `c_<category>.csv`; paths in the index are relative to `images/`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stages.datasets.broden.tables import (
    Concept,
    IndexRow,
    Read,
    missing,
    read_concepts,
    read_index,
)
from stages.datasets.card import read_card
from stages.datasets.images import decode_image
from stages.datasets.tar import ArchiveReader, open_archive
from stages.runtime.errors import InputError


@dataclass(frozen=True)
class Broden:
    """An open probe set: rows in the order of `index.csv`, concepts by number, `read` by path."""

    where: str
    rows: list[IndexRow]
    concepts: list[Concept]
    read: Read

    def image(self, path: str) -> UInt8[np.ndarray, "height width 3"]:
        """The pixels of an image or label map, by its path in the index.

        Raises
        ------
        InputError
            It is missing or broken.
        """
        return decode_image(self.read(f"images/{path}"), f"{self.where}: images/{path}")


@contextmanager
def open_broden(directory: Path) -> Iterator[Broden]:
    """Open a dataset folder of ours (tar and card) or an extracted Broden1.

    Raises
    ------
    InputError
        A table is missing or malformed, or the archive is not the one its card describes.
    """
    with ExitStack() as stack:
        packed = (directory / "card.json").exists()
        read = _archive_reader(directory, stack) if packed else folder_reader(directory)
        yield read_broden(read, str(directory))


def read_broden(read: Read, where: str) -> Broden:
    """Read the tables of a Broden1 whose files `read` returns; `where` names it in errors.

    Raises
    ------
    InputError
        A table is missing or malformed.
    """
    return Broden(where, read_index(read, where), read_concepts(read, where), read)


@dataclass(frozen=True)
class BrodenPictures:
    """The images of an open probe set, in the order of `index.csv`, each decoded when asked for.

    Several threads may ask at once. It is valid as long as the probe set is open.
    """

    broden: Broden

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.broden.rows)

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return the pixels of an image.

        Raises
        ------
        InputError
            The image is missing or broken.
        """
        return self.broden.image(self.broden.rows[image].image)


def iterate_images(
    broden: Broden, batch: int
) -> Iterator[UInt8[np.ndarray, "image height width 3"]]:
    """The images in the order of `index.csv`, `batch` at a time.

    Raises
    ------
    InputError
        An image is missing, broken or of another size than the others of its batch.
    """
    for start in range(0, len(broden.rows), batch):
        paths = [row.image for row in broden.rows[start : start + batch]]
        images = [broden.image(path) for path in paths]
        for path, image in zip(paths, images, strict=True):
            if image.shape != images[0].shape:
                raise InputError(
                    f"{broden.where}: images/{path} has {image.shape[:2]} pixels where others "
                    f"have {images[0].shape[:2]}; all images of a probe set must have one size"
                )
        yield np.stack(images)


def read_broden_images(directory: Path) -> UInt8[np.ndarray, "image height width 3"]:
    """All images of a probe set in memory, in the order of `index.csv`.

    Raises
    ------
    InputError
        As `open_broden` and `iterate_images`.
    """
    with open_broden(directory) as broden:
        return next(iterate_images(broden, len(broden.rows)))


def _archive_reader(directory: Path, stack: ExitStack) -> Read:
    places: dict[str, tuple[ArchiveReader, int, int]] = {}
    for shard, sha256 in sorted(read_card(directory).shards.items()):
        archive = stack.enter_context(open_archive(directory / shard, sha256))
        for name, offset, size in archive.members():
            places[name] = (archive, offset, size)

    def read(name: str) -> bytes:
        if name not in places:
            raise missing(directory, [name])
        archive, offset, size = places[name]
        return archive.read(offset, size)

    return read


def folder_reader(directory: Path) -> Read:
    """Return what reads the files of an extracted Broden1."""

    def read(name: str) -> bytes:
        try:
            return (directory / name).read_bytes()
        except FileNotFoundError as error:
            raise missing(directory, [name]) from error

    return read
