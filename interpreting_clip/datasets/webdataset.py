"""Images in webdataset shards of others: tars of `<key>.jpg` and `<key>.cls` or `<key>.txt`.

We looked up the layouts. clip_benchmark 1.6, `webdataset_builder.py`, writes `<split>/<n>.tar` with
keys such as s0000007, one of .webp, .png, .jpg and .cls, and `classnames.txt`; timm's
`imagenet-1k-wds` has .jpg, .cls and a .json whose `filename` holds the WordNet id; img2dataset
writes .jpg, .txt, .json.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from interpreting_clip.datasets.class_folders import File, Files
from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.images import SUFFIXES
from interpreting_clip.downloads.archives import iterate_archive

RENAMED = 0.05
"""The share of a copy's class names that may belong to no class today."""


def shard_labels(
    shards: Mapping[str, Path], published: PublishedSet, where: str
) -> tuple[dict[str, int | None], dict[str, str]]:
    """Return the class of each image and its caption, if any, without reading an image.

    An image is named by its shard and key. If the set has no classes, each image needs a caption.

    Raises
    ------
    ValueError
        A key lacks its image or label, comes twice, or has a label of another set.
    """
    needed = "cls" if published.classes else "txt"
    classes: dict[str, int | None] = {}
    captions: dict[str, str] = {}
    for shard, file in shards.items():
        for key, members in grouped(_labels(file, f"{where}: {shard}", needed)):
            image = f"{shard}/{key}"
            if image in classes:
                raise ValueError(f"{image} is there twice; pack the shard with unique keys")
            if sum(map(_is_image, members)) != 1 or needed not in members:
                raise ValueError(
                    f"{image}: expected one image and .{needed}, got {', '.join(sorted(members))}; "
                    "check `kind` and `files` in params.yaml"
                )
            classes[image] = _class(members, published, image) if needed == "cls" else None
            if "txt" in members:
                captions[image] = members["txt"].decode(errors="replace")
    return classes, captions


def shard_images(shards: Mapping[str, Path], where: str) -> Files:
    """Return the images of shards by shard and key."""

    def files(wanted: Callable[[str], bool]) -> Iterator[File]:
        for shard, file in shards.items():

            def is_wanted(name: str, shard: str = shard) -> bool:
                key, extension = split_key(name)
                return _is_image(extension) and wanted(f"{shard}/{key}")

            for name, data in iterate_archive(file, f"{where}: {shard}", is_wanted):
                yield File(f"{shard}/{split_key(name)[0]}", lambda data=data: data)

    return files


def grouped(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each key of a shard with its members by extension.

    Members whose names begin with a dot, such as `._a.jpg`, come from an operating system.
    """
    visible = (
        (*split_key(name), data)
        for name, data in members
        if not name.rpartition("/")[2].startswith(".")
    )
    for key, group in groupby(visible, key=lambda member: member[0]):
        yield key, {extension: data for _, extension, data in group}


def split_key(name: str) -> tuple[str, str]:
    """Return a member's key and extension: its name before and after the first dot."""
    folder, slash, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return folder + slash + key, extension


def _is_image(extension: str) -> bool:
    return f".{extension.lower()}" in SUFFIXES


def _labels(file: Path, where: str, needed: str) -> list[tuple[str, bytes]]:
    """Return all members of a shard; those that are not labels are left empty."""
    names: list[str] = []
    extensions = ("cls", "json", "txt") if needed == "cls" else ("txt",)

    def is_label(name: str) -> bool:
        names.append(name)
        return split_key(name)[1] in extensions

    contents = dict(iterate_archive(file, where, is_label))
    return [(name, contents.get(name, b"")) for name in names]


def _class(members: Mapping[str, bytes], published: PublishedSet, path: str) -> int:
    """Return the class in an image's .cls, checked against the WordNet ids in its .json."""
    labels, text = published.labels, members["cls"].decode(errors="replace").strip()
    if not text.isdecimal() or int(text) >= len(labels):
        raise ValueError(
            f"{path}.cls: expected a label from 0 to {len(labels) - 1}, got {text!r}; check `kind` "
            "and `repository` in params.yaml"
        )
    class_ = labels[int(text)]
    wnids = set(re.findall(r"n\d{8}", members.get("json", b"").decode(errors="replace")))
    known = {published.folders[wnid] for wnid in wnids & published.folders.keys()}
    if known and class_ not in known:
        raise ValueError(
            f"{path}.cls has class {class_}, but its .json names "
            f"{', '.join(sorted(wnids))}; the labels of these shards are numbered differently"
        )
    return class_


def check_classnames(text: bytes, published: PublishedSet, most_unknown: float = RENAMED) -> None:
    """Compare the `classnames.txt` of a copy with the classes that its labels should have.

    Some names have been corrected over the years (crane, kite, maillot), and a copy has the names
    of its time. So some names may belong to no class today, but none to another class.

    Parameters
    ----------
    text : the file
    published : the known facts about the set
    most_unknown : the share of the names that may belong to no class, 0 to 1

    Raises
    ------
    ValueError
        It has another number of names, another class's name for a label, or many unknown names.
    """
    names = [line.strip() for line in text.decode().splitlines() if line.strip()]
    if len(names) != len(published.names):
        raise ValueError(
            f"classnames.txt: expected {len(published.names)} names, got {len(names)}; check "
            "`kind` and `repository` in params.yaml"
        )
    known = {name.casefold() for name in published.names}
    pairs = enumerate(zip(names, published.names, strict=True))
    differ = [label for label, (name, own) in pairs if name.casefold() != own.casefold()]
    others = [label for label in differ if names[label].casefold() in known]
    if others or len(differ) > most_unknown * len(names):
        label = (others or differ)[0]
        raise ValueError(
            f"classnames.txt: label {label}: expected {published.names[label]!r}, got "
            f"{names[label]!r}, so labels are numbered differently; check `kind`, `repository` and "
            "`revision`"
        )
