"""Labelled and captioned images in tar shards, as the webdataset layout has them.

Image number 7 is `00000007.png` with `00000007.cls` (its class index) and, in a captioned set,
`00000007.txt`; the shards of a folder are `shard-00000.tar`, `shard-00001.tar`, …
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from stages.datasets.archive import ArchiveWriter, open_archive
from stages.datasets.card import DatasetCard, read_card
from stages.datasets.images import decode_image
from stages.datasets.tar import Member, iterate_members
from stages.storage.errors import InputError


class Sample(NamedTuple):
    """One image as stored; `class_` and `caption` are None where the set has none."""

    key: str
    image: bytes
    class_: int | None
    caption: str | None


@dataclass(frozen=True)
class Images:
    """Decoded images of one size; a class is −1 where the set has none."""

    images: UInt8[np.ndarray, "image height width 3"]
    classes: Int64[np.ndarray, " image"]
    captions: list[str] | None
    card: DatasetCard


class ShardWriter:
    """Writes images one by one into shards of `images_per_shard`, the same bytes every time."""

    def __init__(self, directory: Path, images_per_shard: int) -> None:
        self._directory, self._images_per_shard = directory, images_per_shard
        self._shard: ArchiveWriter | None = None
        self.images = 0
        self.shards: dict[str, str] = {}

    def __enter__(self) -> "ShardWriter":
        """Open for `add`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close the last shard; `shards` then holds the SHA-256 of each."""
        self._close(whole=kind is None)

    def add(self, png: bytes, class_: int | None, caption: str | None) -> None:
        """Append an image, its class index and its caption, those that the set has."""
        if self._shard is None or self.images % self._images_per_shard == 0:
            self._close(whole=True)
            self._shard = ArchiveWriter(self._directory / self._name())
        key = f"{self.images:08d}"
        if class_ is not None:
            self._shard.add(f"{key}.cls", b"%d" % class_)
        self._shard.add(f"{key}.png", png)
        if caption is not None:
            self._shard.add(f"{key}.txt", caption.encode())
        self.images += 1

    def _name(self) -> str:
        return f"shard-{len(self.shards):05d}.tar"

    def _close(self, *, whole: bool) -> None:
        if self._shard is not None:
            self._shard.close(whole=whole)
            self.shards[self._name()] = self._shard.sha256
            self._shard = None


def read_shards(directory: Path) -> Iterator[Sample]:
    """The images of a dataset folder in order, as stored.

    Raises
    ------
    InputError
        The folder has no shard; a shard is missing, truncated or not the one that card.json
        describes; a member lacks its companion; the number of images is not card.json's.
    """
    card = read_card(directory)
    if not card.shards:
        raise InputError(f"{directory}: at least one shard expected, card.json names none")
    images, form = 0, None
    for shard, sha256 in sorted(card.shards.items()):
        path = directory / shard
        with open_archive(path, sha256) as archive:
            for sample in _samples(archive, path):
                form = form or _form(sample)
                _check(sample, form, images, card, path)
                images += 1
                if images <= card.images:
                    yield sample
    if images != card.images:
        raise InputError(
            f"{directory}: {card.images} images expected from card.json, {images} found in the "
            "shards; fetch it again"
        )


def iterate_batches(directory: Path, batch: int) -> Iterator[Images]:
    """The images of a folder, decoded, `batch` at a time (the last batch may be smaller).

    Raises
    ------
    InputError
        As `read_shards`; an image is broken or has another size than the first of its batch.
    """
    card = read_card(directory)
    samples = read_shards(directory)
    for start in range(0, card.images, batch):
        yield _decode(islice(samples, batch), min(batch, card.images - start), directory, card)
    next(samples, None)  # the last look at the shards finds any image too many


def read_images(directory: Path) -> Images:
    """All images of a folder, decoded in memory.

    Raises
    ------
    InputError
        As `iterate_batches`.
    """
    card = read_card(directory)
    return _decode(read_shards(directory), card.images, directory, card)


def _samples(archive: memoryview, path: Path) -> Iterator[Sample]:
    members = iterate_members(archive, str(path))
    for key, group in groupby(members, key=lambda member: member.name.partition(".")[0]):
        yield _sample(key, {member.name[len(key) + 1 :]: member for member in group}, archive, path)


def _sample(key: str, parts: dict[str, Member], archive: memoryview, path: Path) -> Sample:
    if "png" not in parts or not {"cls", "txt"} & parts.keys():
        raise InputError(
            f"{path}: {key}.png with {key}.cls or {key}.txt expected, only "
            f"{', '.join(f'{key}.{part}' for part in sorted(parts))} came; fetch it again"
        )
    data = {part: bytes(archive[at : at + size]) for part, (_, at, size) in parts.items()}
    try:
        class_ = int(data["cls"]) if "cls" in data else None
    except ValueError as error:
        raise InputError(f"{path}: {key}.cls must hold a class index: {data['cls']!r}") from error
    return Sample(key, data["png"], class_, data["txt"].decode() if "txt" in data else None)


def _form(sample: Sample) -> tuple[bool, bool]:
    return sample.class_ is not None, sample.caption is not None


def _check(
    sample: Sample, form: tuple[bool, bool], position: int, card: DatasetCard, path: Path
) -> None:
    if sample.key != f"{position:08d}":
        raise InputError(
            f"{path}: image {position:08d} expected, {sample.key} came; fetch it again"
        )
    if _form(sample) != form:
        raise InputError(
            f"{path}: {sample.key} lacks its companion .cls or .txt, or has one that the first "
            "image of the set has not; fetch it again"
        )
    if sample.class_ is not None and sample.class_ not in card.class_indices:
        raise InputError(
            f"{path}: {sample.key}.cls is {sample.class_}, card.json allows {card.class_indices}"
        )


def _decode(samples: Iterable[Sample], count: int, directory: Path, card: DatasetCard) -> Images:
    images = np.empty((0, 0, 0, 3), np.uint8)
    classes = np.full(count, -1, np.int64)
    captions = []
    for row, sample in enumerate(samples):
        name = f"{directory}: {sample.key}.png"
        image = decode_image(sample.image, name)
        if row == 0:
            images = np.empty((count, *image.shape), np.uint8)
        _check_size(image, images, name)
        images[row] = image
        if sample.class_ is not None:
            classes[row] = sample.class_
        if sample.caption is not None:
            captions.append(sample.caption)
    return Images(images, classes, captions or None, card)


def _check_size(image: np.ndarray, images: np.ndarray, name: str) -> None:
    if image.shape != images.shape[1:]:
        raise InputError(
            f"{name} has {image.shape[:2]} pixels where the first image has {images.shape[1:3]}; "
            "images read together must have one size"
        )
