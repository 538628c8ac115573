"""Reads Broden1's layout (Bau et al., CVPR 2017), extracted or in a tar of ours.

The tables are `index.csv` (one row per image), `label.csv` (one row per concept), `category.csv`
and `c_<category>.csv`; paths in the index are relative to `images/`. A concept of several
categories belongs to the one where it covers most, as in NetDissect's `loadseg.py`.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stages.datasets.archive import open_archive
from stages.datasets.broden_format import (
    CATEGORIES,
    CATEGORY_COLUMNS,
    CODE_COLUMNS,
    INDEX_COLUMNS,
    LABEL_COLUMNS,
    Concept,
)
from stages.datasets.card import read_card
from stages.datasets.images import decode_image
from stages.datasets.tar import iterate_members
from stages.storage.errors import InputError

Read = Callable[[str], bytes]


@dataclass(frozen=True)
class IndexRow:
    """One image: its path, its label maps' height and width, its labels per category.

    A label is a number that holds for the whole image, or the path of a label map.
    """

    image: str
    height: int
    width: int
    labels: dict[str, list[int | str]]


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
        read = _archive_reader(directory, stack) if packed else _folder_reader(directory)
        where = str(directory)
        concepts = _concepts(read, where)
        table = _table(read, where, "index.csv", INDEX_COLUMNS[:6])
        rows = [_index_row(row, f"{where}: index.csv") for row in table]
        if not rows:
            raise InputError(f"{where}: index.csv must have a row per image, it has none")
        yield Broden(where, rows, concepts, read)


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
    places: dict[str, memoryview] = {}
    for shard, sha256 in sorted(read_card(directory).shards.items()):
        path = directory / shard
        archive = stack.enter_context(open_archive(path, sha256))
        for name, offset, size in iterate_members(archive, str(path)):
            places[name] = stack.enter_context(archive[offset : offset + size])

    def read(name: str) -> bytes:
        if name not in places:
            raise _missing(directory, name)
        return bytes(places[name])

    return read


def _folder_reader(directory: Path) -> Read:
    def read(name: str) -> bytes:
        try:
            return (directory / name).read_bytes()
        except FileNotFoundError as error:
            raise _missing(directory, name) from error

    return read


def _missing(directory: Path, name: str) -> InputError:
    return InputError(f"{directory}: {name} expected in Broden1's layout, it is missing")


def _table(read: Read, where: str, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(read(name).decode(), newline=""))
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise InputError(f"{where}: {name} must have the columns {columns}, it lacks {absent}")
    return [{key: value or "" for key, value in row.items() if key} for row in reader]


def _concepts(read: Read, where: str) -> list[Concept]:
    coverage: dict[tuple[str, int], float] = {}
    for category in _table(read, where, "category.csv", CATEGORY_COLUMNS[:1]):
        name = f"c_{category['name']}.csv"
        for row in _table(read, where, name, CODE_COLUMNS):
            number = _number(row["number"], f"{where}: {name}")
            coverage[category["name"], number] = float(row["coverage"] or 0)
    rows = _table(read, where, "label.csv", LABEL_COLUMNS[:3])
    concepts = [_concept(row, coverage, f"{where}: label.csv") for row in rows]
    return sorted(concept for concept in concepts if concept.number)


def _concept(row: dict[str, str], coverage: dict[tuple[str, int], float], where: str) -> Concept:
    number = _number(row["number"], where)
    categories = [part.partition("(")[0] for part in row["category"].split(";")]
    return Concept(number, row["name"], max(categories, key=lambda c: coverage.get((c, number), 0)))


def _index_row(row: dict[str, str], where: str) -> IndexRow:
    labels = {name: _labels(row[name]) for name in CATEGORIES if row.get(name)}
    return IndexRow(row["image"], _number(row["sh"], where), _number(row["sw"], where), labels)


def _labels(cell: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in cell.split(";") if part]


def _number(cell: str, where: str) -> int:
    if not cell.isdigit():
        raise InputError(f"{where}: a whole number expected, got {cell!r}")
    return int(cell)
