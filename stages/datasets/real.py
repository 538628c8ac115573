"""Brings a real dataset into its folder: one explicit dispatch over the kinds."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath

from stages.config.datasets import Broden, Captions, ImageNetCaptions, RealEntry, Shards
from stages.config.machine import Machine
from stages.datasets.broden.published import write_real_broden
from stages.datasets.card import DatasetCard, write_card
from stages.datasets.imagenet import PublishedSet, published_set, read_imagenet_classes
from stages.datasets.images import EXTENSIONS, decode_image, image_extension
from stages.datasets.photos import Photo, Source
from stages.datasets.shards import ShardWriter
from stages.datasets.sources import open_captions, open_classified, open_imagenet_captions
from stages.files.folders import complete_directory
from stages.runtime.errors import InputError, error_context


def choose(classes: Mapping[str, int | None], limit: int | None) -> dict[str, int | None]:
    """Choose about `limit` images, ⌊limit / classes⌋ of each class; None: all of them.

    Of a class those are taken whose class and file name have the smallest SHA-256: a sample that
    looks random and is the same on every machine, whatever the order of the files and the folders
    above. A class that has fewer images gives all; a set without classes counts as one class.

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
            f"a `limit` of at least one image per class, {len(paths)}, was expected, got {limit}"
        )

    def rank(path: str) -> tuple[bytes, str]:
        identity = f"{classes[path]}/{PurePosixPath(path).name}"
        return hashlib.sha256(identity.encode()).digest(), path

    kept = {path for group in paths.values() for path in sorted(group, key=rank)[:each]}
    return {path: class_ for path, class_ in classes.items() if path in kept}


def require_complete(
    classes: Mapping[str, int | None], published: PublishedSet | None, *, partial: bool
) -> None:
    """Refuse a source without images, and one that lacks some of a published set.

    Parameters
    ----------
    classes : the class of each image that the source has
    published : what the set is known to have; None: nothing is known
    partial : whether less is accepted, since the study says so

    Raises
    ------
    ValueError
        There is no image; a class has none; the set has another number of images.
    """
    if not classes:
        raise ValueError("images were expected, there are none; check its path and `kind`")
    if partial or published is None or not published.images:
        return
    missing = sorted(set(published.class_indices) - set(classes.values()))
    if missing:
        folders = [folder for folder, class_ in published.folders.items() if class_ in missing]
        raise ValueError(
            f"images of {len(published.class_indices)} classes were expected, {len(missing)} have "
            f"none: {', '.join(folders[:3])}{' …' if len(missing) > 3 else ''}; complete the set, "
            "or say `partial: true` in params.yaml"
        )
    if len(classes) not in published.images:
        expected = " or ".join(f"{images:,}" for images in published.images)
        raise ValueError(
            f"{expected} images were expected, there are {len(classes):,}; complete the set, or "
            "say `partial: true` in params.yaml"
        )


BLOCK = 8
"""How many images per worker are in memory at a time."""


def checked(
    photos: Iterable[Photo], border: int, where: str, workers: int
) -> Iterator[tuple[Photo, bytes]]:
    """Yield each photo with its bytes, read and decoded on `workers` threads, in order.

    Raises
    ------
    InputError
        An image is truncated, damaged, no image, or nothing but its border.
    """

    def check(photo: Photo) -> tuple[Photo, bytes]:
        data, name = photo.read(), f"{where}: {photo.path}"
        if image_extension(data) is None:
            raise InputError(
                f"{name}: an image ({', '.join(EXTENSIONS)}) was expected, its content is none; "
                "get it again or remove it"
            )
        if min(decode_image(data, name).shape[:2]) <= 2 * border:
            raise InputError(f"{name}: more than a border of {border} pixels was expected")
        return photo, data

    iterator = iter(photos)
    with ThreadPoolExecutor(workers) as pool:
        while block := list(islice(iterator, BLOCK * workers)):
            yield from pool.map(check, block)


UNKNOWN_LICENCE = "that of the images' authors"
"""The licence of captioned images of which nothing is known."""


def write_real_dataset(
    key: str, entry: RealEntry, source: Source, shards: Shards, directory: Path, *, workers: int
) -> None:
    """Write the set `key` as shards and card to `directory`, whole or not at all.

    The bytes of an image stay as they are, and images keep the order of their source. Each is
    decoded once: a broken file is found here and not after hours of a later stage.

    Raises
    ------
    InputError
        The set is incomplete, an image is broken, or the disk is full.
    """
    published = source.published
    with error_context(source.where, ValueError):
        survey = source.photos.survey()
        require_complete(survey, published, partial=entry.partial)
        chosen = choose(survey, entry.limit)
    with complete_directory(directory) as partial:
        with ShardWriter(partial, shards.images_per_shard) as writer:
            digest = _write(key, source, chosen, writer, workers)
        card = DatasetCard(
            dataset=key,
            images=writer.images,
            classes=published.classes if published else [],
            class_indices=sorted({class_ for class_ in chosen.values() if class_ is not None}),
            source=entry.source,
            licence=published.licence if published else UNKNOWN_LICENCE,
            shards=writer.shards,
            aliases=_aliases(published, chosen),
            border=published.border if published else 0,
            partial=entry.partial,
            origin={place: content or digest for place, content in source.origin.items()},
        )
        write_card(card, partial)


def _write(
    key: str, source: Source, chosen: Mapping[str, int | None], writer: ShardWriter, workers: int
) -> str:
    """Write the chosen images; return the digest of all that was read."""
    from tqdm import tqdm

    digest, border = hashlib.sha256(), source.published.border if source.published else 0
    photos = checked(source.photos.photos(chosen), border, source.where, workers)
    for photo, data in tqdm(photos, f"fetch {key}", len(chosen), unit="image", disable=None):
        digest.update(f"{photo.path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        writer.add(data, photo.class_, photo.caption)
    if writer.images != len(chosen):
        raise InputError(f"{source.where}: its files changed while they were read; fetch it again")
    return digest.hexdigest()


def _aliases(published: PublishedSet | None, chosen: Mapping[str, int | None]) -> dict[int, int]:
    """Those whose class is in the set, of which a partial one may lack some."""
    aliases = published.aliases if published else {}
    there = set(chosen.values())
    return {alias: class_ for alias, class_ in aliases.items() if class_ in there}


def write_real(
    key: str, entry: RealEntry, shards: Shards, directory: Path, machine: Machine
) -> None:
    """Download or read the dataset `key` and write it to `directory`, whole or not at all.

    Raises
    ------
    InputError
        The source cannot be had, is not what the entry says, or is not the whole set.
    """
    if isinstance(entry, Broden):
        write_real_broden(key, entry, shards, directory, machine)
        return
    if isinstance(entry, Captions):
        source = open_captions(entry, machine)
    else:
        published = published_set(entry, read_imagenet_classes())
        if isinstance(entry, ImageNetCaptions):
            source = open_imagenet_captions(entry, published, machine)
        else:
            source = open_classified(entry, published, machine)
    write_real_dataset(key, entry, source, shards, directory, workers=machine.workers)
