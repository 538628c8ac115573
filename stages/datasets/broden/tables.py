"""The tables of Broden1 (Bau et al., CVPR 2017): its concepts, and what its index says of an image.

A concept of several categories belongs to the one where it covers most, as in NetDissect's
`loadseg.py`.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stages.runtime.errors import InputError

CATEGORIES = ("color", "object", "part", "material", "scene", "texture")
INDEX_COLUMNS = ("image", "split", "ih", "iw", "sh", "sw", *CATEGORIES)
LABEL_COLUMNS = ("number", "name", "category", "frequency", "coverage", "syns")
CATEGORY_COLUMNS = ("name", "first", "last", "count", "frequency")
CODE_COLUMNS = ("code", "number", "name", "frequency", "coverage")


class Concept(NamedTuple):
    """A row of `label.csv`: the number that label maps hold, a name and the main category."""

    number: int
    name: str
    category: str


Read = Callable[[str], bytes]
"""Returns the file at a path of the dataset."""


@dataclass(frozen=True)
class IndexRow:
    """One image: its path, its label maps' height and width, its labels per category.

    A label is a number that holds for the whole image, or the path of a label map.
    """

    image: str
    height: int
    width: int
    labels: dict[str, list[int | str]]

    @property
    def files(self) -> list[str]:
        """The image and then its label maps, as paths in the dataset."""
        labels = [label for several in self.labels.values() for label in several]
        maps = [label for label in labels if isinstance(label, str)]
        return [f"images/{path}" for path in (self.image, *maps)]


def missing(where: object, names: Sequence[str]) -> InputError:
    """Return the error that a Broden1 lacks files."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return InputError(
        f"{where}: {', '.join(names[:5])}{more} expected in Broden1's layout, but missing; get it "
        "again"
    )


def read_concepts(read: Read, where: str) -> list[Concept]:
    """Return the concepts of `label.csv` by number, each with its main category.

    Raises
    ------
    InputError
        A table is missing or malformed.
    """
    coverage: dict[tuple[str, int], float] = {}
    for category, name in code_tables(read, where).items():
        for row in _table(read, where, name, CODE_COLUMNS):
            number = _number(row["number"], f"{where}: {name}")
            coverage[category, number] = _decimal(row["coverage"], f"{where}: {name}")
    rows = _table(read, where, "label.csv", LABEL_COLUMNS[:3])
    concepts = [_concept(row, coverage, f"{where}: label.csv") for row in rows]
    return sorted(concept for concept in concepts if concept.number)


def read_index(read: Read, where: str) -> list[IndexRow]:
    """Return the rows of `index.csv` in its order.

    Raises
    ------
    InputError
        The table is missing, malformed or empty.
    """
    table = _table(read, where, "index.csv", INDEX_COLUMNS[:6])
    rows = [_index_row(row, f"{where}: index.csv") for row in table]
    if not rows:
        raise InputError(f"{where}: index.csv must have a row per image, it has none")
    return rows


def code_tables(read: Read, where: str) -> dict[str, str]:
    """Return the name of each category's table of codes.

    Raises
    ------
    InputError
        `category.csv` is missing or malformed.
    """
    rows = _table(read, where, "category.csv", CATEGORY_COLUMNS[:1])
    return {row["name"]: f"c_{row['name']}.csv" for row in rows}


def _table(read: Read, where: str, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(read(name).decode(), newline=""))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: {name} must be UTF-8 text: {error}; replace it") from error
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise InputError(f"{where}: {name} must have the columns {columns}, it lacks {absent}")
    return [{key: value or "" for key, value in row.items() if key} for row in reader]


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


def _decimal(cell: str, where: str) -> float:
    try:
        return float(cell or 0)
    except ValueError as error:
        raise InputError(f"{where}: a number expected, got {cell!r}") from error
