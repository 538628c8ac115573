"""Reads real datasets from the hub, archives or folders, and writes them as shards.

The content of a source is compared with the published set, a subset is chosen where the entry of
params.yaml has a `limit`, and each image is decoded once before it is written.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.broden.broden1 import write_real_broden
from interpreting_clip.datasets.captions import image_captions, read_captions
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.class_folders import (
    File,
    Files,
    archive_files,
    folder_classes,
    folder_files,
    walk,
)
from interpreting_clip.datasets.entries import (
    BrodenEntry,
    Captions,
    ImageNet,
    ImageNetCaptions,
    ImageNetLike,
    RealEntry,
    RealSet,
    RealShift,
    Shards,
)
from interpreting_clip.datasets.imagenet import PublishedSet, published_set, read_imagenet_classes
from interpreting_clip.datasets.images import EXTENSIONS, decode_image, image_extension
from interpreting_clip.datasets.own_classes import (
    holds_shards,
    own_set,
    require_one_folder_per_class,
)
from interpreting_clip.datasets.parquet import (
    SUFFIX,
    parquet_classes,
    parquet_files,
    parquet_images,
)
from interpreting_clip.datasets.shards import StoredImage, crop, write_images
from interpreting_clip.datasets.webdataset import (
    RENAMED,
    check_classnames,
    shard_images,
    shard_labels,
)
from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import Repository, download_file, open_repository
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.files import file_digest

CAPTIONED = PublishedSet({}, (), "that of the images' authors", labels=[], names=[], classes=[])
"""The known facts about captioned images: neither classes nor their number."""

CLASSNAMES = "classnames.txt"
"""The meaning of a webdataset copy's labels: one name per line."""

BLOCK = 8
"""How many images per worker are in memory at a time."""


def write_real_dataset(
    key: str, entry: RealEntry | RealShift, shards: Shards, directory: Path, machine: Machine
) -> None:
    """Download or read the dataset `key` and write it into the folder `directory`.

    The bytes of an image stay as they are, and images keep the order of their source. Each is
    decoded once, to find a broken file here and not hours later.
    """
    if isinstance(entry, BrodenEntry):
        write_real_broden(key, entry, shards, directory, machine)
        return
    source = open_source(entry, machine)
    published = source.published
    with error_context(source.where, ValueError):
        require_complete(source.classes, published, partial=entry.partial)
        chosen = choose(source.classes, entry.limit)
    digest = hashlib.sha256()
    images = _read_chosen(key, source, chosen, digest, machine.workers)
    written = write_images(images, shards.images_per_shard, directory)
    class_indices = {class_ for class_ in chosen.values() if class_ is not None}
    card = DatasetCard(
        dataset=key,
        images=len(chosen),
        classes=published.classes,
        class_indices=sorted(class_indices),
        source=entry.source,
        licence=published.licence,
        shards=written,
        aliases={
            alias: class_ for alias, class_ in published.aliases.items() if class_ in class_indices
        },
        border=published.border,
        partial=entry.partial,
        origin={place: content or digest.hexdigest() for place, content in source.origin.items()},
    )
    write_card(card, directory)


@dataclass(frozen=True)
class Source:
    """An opened source.

    `where` names it in errors. `origin` maps what is read to what identifies its content (see
    `DatasetCard`), or to nothing if only the images themselves identify it. `published` has the
    known facts about the set. `classes` maps each image's path to its class or None, `captions`
    maps paths to captions, and `files` reads the chosen images.
    """

    where: str
    origin: Mapping[str, str]
    published: PublishedSet
    classes: Mapping[str, int | None]
    captions: Mapping[str, str]
    files: Files


def open_source(
    entry: ImageNetLike | Captions | ImageNetCaptions | RealShift, machine: Machine
) -> Source:
    """Open the source of an entry, after downloading it if necessary.

    Captioned sets and the sets of the hub are webdataset shards, or parquet files if their names
    end so; others are class folders, on disk or in archives, or a folder of parquet files. A folder
    of a study's own shift holds any of these.

    Raises
    ------
    InputError
        The source is unavailable or damaged, or its labels are not those of the set.
    """
    if isinstance(entry, ImageNetCaptions) and entry.hub is not None:
        raise InputError(
            f"{entry.hub.repository}: ImageNet-Captions names files of ImageNet's train set, which "
            "shards of the hub do not have; give it as `source: folder` or `source: archive`"
        )
    published = known_facts(entry)
    where, origin, local = _locate(entry, published, machine)
    captions: dict[str, str] = {}
    parquet = _parquet(local)
    with error_context(where, ValueError):
        if parquet and isinstance(entry, Captions):
            raise ValueError("expected webdataset shards (*.tar), got parquet files")
        if parquet:
            # Without names, labels count ImageNet's classes, or those that the study lists.
            numbered = isinstance(entry, ImageNet | ImageNetCaptions) or (
                isinstance(entry, RealShift) and bool(published.labels)
            )
            files = parquet_images(parquet, where)
            classes = parquet_classes(parquet, published, where, numbered=numbered)
        elif _in_shards(entry, local):
            shards = local if isinstance(local, dict) else _shards_below(local)
            if published.classes and not published.labels:
                raise ValueError(
                    "the mapping under `classes` has to name all labels of these shards, '0', '1', "
                    "…, each once; or give a list in their order"
                )
            classes, captions = shard_labels(shards, published, where)
            files = shard_images(shards, where)
        else:
            files = archive_files(local) if isinstance(local, dict) else folder_files(local)
            classes = folder_classes(files, published)
            if isinstance(entry, RealShift) and not isinstance(entry.classes, dict):
                require_one_folder_per_class(classes)
        if isinstance(entry, ImageNetCaptions):
            table = Path(machine.folders) / entry.captions
            entries = read_captions(table)
            captions = image_captions(classes, entries, published, partial=entry.partial)
            classes = {path: classes[path] for path in captions}
            origin |= {entry.captions: file_digest(table)}
    return Source(where, origin, published, classes, captions, files)


def known_facts(entry: ImageNetLike | Captions | ImageNetCaptions | RealShift) -> PublishedSet:
    """Return what is known of a set before it is read.

    Raises
    ------
    InputError
        The classes of a study's own shift contradict each other, or one is not ImageNet's.
    """
    if isinstance(entry, Captions):
        return CAPTIONED
    classes = read_imagenet_classes()
    if not isinstance(entry, RealShift):
        return published_set(entry, classes)
    with error_context("params.yaml", ValueError):
        return own_set(entry, classes)


def _in_shards(entry: RealSet, local: Path | dict[str, Path]) -> bool:
    """Return whether a source is webdataset shards."""
    if isinstance(entry, Captions) or entry.hub is not None:
        return True
    return isinstance(entry, RealShift) and isinstance(local, Path) and holds_shards(local)


def _locate(
    entry: RealSet, published: PublishedSet, machine: Machine
) -> tuple[str, dict[str, str], Path | dict[str, Path]]:
    """Return the source's name in errors, its origin (see `Source`), and its files on this machine.

    The files are one folder, or the downloaded archives or shards by their URLs or their paths in
    the repository. Downloads are kept, so that the next run finds them.
    """
    downloads = Path(machine.downloads)
    if entry.hub is not None:
        repository = open_repository(entry.hub.repository, entry.hub.revision)
        where = f"{repository.name}@{repository.revision[:12]}"
        paths = repository.matching(entry.hub.files)
        # The names of the labels are in the parquet files themselves.
        if not (isinstance(entry, Captions) or paths[0].endswith(SUFFIX)):
            with error_context(where, ValueError):
                _check_labels(entry, repository, published, downloads)
        shards = {path: download_file(repository, path, downloads) for path in paths}
        return where, {repository.name: repository.revision}, shards
    if entry.archive is not None:
        archives = {
            item.url: download(item.url, item.sha256, downloads, mirror=machine.mirror)
            for item in entry.archive
        }
        origin = {item.url: item.sha256 for item in entry.archive}
        return entry.archive[0].url, origin, archives
    folder = str(entry.folder)
    root = Path(machine.folders) / folder
    if not (root.is_dir() or parquet_files(root)):
        raise InputError(
            f"{root}: no such folder; check `folder` in params.yaml, and the machine's setting "
            "`folders`, where relative paths start"
        )
    return str(root), {folder: ""}, root


def _parquet(local: Path | dict[str, Path]) -> dict[str, Path]:
    """Return a source's parquet files; none if it has others.

    Raises
    ------
    InputError
        It has both.
    """
    if isinstance(local, Path):
        return parquet_files(local)
    found = {path: file for path, file in local.items() if path.endswith(SUFFIX)}
    if found and len(found) < len(local):
        others = local.keys() - found
        raise InputError(
            f"{min(found)} is a parquet file and {min(others)} is not; check `files` in "
            "params.yaml, whose pattern matches both"
        )
    return found


def _shards_below(root: Path) -> dict[str, Path]:
    shards = {path: file for path, file in walk(root) if path.endswith(".tar")}
    if not shards:
        raise ValueError("expected webdataset shards (*.tar), found none")
    return shards


def _check_labels(
    entry: RealSet, repository: Repository, published: PublishedSet, downloads: Path
) -> None:
    """Compare a copy's `classnames.txt` with the set; copies of ImageNet itself do not need one."""
    if CLASSNAMES in repository.files:
        file = download_file(repository, CLASSNAMES, downloads)
        # A set of the user's own may call its classes what it likes, but not by another's name.
        unknown = 1.0 if isinstance(entry, RealShift) else RENAMED
        check_classnames(file.read_bytes(), published, unknown)
    elif not isinstance(entry, ImageNet | RealShift):
        raise ValueError(
            f"no {CLASSNAMES} beside the shards, which defines their labels; use one of the copies "
            "clip-benchmark/wds_*"
        )


def require_complete(
    classes: Mapping[str, int | None], published: PublishedSet, *, partial: bool
) -> None:
    """Refuse a source without images, or with fewer than the published set has.

    Parameters
    ----------
    classes : the class of each image that the source has
    published : the known facts about the set
    partial : whether the study accepts a part of the set

    Raises
    ------
    ValueError
        There is no image; a class has none; the set has another number of images.
    """
    if not classes:
        raise ValueError("expected images, found none; check the path and `kind`")
    if partial or not (published.images or published.every_class):
        return
    missing = sorted(set(published.class_indices) - set(classes.values()))
    if missing:
        # The first name of each: a folder may be called by a WordNet id or an index.
        first = {class_: folder for folder, class_ in reversed(published.folders.items())}
        folders = [first[class_] for class_ in missing]
        raise ValueError(
            f"{len(missing)} of {len(published.class_indices)} classes have no image: "
            f"{', '.join(folders[:3])}{' …' if len(missing) > 3 else ''}; complete the set, or set "
            "`partial: true` in params.yaml"
        )
    if published.images and len(classes) not in published.images:
        expected = " or ".join(f"{images:,}" for images in published.images)
        raise ValueError(
            f"expected {expected} images, got {len(classes):,}; complete the set, or set "
            "`partial: true` in params.yaml"
        )


def choose(classes: Mapping[str, int | None], limit: int | None) -> dict[str, int | None]:
    """Choose about `limit` images, ⌊limit / classes⌋ of each class; None: all of them.

    Of each class, the images with the smallest SHA-256 of class and file name are taken. This
    sample looks random and is the same on every machine, whatever the order of the files and the
    folders above. A class with fewer images gives all of them; a set without classes counts as one
    class.

    Raises
    ------
    ValueError
        The limit is below one image per class.
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
    source: Source,
    chosen: Mapping[str, int | None],
    digest: "hashlib._Hash",
    workers: int,
) -> Iterator[StoredImage]:
    """Yield the chosen images with class and caption, and add each to the common digest."""
    from tqdm import tqdm

    count = 0
    wanted = source.files(chosen.__contains__)
    files = checked(wanted, source.published.border, source.where, workers)
    for path, data in tqdm(files, f"fetch {key}", len(chosen), unit="image", disable=None):
        line = f"{path}\0{hashlib.sha256(data).hexdigest()}\n"
        digest.update(line.encode(errors="surrogateescape"))
        yield data, chosen[path], source.captions.get(path)
        count += 1
    if count != len(chosen):
        raise InputError(f"{source.where}: its files changed while they were read; fetch it again")


def checked(
    files: Iterable[File], border: int, where: str, workers: int
) -> Iterator[tuple[str, bytes]]:
    """Yield each image's path and bytes, read and decoded on `workers` threads, in order.

    Raises
    ------
    InputError
        An image is truncated, damaged, not an image, or consists only of its border.
    """

    def check(file: File) -> tuple[str, bytes]:
        data, name = file.read(), f"{where}: {file.path}"
        if image_extension(data) is None:
            raise InputError(
                f"{name}: its content is not an image ({', '.join(EXTENSIONS)}); get it again or "
                "remove it"
            )
        crop(decode_image(data, name), border, name)
        return file.path, data

    iterator = iter(files)
    with ThreadPoolExecutor(workers) as pool:
        while block := list(islice(iterator, BLOCK * workers)):
            yield from pool.map(check, block)
