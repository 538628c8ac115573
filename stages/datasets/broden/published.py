"""Broden1 as it is published (Bau et al., CVPR 2017), brought into tar shards of its own bytes.

NetDissect's `dlbroden.sh` names its zip files: `broden1_224.zip` holds the folder `broden1_224`,
and so on for 227 and 384 pixels.
"""

import csv
import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from stages.config.datasets import Broden as BrodenEntry
from stages.config.datasets import Shards
from stages.config.machine import Machine
from stages.datasets.broden.layout import File, IndexRow, Read, missing
from stages.datasets.broden.reader import Broden, code_tables, folder_reader, read_broden
from stages.datasets.card import DatasetCard, write_card
from stages.datasets.images import decode_image
from stages.datasets.tar import write_shards
from stages.downloads.archives import LARGEST, too_large
from stages.downloads.http import download
from stages.files.folders import complete_directory
from stages.runtime.errors import InputError

IMAGES, CONCEPTS = 63305, 1197
"""What Broden1 has, in each size that it is published in."""

LICENCE = "as ADE20K, DTD, OpenSurfaces and PASCAL, of which Broden1 is made"

_AHEAD = 64
"""How many images are read at a time, with their label maps: a few megabytes."""

_ZIP_ERRORS = (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for a damaged member, or one in a form that it does not know."""


@dataclass(frozen=True)
class Source:
    """A Broden1 whose files `read` returns and `has` finds, by their paths in the dataset.

    `origin` says what identifies its content; empty where only the content itself does.
    """

    where: str
    read: Read
    has: Callable[[str], bool]
    origin: dict[str, str]


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
    with _open_source(entry, machine) as source:
        broden = read_broden(source.read, source.where)
        if not entry.partial:
            _require_whole(broden)
        rows = _choose(broden.rows, entry.limit)
        if lacking := [name for row in rows for name in row.files if not source.has(name)]:
            raise missing(source.where, lacking)
        with complete_directory(directory) as partial:
            digest = hashlib.sha256()
            files = _hashed(_groups(source, broden, rows, machine.workers), digest)
            written = write_shards(files, shards.images_per_shard, partial)
            card = DatasetCard(
                dataset=key,
                images=len(rows),
                classes=[],
                class_indices=[],
                source=entry.source,
                licence=LICENCE,
                shards=written,
                partial=entry.partial,
                origin=source.origin or {str(entry.folder): digest.hexdigest()},
            )
            write_card(card, partial)


def _require_whole(broden: Broden) -> None:
    found = len(broden.rows), len(broden.concepts)
    if found != (IMAGES, CONCEPTS):
        raise InputError(
            f"{broden.where}: Broden1 has {IMAGES:,} images in index.csv and {CONCEPTS:,} concepts "
            f"in label.csv, this has {found[0]:,} and {found[1]:,}; get it again, or say `partial: "
            "true` in params.yaml to measure on a part of it"
        )


def _choose(rows: list[IndexRow], limit: int | None) -> list[IndexRow]:
    """Return `limit` rows, or all there are, in the index's order: a fixed subset of any set."""
    if limit is None:
        return rows
    ordered = sorted(rows, key=lambda row: hashlib.sha256(row.image.encode()).digest())
    kept = {row.image for row in ordered[:limit]}
    return [row for row in rows if row.image in kept]


def _groups(
    source: Source, broden: Broden, rows: Sequence[IndexRow], workers: int
) -> Iterator[list[File]]:
    """The tables with the first image, then the files of each image, in the index's order.

    Several threads read and decode them.
    """

    def image(row: IndexRow) -> list[File]:
        found = [(name, source.read(name)) for name in row.files]
        for name, data in found:
            decode_image(data, f"{source.where}: {name}")
        return found

    names = ("label.csv", "category.csv", *code_tables(source.read, source.where).values())
    tables = [("index.csv", source.read("index.csv")), *((n, source.read(n)) for n in names)]
    if len(rows) < len(broden.rows):
        tables[0] = "index.csv", _shortened(tables[0][1], rows)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(rows), _AHEAD):
            for files in pool.map(image, rows[start : start + _AHEAD]):
                yield tables + files
                tables = []


def _shortened(index: bytes, rows: Sequence[IndexRow]) -> bytes:
    kept, text = {row.image for row in rows}, io.StringIO()
    reader = csv.DictReader(io.StringIO(index.decode(), newline=""))
    writer = csv.DictWriter(text, reader.fieldnames or [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in reader if row["image"] in kept)
    return text.getvalue().encode()


def _hashed(groups: Iterable[list[File]], digest: "hashlib._Hash") -> Iterator[list[File]]:
    """The files as they come, each added to the digest of all."""
    for files in groups:
        for name, data in files:
            digest.update(f"{name} {len(data)}\n".encode())
            digest.update(data)
        yield files


@contextmanager
def _open_source(entry: BrodenEntry, machine: Machine) -> Iterator[Source]:
    """Open the source of an entry; an archive is downloaded first, unless it is there."""
    if entry.folder is not None:
        folder = Path(machine.folders) / entry.folder
        if not (folder / "index.csv").is_file():
            raise InputError(
                f"{folder}: expected an extracted Broden1, a folder with index.csv and images/; it "
                "has no index.csv; correct `folder` in params.yaml or this machine's `folders`"
            )
        reader = folder_reader(folder)
        yield Source(str(folder), reader, lambda name: (folder / name).is_file(), {})
    elif entry.archive is not None and len(entry.archive) == 1:
        (archive,) = entry.archive
        file = download(archive.url, archive.sha256, Path(machine.downloads), mirror=machine.mirror)
        try:
            packed = ZipFile(file)
        except BadZipFile as error:
            raise InputError(
                f"{archive.url}: expected Broden1's zip file, got something else ({error}); "
                "correct `url`"
            ) from error
        with packed:
            yield _zip_source(packed, archive.url, archive.sha256)
    else:
        raise InputError(
            "'datasets.broden': expected `source: folder` (an extracted broden1_224) or `source: "
            f"archive` with one zip file, got `source: {entry.source}`"
        )


def _zip_source(packed: ZipFile, url: str, sha256: str) -> Source:
    names = frozenset(packed.namelist())
    tables = [name for name in names if PurePosixPath(name).name == "index.csv"]
    if not tables:
        raise InputError(f"{url}: expected Broden1's zip file, it has no index.csv; correct `url`")
    root = min(tables, key=lambda name: (name.count("/"), name)).removesuffix("index.csv")

    def read(name: str) -> bytes:
        if root + name not in names:
            raise missing(url, [name])
        if packed.getinfo(root + name).file_size > LARGEST:
            raise InputError(too_large(url, name))
        try:
            return packed.read(root + name)
        except _ZIP_ERRORS as error:
            raise InputError(f"{url}: {name} is damaged in the zip file ({error})") from error

    return Source(url, read, lambda name: root + name in names, {url: sha256})
