"""Reads real datasets from the hub, archives or folders, and writes them as shards.

The content of a source is compared with the published set, a subset is chosen where the entry of
params.yaml has a `limit`, and each image is decoded once before it is written.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets import class_folders, parquet, webdataset
from interpreting_clip.datasets.broden.broden1 import write_real_broden
from interpreting_clip.datasets.broden.coco import write_coco
from interpreting_clip.datasets.captions import captioned, read_captions
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.completeness import SPLITS, require_complete, split_images
from interpreting_clip.datasets.entries import (
    BrodenEntry,
    Captions,
    CocoEntry,
    ImageNetCaptions,
    RealEntry,
    RealSet,
    RealShift,
    Shards,
)
from interpreting_clip.datasets.imagenet import (
    CAPTIONED,
    PublishedSet,
    published_set,
    read_imagenet_classes,
)
from interpreting_clip.datasets.images import EXTENSIONS, decode_image, image_extension
from interpreting_clip.datasets.layout import (
    IsWanted,
    Layout,
    OpenedSource,
    SourceImage,
    refuse_others,
)
from interpreting_clip.datasets.own_classes import own_set
from interpreting_clip.datasets.shards import StoredImage, write_images
from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_whole

LAYOUTS: tuple[Layout, ...] = (parquet, webdataset, class_folders)
"""The layouts of images with classes or captions; the first that fits reads a source."""

BLOCK = 8
"""How many images per worker are in memory at a time."""

FOLDERS = Path(".scratch/folders")
"""The states of folders that were read on this machine, by the digest of the card that was written.

Not with the shards, whose bytes are the same on every machine.
"""

MOST_FILES = 100_000
"""Of a folder with more files, only their names count, since a network's disk may take minutes."""


def write_real_dataset(
    key: str, entry: RealEntry | RealShift, shards: Shards, directory: Path, machine: Machine
) -> None:
    """Download or read the dataset `key` and write it into the folder `directory`.

    The bytes of an image stay as they are, and images keep the order of their source. Each is
    decoded once, to find a broken file here and not hours later.
    """
    state = folder_state(entry, machine)
    _write_dataset(key, entry, shards, directory, machine)
    if state:
        said = f"{entry.folder}\n{state}"
        write_whole(FOLDERS / file_digest(directory / "card.json"), said.encode())


def has_changed(entry: RealSet, directory: Path, machine: Machine) -> bool:
    """Say whether the folder that a dataset was read from on this machine has other files now.

    Not if it was read elsewhere, or the folder is not here or another one than then.
    """
    card = directory / "card.json"
    if not (card.is_file() and (before := FOLDERS / file_digest(card)).is_file()):
        return False
    folder, _, state = before.read_text().rpartition("\n")
    return folder == entry.folder and folder_state(entry, machine) not in ("", state)


def folder_state(entry: RealSet, machine: Machine) -> str:
    """Return a digest of names, sizes and times of an entry's files; '' if there are none here.

    Links are not followed.
    """
    files, root = list[str](), Path(machine.folders)
    for name in filter(None, (entry.folder, getattr(entry, "captions", None))):
        place = root / name
        if place.is_dir():
            # `walk` would take a minute for ImageNet's train set.
            for folder, inner, names in os.walk(place):
                inner[:] = [name for name in inner if not name.startswith(".")]
                files += [f"{folder}/{name}" for name in names if not name.startswith(".")]
        else:
            read = [place] if place.is_file() else parquet.parquet_files(place).values()
            files += map(str, read)
    digest = hashlib.sha256()
    for file in sorted(files):
        facts = os.lstat(file) if len(files) <= MOST_FILES else None
        line = f"{file.removeprefix(str(root))} {facts and (facts.st_size, facts.st_mtime_ns)}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest() if files else ""


def _write_dataset(
    key: str, entry: RealEntry | RealShift, shards: Shards, directory: Path, machine: Machine
) -> None:
    if isinstance(entry, CocoEntry):
        place = locate(entry, CAPTIONED, machine)
        write_coco(key, entry, place, shards, directory, workers=machine.workers)
        return
    if isinstance(entry, BrodenEntry):
        place = locate(entry, CAPTIONED, machine)
        write_real_broden(key, place, shards, directory, machine.workers)
        return
    place = locate(entry, known_facts(entry), machine)
    known = place.known
    with error_context(place.where, ValueError):
        if isinstance(entry, ImageNetCaptions):
            table = Path(machine.folders) / entry.captions
            images = list(captioned(images_at(place), read_captions(table), place))
            place.origin[entry.captions] = file_digest(table)
        else:
            images = images_at(place)
        classes: dict[str, int | None] = {}
        captions: dict[str, str | None] = {}
        for image in images:
            if image.name in classes:
                raise ValueError(f"{image.name} is there twice; pack or download it again")
            classes[image.name] = image.class_
            captions[image.name] = image.caption
        if key in SPLITS:
            known = replace(known, images=(split_images(key, classes),))
        require_complete(classes, known, partial=entry.partial)
        chosen = choose(classes, entry.limit)
    digest = hashlib.sha256()
    stored = _read_chosen(key, place, chosen, captions, digest=digest, workers=machine.workers)
    written = write_images(stored, shards.images_per_shard, directory)
    class_indices = {class_ for class_ in chosen.values() if class_ is not None}
    card = DatasetCard(
        dataset=key,
        images=len(chosen),
        classes=known.classes,
        class_indices=sorted(class_indices),
        source=entry.source,
        licence=known.licence,
        shards=written,
        aliases={
            alias: class_ for alias, class_ in known.aliases.items() if class_ in class_indices
        },
        border=known.border,
        partial=entry.partial,
        origin={name: content or digest.hexdigest() for name, content in place.origin.items()},
    )
    write_card(card, directory)


def known_facts(entry: RealSet) -> PublishedSet:
    """Return what is known of a set before it is read."""
    if isinstance(entry, Captions):
        return CAPTIONED
    classes = read_imagenet_classes()
    if not isinstance(entry, RealShift):
        return published_set(entry, classes)  # pyright: ignore
    with error_context("params.yaml", ValueError):
        return own_set(entry, classes)


def locate(entry: RealSet, known: PublishedSet, machine: Machine) -> OpenedSource:
    """Open a source; what is downloaded is kept, so that the next run finds it."""
    downloads = Path(machine.downloads)
    if entry.hub is not None:
        repository = open_repository(entry.hub.repository, entry.hub.revision)
        paths, names = repository.matching(entry.hub.files), webdataset.CLASSNAMES
        place = OpenedSource(
            f"{repository.name}@{repository.revision[:12]}",
            {repository.name: repository.revision},
            folder=None,
            files={},
            entry=entry,
            known=known,
        )
        # Before the shards, which are many gigabytes.
        with error_context(place.where, ValueError):
            refuse_others([path for path in paths if path.endswith(parquet.SUFFIX)], paths)
        if not paths[0].endswith(parquet.SUFFIX):
            if names in repository.files:
                place.files[names] = download_file(repository, names, downloads)
            webdataset.check_names(place)
        place.files.update({path: download_file(repository, path, downloads) for path in paths})
        return place
    if entry.archive is not None:
        digests = {item.url: item.sha256 for item in entry.archive}
        files = {
            url: download(url, sha256, downloads, mirror=machine.mirror)
            for url, sha256 in digests.items()
        }
        return OpenedSource(entry.archive[0].url, digests, None, files, entry, known)
    name = str(entry.folder)
    folder = Path(machine.folders) / name
    if not (folder.is_dir() or parquet.parquet_files(folder)):
        raise InputError(
            f"{folder}: no such folder; check `folder` in params.yaml, and the machine's setting "
            "`folders`, where relative paths start"
        )
    return OpenedSource(str(folder), {name: ""}, folder, {}, entry, known)


def images_at(place: OpenedSource, wanted: IsWanted = lambda _: False) -> Iterator[SourceImage]:
    """Yield the images of a source; those that are wanted can be read."""
    layout = next(layout for layout in LAYOUTS if layout.fits(place))
    return layout.images(place, wanted)


def choose(classes: Mapping[str, int | None], limit: int | None) -> dict[str, int | None]:
    """Choose about `limit` images, ⌊limit / classes⌋ of each class; None: all of them.

    Of each class, the images with the smallest SHA-256 of class and file name are taken. This
    sample looks random and is the same on every machine, whatever the order of the files and the
    folders above. A class with fewer images gives all of them; a set without classes counts as one
    class.
    """
    if limit is None:
        return dict(classes)
    paths: dict[int | None, list[str]] = defaultdict(list)
    for path, class_ in classes.items():
        paths[class_].append(path)
    each = limit // len(paths)
    if each == 0:
        raise ValueError(
            f"expected a `limit` of at least one image per class, {len(paths)}, got {limit}"
        )

    def rank(path: str) -> tuple[bytes, str]:
        identity = f"{classes[path]}/{PurePosixPath(path).name}"
        return hashlib.sha256(identity.encode(errors="surrogateescape")).digest(), path

    kept = {path for group in paths.values() for path in sorted(group, key=rank)[:each]}
    return {path: class_ for path, class_ in classes.items() if path in kept}


def _read_chosen(
    key: str,
    place: OpenedSource,
    chosen: Mapping[str, int | None],
    captions: Mapping[str, str | None],
    *,
    digest: "hashlib._Hash",
    workers: int,
) -> Iterator[StoredImage]:
    """Yield the chosen images with class and caption, and add each to the common digest."""
    from tqdm import tqdm

    count = 0
    wanted = (image for image in images_at(place, chosen.__contains__) if image.name in chosen)
    files = checked(wanted, place.where, workers)
    for path, data in tqdm(files, f"fetch {key}", len(chosen), unit="image", disable=None):
        line = f"{path}\0{hashlib.sha256(data).hexdigest()}\n"
        digest.update(line.encode(errors="surrogateescape"))
        yield data, chosen[path], captions[path]
        count += 1
    if count != len(chosen):
        raise InputError(f"{place.where}: its files changed while they were read; fetch it again")


def checked(images: Iterable[SourceImage], where: str, workers: int) -> Iterator[tuple[str, bytes]]:
    """Yield each image's path and bytes, read and decoded on `workers` threads, in order."""

    def check(image: SourceImage) -> tuple[str, bytes]:
        data, name = image.read(), f"{where}: {image.name}"
        if image_extension(data) is None:
            raise InputError(
                f"{name}: its content is not an image ({', '.join(EXTENSIONS)}); get it again or "
                "remove it"
            )
        decode_image(data, name)
        return image.name, data

    iterator = iter(images)
    with ThreadPoolExecutor(workers) as pool:
        while block := list(islice(iterator, BLOCK * workers)):
            yield from pool.map(check, block)
