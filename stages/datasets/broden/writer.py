"""Writes images with segmentations in Broden1's own layout, into one deterministic tar.

`images/` holds the images and their label maps (label = R + 256·G), `index.csv` one row per image;
`label.csv`, `category.csv` and `c_<category>.csv` count labels: `frequency` in images, `coverage`
in whole images' worth of pixels. Unlike Broden, numbers are the caller's, not ranks by frequency.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from stages.datasets.broden.tables import (
    CATEGORIES,
    CATEGORY_COLUMNS,
    CODE_COLUMNS,
    INDEX_COLUMNS,
    LABEL_COLUMNS,
    Concept,
)
from stages.datasets.images import encode_png
from stages.datasets.tar import ArchiveWriter

LabelMap = Int64[np.ndarray, "height width"]

_VALIDATION_EVERY = 5


class BrodenWriter:
    """Takes images one by one; the tables follow when it is closed."""

    def __init__(self, path: Path, concepts: list[Concept], source: str) -> None:
        self._archive = ArchiveWriter(path)
        self._concepts, self._source = concepts, source
        self._rows: list[dict[str, str | int]] = []
        self._frequency: dict[int, int] = defaultdict(int)
        self._coverage: dict[int, float] = defaultdict(float)

    def __enter__(self) -> "BrodenWriter":
        """Open for `add`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Write the tables (unless something went wrong) and close."""
        try:
            if kind is None:
                self._write_tables()
        finally:
            self._archive.close(whole=kind is None)

    @property
    def sha256(self) -> str:
        """The archive's hash, once it is closed."""
        return self._archive.sha256

    def add(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        maps: Mapping[str, list[LabelMap]],
        numbers: Mapping[str, list[int]],
    ) -> None:
        """Append an image with label maps and image-wise numbers, lists per category."""
        position = len(self._rows)
        stem = f"{self._source}/{position:08d}"
        cells: dict[str, str | int] = dict.fromkeys(CATEGORIES, "")
        self._archive.add(f"images/{stem}.png", encode_png(image))
        for category, planes in maps.items():
            names = [f"{stem}_{category}{suffix}.png" for suffix in _suffixes(len(planes))]
            for name, plane in zip(names, planes, strict=True):
                self._archive.add(f"images/{name}", _encode_map(plane))
            cells[category] = ";".join(names)
            self._count(planes)
        for category, values in numbers.items():
            cells[category] = ";".join(map(str, values))
            self._count([np.array([[value]]) for value in values])
        height, width, _ = image.shape
        split = "val" if position % _VALIDATION_EVERY == _VALIDATION_EVERY - 1 else "train"
        size = {"ih": height, "iw": width, "sh": height, "sw": width}
        self._rows.append({"image": f"{stem}.png", "split": split, **size, **cells})

    def _count(self, planes: list[LabelMap]) -> None:
        """Count each label once per pixel, however many planes show it there."""
        covered: dict[int, np.ndarray] = {}
        for plane in planes:
            for number in np.flatnonzero(np.bincount(plane.ravel())).tolist():
                covered[number] = covered.get(number, False) | (plane == number)
        for number in covered.keys() - {0}:
            self._frequency[number] += 1
            self._coverage[number] += float(covered[number].mean())

    def _write_tables(self) -> None:
        self._table("index.csv", INDEX_COLUMNS, self._rows)
        self._table("label.csv", LABEL_COLUMNS, map(self._label_row, self._concepts))
        present = [name for name in CATEGORIES if self._of(name)]
        self._table("category.csv", CATEGORY_COLUMNS, map(self._category_row, present))
        for name in present:
            rows = (self._code_row(code, concept) for code, concept in enumerate(self._of(name), 1))
            self._table(f"c_{name}.csv", CODE_COLUMNS, rows)

    def _table(
        self, name: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, str | int]]
    ) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._archive.add(name, text.getvalue().encode())

    def _of(self, category: str) -> list[Concept]:
        return [concept for concept in self._concepts if concept.category == category]

    def _counts(self, concept: Concept) -> dict[str, str | int]:
        coverage = f"{self._coverage[concept.number]:.6f}"
        return {"frequency": self._frequency[concept.number], "coverage": coverage}

    def _label_row(self, concept: Concept) -> dict[str, str | int]:
        category = f"{concept.category}({self._frequency[concept.number]})"
        names = {"number": concept.number, "name": concept.name, "category": category}
        return {**names, **self._counts(concept), "syns": ""}

    def _category_row(self, category: str) -> dict[str, str | int]:
        numbers = [concept.number for concept in self._of(category)]
        return {
            "name": category,
            "first": min(numbers),
            "last": max(numbers),
            "count": len(numbers),
            "frequency": sum(self._frequency[number] for number in numbers),
        }

    def _code_row(self, code: int, concept: Concept) -> dict[str, str | int]:
        names = {"code": code, "number": concept.number, "name": concept.name}
        return {**names, **self._counts(concept)}


def _suffixes(count: int) -> list[str]:
    return [""] if count == 1 else [f"_{plane}" for plane in range(1, count + 1)]


def _encode_map(plane: LabelMap) -> bytes:
    channels = np.zeros((*plane.shape, 3), np.uint8)
    channels[:, :, 0], channels[:, :, 1] = plane % 256, plane // 256
    return encode_png(channels, compress_level=1)
