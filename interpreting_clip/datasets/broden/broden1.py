"""Writes Broden1 as it is published (Bau et al., CVPR 2017) into tar shards, its files unchanged.

NetDissect's `dlbroden.sh` names its zip files: `broden1_224.zip` holds the folder `broden1_224`,
and so on for 227 and 384 pixels.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from interpreting_clip.datasets.broden.reader import (
    INDEX,
    Broden,
    File,
    IndexRow,
    code_tables,
    files_reader,
    read_broden,
)
from interpreting_clip.datasets.broden.writer import digested, table_file
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.entries import Shards
from interpreting_clip.datasets.images import decode_image
from interpreting_clip.datasets.layout import OpenedSource
from interpreting_clip.datasets.tar import write_shards
from interpreting_clip.downloads.archives import open_zip, readable_archive
from interpreting_clip.errors import InputError

IMAGES, CONCEPTS = 63305, 1197
"""The contents of Broden1, the same in each published size."""


def write_real_broden(
    key: str, place: OpenedSource, shards: Shards, directory: Path, workers: int
) -> None:
    """Write Broden1's files as they are into the folder `directory`.

    Only what `index.csv` names is taken, and every image and map is decoded once. A `limit` takes
    the images whose paths have the smallest SHA-256. Then `index.csv` has only their rows; all
    other tables stay whole.
    """
    entry, where = place.entry, place.where
    with _open_root(place) as root:
        broden = read_broden(files_reader(root, where), where)
        sizes = len(broden.rows), len(broden.concepts)
        if not entry.partial and sizes != (IMAGES, CONCEPTS):
            raise InputError(
                f"{where}: Broden1 has {IMAGES:,} images in index.csv and {CONCEPTS:,} concepts in "
                f"label.csv, this has {sizes[0]:,} and {sizes[1]:,}; get it again, or set "
                "`partial: true` in params.yaml to measure on a part of it"
            )
        rows = _choose(broden.rows, entry.limit)
        digest = hashlib.sha256()
        files = digested(_image_files(broden, rows, workers), digest)
        written = write_shards(files, shards.images_per_shard, directory)
        card = DatasetCard(
            dataset=key,
            images=len(rows),
            classes=[],
            class_indices=[],
            source=entry.source,
            licence="as ADE20K, DTD, OpenSurfaces and PASCAL, of which Broden1 is made",
            shards=written,
            partial=entry.partial,
            origin={name: content or digest.hexdigest() for name, content in place.origin.items()},
        )
        write_card(card, directory)


def _choose(rows: list[IndexRow], limit: int | None) -> list[IndexRow]:
    """Return a fixed subset of `limit` rows, or all rows, in the index's order."""
    if limit is None:
        return rows
    # Broden has no classes to balance. A hash of the path gives the same sample of images whatever
    # the order of the index, and without a random generator.
    ordered = sorted(rows, key=lambda row: hashlib.sha256(row.image.encode()).digest())
    kept = {row.image for row in ordered[:limit]}
    return [row for row in rows if row.image in kept]


def _image_files(broden: Broden, rows: Sequence[IndexRow], workers: int) -> Iterator[list[File]]:
    """Yield the tables with the first image, then the files of each image, in the index's order.

    Several threads read and decode them. A label map that several rows name comes with the first of
    them.
    """

    def image(row: IndexRow) -> list[File]:
        contents = [(name, broden.read(name)) for name in dict.fromkeys(row.files)]
        for name, data in contents:
            # Finds a broken image here, and not only when the first encoder reads it.
            decode_image(data, f"{broden.where}: {name}")
        return contents

    code_names = code_tables(broden.read, broden.where).values()
    names = (INDEX, "label.csv", "category.csv", *code_names)
    tables = [(name, broden.read(name)) for name in names]
    if len(rows) < len(broden.rows):
        kept = {row.image for row in rows}
        index = csv.DictReader(io.StringIO(tables[0][1].decode(), newline=""))
        tables[0] = table_file(INDEX, [row for row in index if row["image"] in kept])
    seen = set[str]()
    with ThreadPoolExecutor(workers) as pool:
        # `map` submits all that it is given at once, and would hold all of Broden in memory; of 64
        # images with their label maps these are a few megabytes.
        for start in range(0, len(rows), 64):
            for files in pool.map(image, rows[start : start + 64]):
                group = tables + [file for file in files if file[0] not in seen]
                seen.update(name for name, _ in group)
                yield group
                tables = []


@contextmanager
def _open_root(place: OpenedSource) -> Iterator[Path | zipfile.Path]:
    """Yield the folder of `index.csv`, on disk or in a zip."""
    if place.folder is not None:
        if not (place.folder / INDEX).is_file():
            raise InputError(
                f"{place.folder}: expected an extracted Broden1, a folder with index.csv and "
                "images/; it has no index.csv; correct `folder` in params.yaml or this machine's "
                "`folders`"
            )
        yield place.folder
        return
    ((url, file),) = place.files.items()
    with ExitStack() as stack:
        with readable_archive(f"{url}: expected Broden1's zip file"):
            packed = stack.enter_context(open_zip(stack.enter_context(file.open("rb")), url))
        indices = [name for name in packed.namelist() if PurePosixPath(name).name == INDEX]
        if not indices:
            raise InputError(
                f"{url}: expected Broden1's zip file, it has no {INDEX}; correct `url`"
            )
        # A zip may hold further copies; the index nearest to its root is Broden's.
        index = min(indices, key=lambda name: (name.count("/"), name))
        yield zipfile.Path(packed, index.removesuffix(INDEX))
