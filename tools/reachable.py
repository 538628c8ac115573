"""The sources of datasets and weights: whether each is reachable, and its size."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Literal

from interpreting_clip.datasets.entries import ImageNetCaptions, RealSet
from interpreting_clip.datasets.parquet import SUFFIX, parquet_files
from interpreting_clip.downloads.http import UNPARSED, mirrored, refusal, request
from interpreting_clip.downloads.hub import open_repository, require_access
from interpreting_clip.encoders.sources.source import AtHub, AtPath, AtUrl
from interpreting_clip.errors import InputError, error_context, public_url
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEntry
from interpreting_clip.study.sections import Sections
from runner.machine_settings import Machine

TIMEOUT = (5.0, 10.0)
"""The most seconds to connect, and to wait for an answer."""


@dataclass(frozen=True)
class AskedSource:
    """A repository of the Hugging Face hub, a URL, or a file or folder on this machine.

    For a repository, `files` are glob patterns; the first one that matches a file is used.
    """

    kind: Literal["dataset", "model", "url", "folder"]
    name: str
    revision: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The facts about a source: its state, bytes to download, why it cannot be reached (or "")."""

    state: str = "reached"
    download: float = nan
    problem: str = ""


def dataset_sources(entry: DatasetEntry | ShiftEntry) -> list[AskedSource]:
    """Return the sources of a dataset; a drawn or absent dataset has none."""
    if not isinstance(entry, RealSet):
        return []
    if (hub := entry.hub) is not None:
        return [AskedSource("dataset", hub.repository, hub.revision, (hub.files,))]
    if entry.archive is not None:
        return [AskedSource("url", archive.url) for archive in entry.archive]
    captions = [entry.captions] if isinstance(entry, ImageNetCaptions) else []
    return [AskedSource("folder", path) for path in (entry.folder, *captions) if path is not None]


def weight_sources(study: Sections) -> dict[str, list[AskedSource]]:
    """Return the sources of each entry of `weights` but untrained ones, which have none."""
    sources = {}
    for key, entry in study.weights.items():
        with error_context(f"'weights.{key}'"):
            location = entry.location(study.backbones[entry.backbone])
        match location:
            case AtHub(repository, files, revision):
                sources[key] = [AskedSource("model", repository, revision, files)]
            case AtUrl(url):
                sources[key] = [AskedSource("url", url)]
            case AtPath(file):
                sources[key] = [AskedSource("folder", str(file))]
    return sources


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
    try:
        if source.kind == "folder":
            return _ask_folder(Path(machine.folders) / source.name)
        if offline:
            return Answer("not asked")
        if source.kind == "url":
            return _ask_url(mirrored(source.name, machine.mirror))
        return _ask_hub(source)
    except InputError as error:
        download = 0 if source.kind == "folder" else nan
        return Answer("CANNOT BE REACHED", download, str(error))


def _ask_folder(path: Path) -> Answer:
    # A path that ends in `.parquet` may be a pattern.
    if not (parquet_files(path) if path.suffix == SUFFIX else path.exists()):
        raise InputError(f"{path}: missing; check params.yaml and `folders` of this machine")
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"{path}: an empty folder; is a disk to be mounted there?")
    return Answer(download=0)


def _ask_url(url: str) -> Answer:
    import requests

    try:
        # Not every server and mirror answers a HEAD request, so the first byte is asked for.
        with request(url, TIMEOUT, {"Range": "bytes=0-0"}) as response:
            if refused := refusal(response.status_code):
                raise InputError(f"{public_url(url)}: {'; '.join(refused)}")
            # `bytes 0-0/1234`, or the whole length if the server does not support ranges
            length = response.headers.get("Content-Range", "").rpartition("/")[2]
            length = length or response.headers.get("Content-Length", "")
    except (requests.RequestException, *UNPARSED) as error:
        why = f"no connection ({type(error).__name__}); check the network"
        raise InputError(f"{public_url(url)}: {why}") from None
    return Answer(download=int(length) if length.isdecimal() else nan)


def _ask_hub(source: AskedSource) -> Answer:
    """Ask for the files of the first pattern that matches any, and for access to the first file.

    Gated repositories list their files to anybody.
    """
    kind = "model" if source.kind == "model" else "dataset"
    repository = open_repository(source.name, source.revision, kind, attempts=1)
    paths = repository.matching(*source.files)
    require_access(repository, paths[0], attempts=1)
    pinned = re.fullmatch(r"[0-9a-f]{40}", source.revision)
    state = "reached" if pinned else f"reached; pin {repository.revision}"
    return Answer(state, sum(repository.files[path].size for path in paths))
