"""Writes images and their segmentation in the layout of Broden1."""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from interpreting_clip.datasets.broden.labels import LabelMap, label_shares, to_channels
from interpreting_clip.datasets.broden.reader import CATEGORIES, INDEX, Concept, File
from interpreting_clip.datasets.images import encode_png

Row = dict[str, str | int]


class Segmented(NamedTuple):
    """An image with its label maps (several per category) and its image-wise numbers.

    `file` is the image's name and content; without it the image is stored as PNG and called by its
    position.
    """

    image: UInt8[np.ndarray, "height width 3"]
    maps: Mapping[str, Sequence[LabelMap]]
    numbers: Mapping[str, Sequence[int]]
    file: File | None = None


def broden_files(
    images: Iterable[Segmented], concepts: Sequence[Concept], source: str
) -> Iterator[list[File]]:
    """Yield the files of each image, below `images/<source>/`, and the tables at the end.

    Unlike in Broden1, the caller numbers the concepts (there they are ranks by frequency), and
    label maps have the size of their image.
    """
    rows: list[Row] = []
    frequency, coverage = defaultdict[int, int](int), defaultdict[int, float](float)
    for position, (image, maps, numbers, file) in enumerate(images):
        name, data = file or (f"{position:08d}.png", encode_png(image))
        stem = f"{source}/{PurePosixPath(name).stem}"
        files = [(f"images/{source}/{name}", data)]
        cells = {category: ";".join(map(str, values)) for category, values in numbers.items()}
        shares = [dict.fromkeys(values, 1.0) for values in numbers.values()]
        for category, planes in maps.items():
            suffixes = [f"_{plane}" for plane in range(1, len(planes) + 1)]
            # NetDissect numbers the maps of a category only if there are several.
            paths = [f"{stem}_{category}{s}.png" for s in (suffixes if len(planes) > 1 else [""])]
            for path, plane in zip(paths, planes, strict=True):
                # Label maps are flat areas, which compress well even at the fastest level.
                files.append((f"images/{path}", encode_png(to_channels(plane), compress_level=1)))
            cells[category] = ";".join(paths)
            shares.append(label_shares(planes))
        for number, share in (item for category in shares for item in category.items()):
            frequency[number] += 1
            coverage[number] += share
        height, width, _ = image.shape
        # Nothing here reads the split; NetDissect's tables have it.
        split = "val" if position % 5 == 4 else "train"
        size = {"ih": height, "iw": width, "sh": height, "sw": width}
        every = {category: cells.get(category, "") for category in CATEGORIES}
        rows.append({"image": f"{source}/{name}", "split": split, **size, **every})
        yield files
    yield _tables(rows, concepts, frequency, coverage)


def digested(groups: Iterable[list[File]], digest: "hashlib._Hash") -> Iterator[list[File]]:
    """Yield groups of files, and add each file to a common digest."""
    for group in groups:
        for name, data in group:
            # Name and length come first, so that no other files give the same digest.
            digest.update(f"{name} {len(data)}\n".encode())
            digest.update(data)
        yield group


def _tables(
    rows: list[Row],
    concepts: Sequence[Concept],
    frequency: Mapping[int, int],
    coverage: Mapping[int, float],
) -> list[File]:
    def counts(number: int) -> Row:
        return {"frequency": frequency[number], "coverage": f"{coverage[number]:.6f}"}

    labels: list[Row] = [
        {"number": number, "name": name, "category": f"{category}({frequency[number]})"}
        | counts(number)
        # Synonyms, a column of Broden1's table, which drawn concepts do not have.
        | {"syns": ""}
        for number, name, category in concepts
    ]
    categories, code_tables = list[Row](), list[File]()
    for category in CATEGORIES:
        if not (members := [concept for concept in concepts if concept.category == category]):
            continue
        numbers = [concept.number for concept in members]
        categories.append(
            {
                "name": category,
                "first": min(numbers),
                "last": max(numbers),
                "count": len(numbers),
                "frequency": sum(frequency[number] for number in numbers),
            }
        )
        codes: list[Row] = [
            # A code counts from 1 within its category; label maps hold `number`.
            {"code": code, "number": number, "name": name} | counts(number)
            for code, (number, name, _) in enumerate(members, 1)
        ]
        code_tables.append(table_file(f"c_{category}.csv", codes))
    first = (INDEX, rows), ("label.csv", labels), ("category.csv", categories)
    return [*(table_file(name, table) for name, table in first), *code_tables]


def table_file(name: str, rows: Sequence[Mapping[str, str | int]]) -> File:
    """Return a table of Broden1, with the columns of its first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return name, text.getvalue().encode()
