"""Which places can be reached from here, and how much there is to download."""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stages.config.datasets import DatasetEntry, ImageNetCaptions, RealSet
from stages.config.machine import Machine
from stages.config.sections import Sections
from stages.downloads.http import mirrored, reason, remedy
from stages.downloads.hub import Kind, announced, repository_files
from stages.encoders.locations import AtHub, AtPath, AtUrl, locate_weights
from stages.runtime.errors import InputError, without_login
from tools.amounts import UNKNOWN, Amount


@dataclass(frozen=True)
class Repository:
    """Files of a repository on the Hugging Face hub: those of the first pattern with a match."""

    name: str
    revision: str
    patterns: tuple[str, ...]
    kind: Literal["dataset", "model"]

    def __str__(self) -> str:
        """Return the repository as a reader knows it."""
        return self.name


@dataclass(frozen=True)
class Url:
    """A file by its URL."""

    address: str

    def __str__(self) -> str:
        """Return the URL without its scheme."""
        return self.address.partition("://")[2]


@dataclass(frozen=True)
class Folder:
    """A file or folder on this machine."""

    path: str

    def __str__(self) -> str:
        """Return the path."""
        return self.path


Location = Repository | Url | Folder


def dataset_locations(entry: DatasetEntry) -> list[Location]:
    """Return the places of a dataset; one that is drawn or absent has none."""
    if not isinstance(entry, RealSet):
        return []
    if entry.hub is not None:
        hub = entry.hub
        return [Repository(hub.repository, hub.revision, (hub.files,), "dataset")]
    if entry.archive is not None:
        return [Url(archive.url) for archive in entry.archive]
    captions = [Folder(entry.captions)] if isinstance(entry, ImageNetCaptions) else []
    return [*([] if entry.folder is None else [Folder(entry.folder)]), *captions]


THREADS = 16


@dataclass(frozen=True)
class Reach:
    """What was found of a place: why it cannot be reached or None, and its bytes.

    `asked` is false where nobody has looked. `commit` is what a branch or tag stands for today.
    """

    problem: str | None
    download: Amount
    asked: bool = True
    commit: str | None = None


def probe(
    locations: Iterable[Location], machine: Machine, *, offline: bool
) -> dict[Location, Reach]:
    """Ask every place once, many at a time; `offline` looks at this machine's folders alone."""
    places = list(dict.fromkeys(locations))
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda place: reach(place, machine, offline=offline), places)
        return dict(zip(places, found, strict=True))


def reach(place: Location, machine: Machine, *, offline: bool) -> Reach:
    """Ask one place; nothing is downloaded."""
    if isinstance(place, Folder):
        return Reach(folder_problem(place.path, machine.folders), Amount(0))
    if offline:
        return Reach(None, UNKNOWN, asked=False)
    if isinstance(place, Url):
        problem, size = url_problem(place.address, machine.mirror)
        return Reach(problem, known(size))
    return reach_repository(place)


def reach_repository(place: Repository) -> Reach:
    """Ask the hub for the files of the first pattern with a match."""
    found = []
    for pattern in place.patterns:
        problem, size = repository_problem(place.name, place.revision, pattern, place.kind)
        if problem is None:
            return Reach(None, known(size), commit=commit_to_pin(place, pattern))
        found.append(Reach(problem, known(size)))
    return found[0]


def known(size: int | None) -> Amount:
    """Return the bytes that somebody has told, or has not."""
    return UNKNOWN if size is None else Amount(size)


def commit_to_pin(place: Repository, pattern: str) -> str | None:
    """Return the commit that a branch or tag stands for today; None where a commit is given."""
    from stages.downloads.hub import repository_files

    if re.fullmatch(r"[0-9a-f]{40}", place.revision):
        return None
    return repository_files(place.name, place.revision, pattern, place.kind)[0].commit


def weight_places(study: Sections) -> dict[str, list[Location]]:
    """Return the places of each entry of `weights`; fresh weights have none.

    Raises
    ------
    InputError
        Names each entry whose weights its library does not have, or not for its backbone.
    """
    found, broken = {}, []
    for key, entry in study.weights.items():
        try:
            found[key] = places(locate_weights(entry, study.backbones[entry.backbone]))
        except InputError as error:
            broken.append(f"'weights.{key}': {str(error).removeprefix('weights: ')}")
    if broken:
        raise InputError("\n       ".join(broken))
    return found


def places(location: AtHub | AtUrl | AtPath | None) -> list[Location]:
    """Return a location of weights as one that can be asked."""
    match location:
        case AtHub():
            return [Repository(location.repository, location.revision, location.files, "model")]
        case AtUrl():
            return [Url(location.url)]
        case AtPath():
            return [Folder(str(location.file))]
    return []


TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and for an answer."""

Found = tuple[str | None, int | None]
"""What stands in the way, None if nothing does; and the bytes to download, None if unknown."""


def url_problem(url: str, mirror: str | None = None) -> Found:
    """Say what stands in the way of `download`, and how many bytes it would bring.

    A server that refuses HEAD is asked for one byte.
    """
    import requests

    place = mirrored(url, mirror)
    shown = without_login(place)
    same = {"Accept-Encoding": "identity"}
    try:
        with requests.head(place, headers=same, timeout=TIMEOUT, allow_redirects=True) as answer:
            if reason(answer.status_code) is None:
                return None, length(answer.headers.get("Content-Length"))
        one = same | {"Range": "bytes=0-0"}
        with requests.get(place, headers=one, timeout=TIMEOUT, stream=True) as answer:
            why = reason(answer.status_code)
            if why:
                return f"{shown}: {why}; {remedy(answer.status_code)}", None
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            return None, length(total or answer.headers.get("Content-Length"))
    except requests.RequestException as error:
        return f"{shown}: no connection ({type(error).__name__}); check the network", None


def repository_problem(
    repository: str, revision: str, pattern: str, kind: Kind = "dataset"
) -> Found:
    """Say what stands in the way of fetching the files that match, and how many bytes they have.

    A gated repository lists its files to anybody: the first is asked for, without its content.
    """
    size = None
    try:
        files = repository_files(repository, revision, pattern, kind, attempts=1)
        size = sum(file.size for file in files)
        announced(repository, files[0].path, files[0].commit, kind, attempts=1)
    except InputError as error:
        return str(error), size
    return None, size


def folder_problem(path: str, folders: str) -> str | None:
    """Say what stands in the way of reading a folder or a file, a relative one below `folders`."""
    place = Path(folders) / path
    if not os.access(place, os.F_OK):
        return f"{place}: not there; check the path in params.yaml and `folders` of this machine"
    if not os.access(place, os.R_OK):
        return f"{place}: may not be read; change its permissions"
    if place.is_dir() and not any(place.iterdir()):
        return f"{place}: an empty folder; is a disk to be mounted there?"
    return None


def length(text: str | None) -> int | None:
    """Return a number of bytes as a header gives it, None where it does not."""
    return int(text) if text and text.isdecimal() else None
