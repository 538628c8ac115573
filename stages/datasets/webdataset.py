"""Images in webdataset shards of others: tars with `<key>.jpg` and `<key>.cls` or `<key>.txt`.

Looked up: clip_benchmark 1.6, `webdataset_builder.py`, writes `<split>/<n>.tar` with keys such as
s0000007, one of .webp, .png, .jpg and .cls, and `classnames.txt`; timm's `imagenet-1k-wds` has
.jpg, .cls and a .json whose `filename` holds the WordNet id; img2dataset writes .jpg, .txt, .json.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from stages.datasets.class_folders import IMAGES
from stages.datasets.photos import Photo
from stages.datasets.published_sets import PublishedSet
from stages.storage.errors import InputError
from stages.transfer.extraction import iterate_archive

_WNID = re.compile(rb"n\d{8}")


class Shard(NamedTuple):
    """One tar: its name in the source, and where it lies here."""

    name: str
    file: Path


class Sample(NamedTuple):
    """What one key of a shard has: its image and its other members, by their extension."""

    path: str
    image: bytes
    others: dict[str, bytes]


@dataclass(frozen=True)
class WebShards:
    """A source of webdataset shards; `published` is None for captioned images without classes."""

    shards: Sequence[Shard]
    published: PublishedSet | None
    where: str

    def survey(self) -> dict[str, int | None]:
        """Return the class of each image, by shard and key."""
        classes: dict[str, int | None] = {}
        for sample in self._samples():
            if sample.path in classes:
                raise InputError(
                    f"{self.where}: the key {sample.path} is there twice; get it again"
                )
            classes[sample.path] = self._class(sample)
        return classes

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the chosen images."""
        for path, image, others in self._samples():
            if path in chosen:
                caption = others["txt"].decode(errors="replace") if self.published is None else None
                yield Photo(path, lambda data=image: data, chosen[path], caption)

    def _samples(self) -> Iterator[Sample]:
        needed = "txt" if self.published is None else "cls"
        for shard in self.shards:
            for key, members in grouped(iterate_archive(shard.file)):
                images = [name for name in members if f".{name.lower()}" in IMAGES]
                if len(images) != 1 or needed not in members:
                    raise InputError(
                        f"{self.where}: {shard.name}: {key} was expected to have one image and "
                        f".{needed}, it has {', '.join(sorted(members))}; check `kind` and `files`"
                    )
                path = f"{shard.name}/{key}"
                yield Sample(path, members.pop(images[0]), members)

    def _class(self, sample: Sample) -> int | None:
        if self.published is None:
            return None
        labels, text = self.published.labels, sample.others["cls"].decode(errors="replace").strip()
        if not text.isdecimal() or int(text) >= len(labels):
            raise InputError(
                f"{self.where}: {sample.path}.cls: a label of 0 to {len(labels) - 1} was expected, "
                f"got {text!r}; check `kind` and `repository` in params.yaml"
            )
        class_ = labels[int(text)]
        self._check_wnid(sample, class_)
        return class_

    def _check_wnid(self, sample: Sample, class_: int) -> None:
        """Hold the label against the WordNet id that a companion .json may name."""
        assert self.published is not None  # noqa: S101
        found = {wnid.decode() for wnid in _WNID.findall(sample.others.get("json", b""))}
        known = {self.published.folders[wnid] for wnid in found & self.published.folders.keys()}
        if known and class_ not in known:
            raise InputError(
                f"{self.where}: {sample.path}.cls says class {class_} and its .json names "
                f"{', '.join(sorted(found))}; the labels of these shards are numbered otherwise"
            )


def grouped(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each key of a shard with its members: what stands before and after the first dot."""
    visible = (
        (PurePosixPath(name), data)
        for name, data in members
        if not PurePosixPath(name).name.startswith(".")
    )
    for key, group in groupby(visible, key=lambda member: _key(member[0])):
        yield key, {path.name.partition(".")[2]: data for path, data in group}


def _key(path: PurePosixPath) -> str:
    return str(path.with_name(path.name.partition(".")[0]))


def check_classnames(text: bytes, published: PublishedSet, where: str) -> None:
    """Hold the `classnames.txt` of a copy against the classes that its labels should have.

    Raises
    ------
    InputError
        It has another number of names, or another name for a label.
    """
    names = [line.strip() for line in text.decode().splitlines() if line.strip()]
    if len(names) != len(published.names):
        raise InputError(
            f"{where}: classnames.txt was expected to have {len(published.names)} names, it has "
            f"{len(names)}; check `kind` and `repository` in params.yaml"
        )
    for label, (name, expected) in enumerate(zip(names, published.names, strict=True)):
        if name.casefold() != expected.casefold():
            raise InputError(
                f"{where}: classnames.txt calls label {label} {name!r}, {expected!r} was expected: "
                "its labels are numbered otherwise; check `kind`, `repository` and `revision`"
            )
