"""The sources of datasets and weights: whether each is reachable, and its size."""

import math
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import humanize

from interpreting_clip.config.shifts import SHIFTS
from interpreting_clip.datasets.entries import (
    ImageNet,
    ImageNetCaptions,
    ImageNetLike,
    RealSet,
    tag,
)
from interpreting_clip.datasets.imagenet import IMAGES
from interpreting_clip.datasets.parquet import SUFFIX, parquet_files
from interpreting_clip.downloads.http import UNPARSED, mirrored, refusal, request
from interpreting_clip.downloads.hub import open_repository, require_access
from interpreting_clip.encoders.sources.source import AtHub, AtPath, AtUrl
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.study.check_datasets import class_count
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEntry
from interpreting_clip.study.sections import Sections
from interpreting_clip.synthetic.world import Recipe, World
from interpreting_clip.urls import public_url
from runner.machine_settings import Machine

TIMEOUT = (5.0, 10.0)
"""The most seconds to connect, and to wait for an answer."""

UNKNOWN = math.nan


def in_words(words: Callable[[float], str], *numbers: float) -> str:
    """Return a sum: `6.7 GB`, with ` + ?` if a part is unknown, and `?` if nothing is known."""
    known = [number for number in numbers if not math.isnan(number)]
    if len(known) == len(numbers):
        return words(sum(known))
    return f"{words(sum(known))} + ?" if any(known) else "?"


size = partial(in_words, humanize.naturalsize)
"""Return bytes."""


@dataclass(frozen=True)
class AskedSource:
    """A repository of the Hugging Face hub, a URL, or a file or folder on this machine.

    For a repository, `files` are glob patterns; the first one that matches a file is used.
    """

    kind: Literal["dataset", "model", "url", "folder"]
    name: str
    revision: str = ""
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the name; for a URL, without the scheme."""
        return self.name.partition("://")[2] if self.kind == "url" else self.name


@dataclass(frozen=True)
class Answer:
    """The facts about a source: why it cannot be reached (None if it can), bytes to download.

    `commit` is what the branch or tag of a repository stands for today. `asked` is false for a
    source that was not contacted.
    """

    problem: str | None = None
    download: float = UNKNOWN
    commit: str | None = None
    asked: bool = True


def dataset_sources(entry: DatasetEntry | ShiftEntry) -> list[AskedSource]:
    """Return the sources of a dataset; one that is drawn or absent has none."""
    if not isinstance(entry, RealSet):
        return []
    if entry.hub is not None:
        hub = entry.hub
        return [AskedSource("dataset", hub.repository, hub.revision, (hub.files,))]
    if entry.archive is not None:
        return [AskedSource("url", archive.url) for archive in entry.archive]
    captions = [entry.captions] if isinstance(entry, ImageNetCaptions) else []
    return [AskedSource("folder", path) for path in (entry.folder, *captions) if path is not None]


def weight_sources(study: Sections) -> dict[str, list[AskedSource]]:
    """Return the sources of each entry of `weights`; untrained weights have none."""
    found = {}
    for key, entry in study.weights.items():
        with error_context(f"'weights.{key}'"):
            location = entry.location(study.backbones[entry.backbone])
        match location:
            case AtHub(repository, files, revision):
                found[key] = [AskedSource("model", repository, revision, files)]
            case AtUrl(url):
                found[key] = [AskedSource("url", url)]
            case AtPath(file):
                found[key] = [AskedSource("folder", str(file))]
            case None:
                found[key] = []
    return found


def ask_all(
    sources: Iterable[AskedSource], machine: Machine, *, offline: bool
) -> dict[AskedSource, Answer]:
    """Ask every source once, many at a time; `offline` only looks at folders of this machine."""
    once = list(dict.fromkeys(sources))
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda source: ask(source, machine, offline=offline), once)
        return dict(zip(once, answers, strict=True))


def ask(source: AskedSource, machine: Machine, *, offline: bool) -> Answer:
    """Ask one source; nothing is downloaded."""
    if source.kind == "folder":
        return ask_folder(Path(machine.folders) / source.name)
    if offline:
        return Answer(asked=False)
    if source.kind == "url":
        try:
            return ask_url(mirrored(source.name, machine.mirror))
        except InputError as error:
            return Answer(str(error))
    return ask_hub(source)


def ask_folder(path: Path) -> Answer:
    """Check that a file or folder exists and is not empty.

    A path that ends in `.parquet` may be a pattern.
    """
    problem = None
    if not (parquet_files(path) if path.suffix == SUFFIX else path.exists()):
        problem = f"{path}: missing; check params.yaml and `folders` of this machine"
    elif path.is_dir() and not any(path.iterdir()):
        problem = f"{path}: an empty folder; is a disk to be mounted there?"
    return Answer(problem, 0)


def ask_url(url: str) -> Answer:
    """Ask a server for the first byte of a file, whose headers give its size.

    Not every server and mirror answers a HEAD request.
    """
    import requests

    first = {"Range": "bytes=0-0"}
    try:
        with request(url, TIMEOUT, first) as response:
            if refused := refusal(response.status_code):
                return Answer(f"{public_url(url)}: {'; '.join(refused)}")
            # `bytes 0-0/1234`, or the whole length if the server does not support ranges
            length = response.headers.get("Content-Range", "").rpartition("/")[2]
            length = length or response.headers.get("Content-Length", "")
    except (requests.RequestException, *UNPARSED) as error:
        name = type(error).__name__
        return Answer(f"{public_url(url)}: no connection ({name}); check the network")
    return Answer(download=int(length) if length.isdecimal() else UNKNOWN)


def ask_hub(source: AskedSource) -> Answer:
    """Ask the hub for the files of the first pattern that matches any, and for access to them.

    Gated repositories list their files to anybody, so access to the first file is checked, without
    its content.
    """
    kind, stated = "model" if source.kind == "model" else "dataset", UNKNOWN
    try:
        repository = open_repository(source.name, source.revision, kind, attempts=1)
        paths = repository.matching(*source.files)
        stated = sum(repository.files[path].size for path in paths)
        require_access(repository, paths[0], attempts=1)
    except InputError as error:
        return Answer(str(error), stated)
    pinned = re.fullmatch(r"[0-9a-f]{40}", source.revision)
    return Answer(None, stated, None if pinned else repository.revision)


VALIDATION, TRAIN = IMAGES["imagenet"]

PUBLISHED_IMAGES = {
    **{name: shift.images for name, shift in SHIFTS.items()},
    **{"imagenet_val": VALIDATION, "imagenet_train": TRAIN},
    **{"broden": 63_305, "imagenet_captions": 463_622},
}
"""Images of the sets by kind, of ImageNet's two by entry; of ObjectNet, those of its classes."""

PUBLISHED_BYTES = {
    **{"imagenet_train": 147.9e9, "imagenet_val": 6.74e9, "imagenet_v2": 1.26e9},
    **{"imagenet_r": 2.19e9, "imagenet_sketch": 7.6e9, "imagenet_a": 0.69e9},
    # a guess for 224 × 224 pixels, and ImageNet's images
    **{"broden": 63_305 * 0.6 * 224**2, "imagenet_captions": 463_622 * 115e3},
}
"""Bytes of the sets' archives, rounded, by the same names."""


def image_count(key: str, entry: DatasetEntry | ShiftEntry) -> float:
    """Return the number of images of a dataset, after its limit.

    A limit takes the same number of each class, and fewer of a class that has fewer; so this is the
    most that there can be.
    """
    whole = official_count(key, entry)
    limit = entry.limit if isinstance(entry, RealSet) else None
    if limit is None or limit >= whole:
        return whole
    return limit - limit % class_count(entry) if isinstance(entry, ImageNetLike) else limit


def official_count(key: str, entry: DatasetEntry | ShiftEntry) -> float:
    """Return the number of images without a limit, if it is published.

    It is unknown for an entry that holds only a part of its set (`partial`).
    """
    if not isinstance(entry, RealSet):
        return entry.images if isinstance(entry, Recipe) else 0
    return UNKNOWN if entry.partial else PUBLISHED_IMAGES.get(set_name(key, entry), UNKNOWN)


def image_bytes(key: str, entry: DatasetEntry | ShiftEntry, world: World | None) -> float:
    """Return roughly the bytes of one image as it is stored."""
    if isinstance(entry, Recipe):
        # Measured on the miniature: a PNG of noise has 3.1 bytes a pixel, its tar members 2 KiB.
        return 3.1 * world.image_size**2 + 2048 if world else UNKNOWN
    name = set_name(key, entry)
    return PUBLISHED_BYTES.get(name, UNKNOWN) / PUBLISHED_IMAGES.get(name, UNKNOWN)


def set_name(key: str, entry: DatasetEntry | ShiftEntry) -> str:
    """Return the name of an entry's set: its kind, or the entry's own of ImageNet's two sets."""
    return key if isinstance(entry, ImageNet) else tag(entry)
