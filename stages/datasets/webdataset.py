"""Images in webdataset shards of others: tars with `<key>.jpg` and `<key>.cls` or `<key>.txt`.

Looked up: clip_benchmark 1.6, `webdataset_builder.py`, writes `<split>/<n>.tar` with keys such as
s0000007, one of .webp, .png, .jpg and .cls, and `classnames.txt`; timm's `imagenet-1k-wds` has
.jpg, .cls and a .json whose `filename` holds the WordNet id; img2dataset writes .jpg, .txt, .json.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from stages.datasets.class_folders import IMAGES
from stages.datasets.imagenet import PublishedSet
from stages.datasets.photos import Photo
from stages.downloads.archives import iterate_archive
from stages.runtime.errors import InputError

RENAMED = 0.05
"""The share of classes that a copy may call by names that no class has."""

_WNID = re.compile(rb"n\d{8}")


class Shard(NamedTuple):
    """One tar: its name in the source, and where it lies here."""

    name: str
    file: Path


@dataclass(frozen=True)
class WebShards:
    """A source of webdataset shards; `published` is None for captioned images without classes."""

    shards: Sequence[Shard]
    published: PublishedSet | None
    where: str

    def survey(self) -> dict[str, int | None]:
        """Return the class of each image, by shard and key; no image is read for it.

        Raises
        ------
        InputError
            A key is there twice, lacks its image or label, or has a label of another set.
        """
        classes: dict[str, int | None] = {}
        for shard in self.shards:
            for key, members in grouped(_without_images(shard.file, self._place(shard))):
                path = f"{shard.name}/{key}"
                self._check(path, members)
                if path in classes:
                    raise InputError(f"{self.where}: the key {path} is there twice; get it again")
                classes[path] = self._class(path, members)
        return classes

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the chosen images."""
        for shard in self.shards:

            def is_chosen(name: str, shard: Shard = shard) -> bool:
                return f"{shard.name}/{split(name)[0]}" in chosen

            files = iterate_archive(shard.file, wanted=is_chosen, where=self._place(shard))
            for key, members in grouped(files):
                path = f"{shard.name}/{key}"
                image = next(data for name, data in members.items() if _is_image(name))
                caption = members["txt"].decode(errors="replace") if "txt" in members else None
                yield Photo(path, lambda data=image: data, chosen[path], caption)

    def _place(self, shard: Shard) -> str:
        return f"{self.where}: {shard.name}"

    def _check(self, path: str, members: Mapping[str, bytes]) -> None:
        needed = "txt" if self.published is None else "cls"
        if sum(map(_is_image, members)) != 1 or needed not in members:
            raise InputError(
                f"{self.where}: {path} was expected to have one image and .{needed}, it has "
                f"{', '.join(sorted(members))}; check `kind` and `files` in params.yaml"
            )

    def _class(self, path: str, members: Mapping[str, bytes]) -> int | None:
        if self.published is None:
            return None
        labels, text = self.published.labels, members["cls"].decode(errors="replace").strip()
        if not text.isdecimal() or int(text) >= len(labels):
            raise InputError(
                f"{self.where}: {path}.cls: a label of 0 to {len(labels) - 1} was expected, got "
                f"{text!r}; check `kind` and `repository` in params.yaml"
            )
        class_ = labels[int(text)]
        wnids = {wnid.decode() for wnid in _WNID.findall(members.get("json", b""))}
        known = {self.published.folders[wnid] for wnid in wnids & self.published.folders.keys()}
        if known and class_ not in known:
            raise InputError(
                f"{self.where}: {path}.cls says class {class_} and its .json names "
                f"{', '.join(sorted(wnids))}; the labels of these shards are numbered otherwise"
            )
        return class_


def grouped(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each key of a shard with its members, by their extensions."""
    visible = ((*split(name), data) for name, data in members if not is_hidden(name))
    for key, group in groupby(visible, key=lambda member: member[0]):
        yield key, {extension: data for _, extension, data in group}


def split(name: str) -> tuple[str, str]:
    """Return a member's key and extension: what stands before and after its name's first dot."""
    folder, slash, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return folder + slash + key, extension


def is_hidden(name: str) -> bool:
    """Say whether a member is one that a system left, such as `._a.jpg`."""
    return name.rpartition("/")[2].startswith(".")


def _is_image(extension: str) -> bool:
    return f".{extension.lower()}" in IMAGES


def _without_images(file: Path, where: str) -> list[tuple[str, bytes]]:
    """All members of a shard, the images empty."""
    names: list[str] = []

    def is_label(name: str) -> bool:
        names.append(name)
        return not _is_image(split(name)[1])

    contents = dict(iterate_archive(file, wanted=is_label, where=where))
    return [(name, contents.get(name, b"")) for name in names]


def check_classnames(text: bytes, published: PublishedSet, where: str) -> None:
    """Hold the `classnames.txt` of a copy against the classes that its labels should have.

    Names of single classes have been corrected over the years (crane, kite, maillot), and a copy
    has those of its day. So some may be names that no class has now; none may be another class's.

    Raises
    ------
    InputError
        It has another number of names, another class's name for a label, or many that are unknown.
    """
    names = [line.strip() for line in text.decode().splitlines() if line.strip()]
    if len(names) != len(published.names):
        raise InputError(
            f"{where}: classnames.txt was expected to have {len(published.names)} names, it has "
            f"{len(names)}; check `kind` and `repository` in params.yaml"
        )
    known = {name.casefold() for name in published.names}
    pairs = enumerate(zip(names, published.names, strict=True))
    differ = [label for label, (name, own) in pairs if name.casefold() != own.casefold()]
    others = [label for label in differ if names[label].casefold() in known]
    if others or len(differ) > RENAMED * len(names):
        label = (others or differ)[0]
        raise InputError(
            f"{where}: classnames.txt calls label {label} {names[label]!r}, "
            f"{published.names[label]!r} was expected: its labels are numbered otherwise; check "
            "`kind`, `repository` and `revision`"
        )
