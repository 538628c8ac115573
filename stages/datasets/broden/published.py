"""Broden1 as it is published (Bau et al., CVPR 2017), brought into tar shards of its own bytes.

Looked up in NetDissect: `joinseg.py`, which made the set, and `dlbroden.sh`, which names its zip
files: `broden1_224.zip` holds the folder `broden1_224`, and so on for 227 and 384 pixels. Label
maps are half as wide as images, and `label.csv` has no row for 0, which stands for no label.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stages.config.datasets import Broden as BrodenEntry
from stages.config.datasets import Shards
from stages.config.machine import Machine
from stages.datasets.broden.reader import Broden, read_broden
from stages.datasets.broden.source import Source, open_source
from stages.datasets.broden.tables import IndexRow, code_tables, missing
from stages.datasets.card import DatasetCard, write_card
from stages.datasets.images import decode_image
from stages.datasets.tar import ArchiveWriter
from stages.files.folders import complete_directory
from stages.runtime.errors import InputError

File = tuple[str, bytes]
"""A path in the dataset and what stands there."""


class BrodenShards:
    """Writes the files of image after image into shards of `images_per_shard` images."""

    def __init__(self, directory: Path, images_per_shard: int) -> None:
        self._directory, self._images_per_shard = directory, images_per_shard
        self._shard: ArchiveWriter | None = None
        self.images = 0
        self.shards: dict[str, str] = {}

    def __enter__(self) -> "BrodenShards":
        """Open for `add_tables` and `add_image`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close the last shard; `shards` then holds the SHA-256 of each."""
        self._close(whole=kind is None)

    def add_tables(self, files: Iterable[File]) -> None:
        """Append the tables, before any image."""
        self._append(files)

    def add_image(self, files: Iterable[File]) -> None:
        """Append an image and its label maps."""
        if self.images and self.images % self._images_per_shard == 0:
            self._close(whole=True)
        self._append(files)
        self.images += 1

    def _append(self, files: Iterable[File]) -> None:
        shard = self._shard or ArchiveWriter(self._directory / self._name())
        self._shard = shard
        for name, data in files:
            shard.add(name, data)

    def _name(self) -> str:
        return f"shard-{len(self.shards):05d}.tar"

    def _close(self, *, whole: bool) -> None:
        if self._shard is not None:
            self._shard.close(whole=whole)
            self.shards[self._name()] = self._shard.sha256
            self._shard = None


IMAGES, CONCEPTS = 63305, 1197
"""What Broden1 has, in each size that it is published in."""

LICENCE = "as ADE20K, DTD, OpenSurfaces and PASCAL, of which Broden1 is made"

_AHEAD = 64
"""How many images are read at a time, with their label maps: a few megabytes."""


def write_real_broden(
    key: str, entry: BrodenEntry, shards: Shards, directory: Path, machine: Machine
) -> None:
    """Write Broden1's files as they are to `directory`, whole or not at all.

    Only what `index.csv` names is taken, and every image and map is decoded once. A `limit` takes
    the images whose paths have the smallest SHA-256: Broden has no classes to balance. Then
    `index.csv` has their rows alone, and all other tables are those of the whole set.

    Raises
    ------
    InputError
        The source is not there or is not all of Broden1 (unless it is said to be `partial`), a
        file that the index names is missing or broken, or the disk is full.
    """
    with open_source(entry, machine) as source:
        broden = read_broden(source.read, source.where)
        if not entry.partial:
            _check_counts(broden)
        rows = chosen(broden.rows, entry.limit)
        if lacking := [name for row in rows for name in row.files if not source.has(name)]:
            raise missing(source.where, lacking)
        with complete_directory(directory) as partial:
            digest = hashlib.sha256()
            with BrodenShards(partial, shards.images_per_shard) as writer:
                writer.add_tables(_hashed(_tables(source, rows, len(broden.rows)), digest))
                for files in _images(source, rows, machine.workers):
                    writer.add_image(_hashed(files, digest))
            origin = source.origin or {str(entry.folder): digest.hexdigest()}
            write_card(_card(key, entry, writer, origin), partial)


def chosen(rows: Sequence[IndexRow], limit: int | None) -> list[IndexRow]:
    """Return `limit` rows, or all there are, in the index's order: a fixed subset of any set."""
    if limit is None:
        return list(rows)
    ordered = sorted(rows, key=lambda row: hashlib.sha256(row.image.encode()).digest())
    kept = {row.image for row in ordered[:limit]}
    return [row for row in rows if row.image in kept]


def _check_counts(broden: Broden) -> None:
    found = len(broden.rows), len(broden.concepts)
    if found != (IMAGES, CONCEPTS):
        raise InputError(
            f"{broden.where}: Broden1 has {IMAGES:,} images in index.csv and {CONCEPTS:,} concepts "
            f"in label.csv, this has {found[0]:,} and {found[1]:,}; get it again, or say `partial: "
            "true` in params.yaml to measure on a part of it"
        )


def _tables(source: Source, rows: Sequence[IndexRow], whole: int) -> Iterator[File]:
    index = source.read("index.csv")
    yield "index.csv", index if len(rows) == whole else _shortened(index, rows)
    for name in ("label.csv", "category.csv", *code_tables(source.read, source.where).values()):
        yield name, source.read(name)


def _shortened(index: bytes, rows: Sequence[IndexRow]) -> bytes:
    kept, text = {row.image for row in rows}, io.StringIO()
    reader = csv.DictReader(io.StringIO(index.decode(), newline=""))
    writer = csv.DictWriter(text, reader.fieldnames or [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in reader if row["image"] in kept)
    return text.getvalue().encode()


def _images(source: Source, rows: Sequence[IndexRow], workers: int) -> Iterator[list[File]]:
    """The files of each image, read and decoded on several threads, in the index's order."""

    def files(row: IndexRow) -> list[File]:
        found = [(name, source.read(name)) for name in row.files]
        for name, data in found:
            decode_image(data, f"{source.where}: {name}")
        return found

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(rows), _AHEAD):
            yield from pool.map(files, rows[start : start + _AHEAD])


def _hashed(files: Sequence[File] | Iterator[File], digest: "hashlib._Hash") -> Iterator[File]:
    """The files as they come, each added to the digest of all."""
    for name, data in files:
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
        yield name, data


def _card(
    key: str, entry: BrodenEntry, writer: BrodenShards, origin: dict[str, str]
) -> DatasetCard:
    return DatasetCard(
        dataset=key,
        images=writer.images,
        classes=[],
        class_indices=[],
        source=entry.source,
        licence=LICENCE,
        shards=writer.shards,
        partial=entry.partial,
        origin=origin,
    )
