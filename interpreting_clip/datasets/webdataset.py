"""Images in webdataset shards of others: tars of `<key>.jpg` and `<key>.cls` or `<key>.txt`.

We looked up the layouts. clip_benchmark 1.6, `webdataset_builder.py`, writes `<split>/<n>.tar` with
keys such as s0000007, one of .webp, .png, .jpg and .cls, and `classnames.txt`; timm's
`imagenet-1k-wds` has .jpg, .cls and a .json whose `filename` holds the WordNet id; img2dataset
writes .jpg, .txt, .json.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from interpreting_clip.datasets.entries import Captions, RealShift
from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.label_names import AGREEING, check_order
from interpreting_clip.datasets.layout import (
    IsWanted,
    OpenedSource,
    SourceImage,
    check_wnids,
    is_image,
    refuse_others,
    walk,
)
from interpreting_clip.datasets.own_classes import UNNUMBERED
from interpreting_clip.downloads.archives import iterate_archive
from interpreting_clip.errors import InputError, error_context

CLASSNAMES = "classnames.txt"
"""The names of the labels of a copy on the hub, one per line."""


def fits(place: OpenedSource) -> bool:
    """Say whether a source has shards: captions, the hub, or tars in the folder of an own shift."""
    entry, folder = place.entry, place.folder
    if isinstance(entry, Captions) or entry.hub is not None:
        return True
    if folder is None or not isinstance(entry, RealShift):
        return False
    return any(path.endswith(".tar") for path, _ in walk(folder))


def images(place: OpenedSource, wanted: IsWanted) -> Iterator[SourceImage]:
    """Yield the images of shards by shard and key; where the set has no classes, with captions."""
    known = place.known
    if known.classes and not known.labels:
        raise ValueError(UNNUMBERED)
    shards = {path: file for path, file in place.files.items() if path != CLASSNAMES}
    if place.folder is not None:
        files = dict(walk(place.folder))
        shards = {path: file for path, file in files.items() if path.endswith(".tar")}
        if isinstance(place.entry, RealShift):  # img2dataset adds tables
            refuse_others(shards, files)
    if not shards:
        raise ValueError("expected webdataset shards (*.tar), found none")
    needed = "cls" if known.classes else "txt"
    for shard, file in shards.items():

        def is_read(name: str, shard: str = shard) -> bool:
            key, extension = split_key(name)
            # Labels, and the images that are wanted.
            return extension in ("cls", "json", "txt") or wanted(f"{shard}/{key}")

        members = iterate_archive(file, f"{place.where}: {shard}", is_read)
        for key, parts in grouped(members):
            name = f"{shard}/{key}"
            pictures = [data for extension, data in parts.items() if is_image(f"a.{extension}")]
            if len(pictures) != 1 or needed not in parts:
                raise ValueError(
                    f"{name}: expected one image and .{needed}, got {', '.join(sorted(parts))}; "
                    "check `kind` and `files` in params.yaml"
                )
            class_ = _class(parts, known, name) if needed == "cls" else None
            caption = parts["txt"].decode(errors="replace") if "txt" in parts else None
            yield SourceImage(name, class_, lambda data=pictures[0]: data, caption)


def check_names(place: OpenedSource) -> None:
    """Compare a copy's `classnames.txt` with the set; copies of ImageNet itself need none."""
    known, own_shift = place.known, isinstance(place.entry, RealShift)
    if not known.classes:
        return
    if CLASSNAMES in place.files:
        lines = place.files[CLASSNAMES].read_text().splitlines()
        names = [line.strip() for line in lines if line.strip()]
        with error_context(f"{place.where}: {CLASSNAMES}", ValueError):
            # A set of the user's own may call its classes what it likes, but not by another's name.
            check_order(names, known, 0.0 if own_shift else AGREEING)
    elif not (own_shift or known.numbered):
        raise InputError(
            f"{place.where}: no {CLASSNAMES} beside the shards, which defines their labels; use "
            "one of the copies clip-benchmark/wds_*"
        )


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
        parts: dict[str, bytes] = {}
        for _, extension, data in group:
            if extension in parts:
                raise ValueError(f"{key}.{extension} is there twice; pack the shard again")
            parts[extension] = data
        yield key, parts


def split_key(name: str) -> tuple[str, str]:
    """Return a member's key and extension: its name before and after the first dot."""
    folder, slash, file = name.rpartition("/")
    key, _, extension = file.partition(".")
    return folder + slash + key, extension


def _class(members: Mapping[str, bytes], published: PublishedSet, path: str) -> int:
    """Return the class in an image's .cls, checked against the WordNet ids in its .json."""
    labels, text = published.labels, members["cls"].decode(errors="replace").strip()
    if not text.isdecimal() or int(text) >= len(labels):
        raise ValueError(
            f"{path}.cls: expected a label from 0 to {len(labels) - 1}, got {text!r}; check `kind` "
            "and `repository` in params.yaml"
        )
    class_ = labels[int(text)]
    check_wnids(members.get("json", b"").decode(errors="replace"), class_, path, published)
    return class_
