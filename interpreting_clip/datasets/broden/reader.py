"""Reads Broden1 (Bau et al., CVPR 2017) from its folder or zip, or from our tar shards.

NetDissect's `joinseg.py` writes this layout.
`images/` holds the images and their label maps; `index.csv` has a row per image, with paths below
`images/`; `label.csv` has a row per concept; `category.csv` and `c_<category>.csv` count labels:
`frequency` in images, `coverage` in whole images' worth of pixels. A label map is half as wide as
its image, a pixel's label is R + 256·G, and 0 stands for no label.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec
from jaxtyping import UInt8
from numpy import ndarray

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.images import decode_image
from interpreting_clip.datasets.tar import ArchiveReader, open_archives
from interpreting_clip.downloads.archives import readable_archive
from interpreting_clip.errors import InputError
from interpreting_clip.quantities import Natural

INDEX = "index.csv"

CATEGORIES = ("color", "object", "part", "material", "scene", "texture")

File = tuple[str, bytes]
"""A path in the dataset and the file's bytes."""

Read = Callable[[str], bytes]
"""Returns the file at a path of the dataset."""

Row = TypeVar("Row", bound=msgspec.Struct)


class Concept(NamedTuple):
    """A row of `label.csv`: the number that label maps hold, a name and the main category."""

    number: int
    name: str
    category: str


class IndexRow(msgspec.Struct, frozen=True):
    """The fields read from a row of `index.csv`: an image, and one cell per category."""

    image: str
    color: str = ""
    object: str = ""
    part: str = ""
    material: str = ""
    scene: str = ""
    texture: str = ""

    def labels(self, category: str) -> list[int | str]:
        """Label numbers for the whole image, and paths of label maps."""
        cell = getattr(self, category)
        return [
            # A number is a label of the whole image, all else the path of a label map.
            int(part) if part.isdecimal() else part
            for part in cell.split(";")
            if part
        ]

    @property
    def files(self) -> list[str]:
        """The image and then its label maps, as paths in the dataset."""
        labels = [label for category in CATEGORIES for label in self.labels(category)]
        maps = [label for label in labels if isinstance(label, str)]
        return [f"images/{path}" for path in (self.image, *maps)]


class LabelRow(msgspec.Struct):
    """The fields read from a row of `label.csv`; a `category` reads `object(12);part(3)`."""

    number: Natural
    name: str
    category: str


class CategoryRow(msgspec.Struct):
    """The fields read from a row of `category.csv`."""

    name: str


class CodeRow(msgspec.Struct):
    """The fields read from a row of `c_<category>.csv`."""

    number: Natural
    coverage: float | Literal[""]


@dataclass(frozen=True)
class Broden:
    """An open probe set: rows in the order of `index.csv`, concepts by number, `read` by path.

    Indexing it gives an image, which is decoded on demand; several threads may do so at once.
    """

    where: str
    rows: list[IndexRow]
    concepts: list[Concept]
    read: Read

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.rows)

    def __getitem__(self, image: int, /) -> UInt8[ndarray, "height width 3"]:
        """Return the pixels of an image."""
        return self.pixels(self.rows[image].image)

    def pixels(self, path: str) -> UInt8[ndarray, "height width 3"]:
        """Return the pixels of an image or label map, by its path in the index."""
        return decode_image(self.read(f"images/{path}"), f"{self.where}: images/{path}")


@contextmanager
def open_broden(directory: Path) -> Iterator[Broden]:
    """Open a dataset folder of ours (shards and card) or an extracted Broden1."""
    where = str(directory)
    with ExitStack() as stack:
        packed = (directory / "card.json").exists()
        read = _shards_reader(directory, stack) if packed else files_reader(directory, where)
        yield read_broden(read, where)


def read_broden(read: Read, where: str) -> Broden:
    """Read the tables of a Broden1 whose files `read` returns; `where` names it in errors.

    A concept of several categories belongs to the category where it covers most, as in NetDissect's
    `loadseg.py`.
    """
    rows = read_table(read, where, INDEX, IndexRow)
    coverage = {
        # The column may be empty, which counts as covering nothing.
        (category, code.number): code.coverage or 0
        for category, name in code_tables(read, where).items()
        for code in read_table(read, where, name, CodeRow)
    }
    concepts = []
    for label in read_table(read, where, "label.csv", LabelRow):
        categories = [part.partition("(")[0] for part in label.category.split(";")]
        # Of equal categories the first: label.csv has them by descending frequency.
        main = max(categories, key=lambda name, label=label: coverage.get((name, label.number), 0))
        concepts.append(Concept(label.number, label.name, main))
    # In label maps 0 stands for no label. Broden1 has no row for it; if there is one, skip it.
    return Broden(where, rows, sorted(c for c in concepts if c.number), read)


def code_tables(read: Read, where: str) -> dict[str, str]:
    """Return the name of each category's table of codes."""
    rows = read_table(read, where, "category.csv", CategoryRow)
    return {row.name: f"c_{row.name}.csv" for row in rows}


def read_table(read: Read, where: str, name: str, kind: type[Row]) -> list[Row]:
    """Return the rows of a table as structs, whose fields are the required columns."""
    try:
        # With newline="" the csv module itself handles line ends inside quoted cells.
        table = csv.DictReader(io.StringIO(read(name).decode(), newline=""), restval="")
        # The surplus of a long row is under the key None.
        rows = [{key: value for key, value in row.items() if key} for row in table]
        return msgspec.convert(rows, list[kind], strict=False)
    except (UnicodeDecodeError, csv.Error, msgspec.ValidationError) as error:
        raise InputError(
            f"{where}: {name} must be a table in UTF-8 with the columns of Broden1, rows counted "
            f"from 0: {error}; replace it"
        ) from error


def files_reader(root: Path | zipfile.Path, where: str) -> Read:
    """Return a function that reads the files of a Broden1, in its folder or in its zip."""

    def read(name: str) -> bytes:
        file = root / name
        if not file.is_file():
            raise missing(where, name)
        with readable_archive(f"{where}: {name}"), file.open("rb") as content:
            return content.read()

    return read


def _shards_reader(directory: Path, stack: ExitStack) -> Read:
    # Label maps are read in any order, so note where each lies instead of reading in sequence.
    places: dict[str, tuple[ArchiveReader, int, int]] = {}
    for archive in stack.enter_context(open_archives(directory, read_card(directory).shards)):
        for name, offset, size in archive.members():
            places[name] = (archive, offset, size)

    def read(name: str) -> bytes:
        if name not in places:
            raise missing(directory, name)
        archive, offset, size = places[name]
        return archive.read(offset, size)

    return read


def missing(where: object, name: str) -> InputError:
    """Return the error that a Broden1 lacks a file."""
    return InputError(f"{where}: {name} expected in Broden1's layout, but missing; get it again")
