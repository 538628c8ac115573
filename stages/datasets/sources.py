"""Opens the source that an entry names: a repository of the hub, archives or a folder."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from stages.config.datasets import (
    Archive,
    Captions,
    Hub,
    ImageNet,
    ImageNetCaptions,
    ImageNetLike,
    RealSet,
)
from stages.config.machine import Machine
from stages.datasets.captions import CaptionedImages, read_captions
from stages.datasets.class_folders import ClassFolders
from stages.datasets.imagenet import PublishedSet
from stages.datasets.photos import File, Files, Source
from stages.datasets.webdataset import Shard, WebShards, check_classnames
from stages.downloads.archives import iterate_archive
from stages.downloads.http import download
from stages.downloads.hub import fetch_file, repository_files
from stages.files.folders import file_digest
from stages.runtime.errors import InputError


def find_folder(folder: str, folders: str) -> Path:
    """Return the folder that an entry names, a relative path below the machine's `folders`.

    Raises
    ------
    InputError
        There is no such folder.
    """
    path = Path(folders) / folder
    if not path.is_dir():
        raise InputError(
            f"{path}: the folder of a dataset was expected, there is none; check `folder` in "
            "params.yaml, and the machine's setting `folders`, below which relative paths lie"
        )
    return path


def folder_files(root: Path) -> Files:
    """Return the files below `root`; numbers in names are sorted as numbers, so 2 before 10."""

    def files(wanted: Callable[[str], bool]) -> Iterator[File]:
        for directory, inner, names in os.walk(root, followlinks=True):
            inner.sort(key=natural)
            for name in sorted(names, key=natural):
                file = Path(directory) / name
                path = file.relative_to(root).as_posix()
                if wanted(path):
                    yield File(path, file.read_bytes)

    return files


def natural(name: str) -> list[str | int]:
    """Return a key that sorts names with the numbers in them as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


CLASSNAMES = "classnames.txt"


def open_classified(entry: ImageNetLike, published: PublishedSet, machine: Machine) -> Source:
    """Open a set whose images have an ImageNet class: webdataset on the hub, else class folders.

    Raises
    ------
    InputError
        The source cannot be had, or its labels are not those of the set.
    """
    if entry.hub is not None:
        where, commit, shards = _hub_shards(entry.hub, machine)
        _check_labels(entry, entry.hub, commit, published, machine)
        return Source(
            WebShards(shards, published, where), where, {entry.hub.repository: commit}, published
        )
    files, where, origin = _files(entry, machine)
    return Source(ClassFolders(files, published, where), where, origin, published)


def open_captions(entry: Captions, machine: Machine) -> Source:
    """Open webdataset shards with a caption per image, from the hub, by URL or in a folder.

    Raises
    ------
    InputError
        The source cannot be had, or has no shard.
    """
    if entry.hub is not None:
        where, commit, shards = _hub_shards(entry.hub, machine)
        return Source(WebShards(shards, None, where), where, {entry.hub.repository: commit}, None)
    if entry.archive is not None:
        shards = [Shard(item.url, _download(item, machine)) for item in entry.archive]
        where = entry.archive[0].url
        return Source(WebShards(shards, None, where), where, _archive_origin(entry.archive), None)
    folder = str(entry.folder)
    root = find_folder(folder, machine.folders)
    tars = [file.path for file in folder_files(root)(lambda path: path.endswith(".tar"))]
    if not tars:
        raise InputError(f"{root}: webdataset shards (*.tar) were expected, there are none")
    shards = [Shard(path, root / path) for path in tars]
    return Source(WebShards(shards, None, str(root)), str(root), {folder: ""}, None)


def open_imagenet_captions(
    entry: ImageNetCaptions, published: PublishedSet, machine: Machine
) -> Source:
    """Open ImageNet's train images, in class folders, with the captions of ImageNet-Captions.

    Raises
    ------
    InputError
        The source cannot be had, is of the hub, or the captions' file is none.
    """
    if entry.hub is not None:
        raise InputError(
            f"{entry.hub.repository}: ImageNet-Captions names files of ImageNet's train set, which "
            "shards of the hub do not have; give it as `source: folder` or `source: archive`"
        )
    file = Path(machine.folders) / entry.captions
    entries = read_captions(file)
    files, where, origin = _files(entry, machine)
    images = ClassFolders(files, published, where)
    origin = {**origin, entry.captions: file_digest(file)}
    return Source(CaptionedImages(images, entries, entry.partial), where, origin, published)


def _hub_shards(hub: Hub, machine: Machine) -> tuple[str, str, list[Shard]]:
    """The repository with its commit for errors, the commit, and its shards, downloaded.

    The shards stay among the machine's downloads, so a run that was cut off resumes.
    """
    files = repository_files(hub.repository, hub.revision, hub.files)
    commit, downloads = files[0].commit, Path(machine.downloads)
    shards = [
        Shard(file.path, fetch_file(hub.repository, file.path, commit, "dataset", downloads))
        for file in files
    ]
    return f"{hub.repository}@{commit[:12]}", commit, shards


def _check_labels(
    entry: ImageNetLike, hub: Hub, commit: str, published: PublishedSet, machine: Machine
) -> None:
    """Hold the copy's `classnames.txt` against the set; of ImageNet alone, copies need none."""
    where = f"{hub.repository}@{commit[:12]}"
    paths = [file.path for file in repository_files(hub.repository, commit, "*")]
    if CLASSNAMES in paths:
        downloads = Path(machine.downloads)
        file = fetch_file(hub.repository, CLASSNAMES, commit, "dataset", downloads)
        check_classnames(file.read_bytes(), published, where)
    elif not isinstance(entry, ImageNet):
        raise InputError(
            f"{where}: {CLASSNAMES} was expected beside the shards, since it alone says which "
            "classes the labels mean; take one of the copies clip-benchmark/wds_*"
        )


def _files(entry: RealSet, machine: Machine) -> tuple[Files, str, dict[str, str]]:
    """The files of a folder or of archives, what to call them in errors, and their origin."""
    if entry.archive is not None:
        local = [(item.url, _download(item, machine)) for item in entry.archive]
        where = entry.archive[0].url
        return _archived(local), where, _archive_origin(entry.archive)
    folder = str(entry.folder)
    root = find_folder(folder, machine.folders)
    return folder_files(root), str(root), {folder: ""}


def _archived(local: list[tuple[str, Path]]) -> Files:
    def files(wanted: Callable[[str], bool]) -> Iterator[File]:
        for url, path in local:
            for name, data in iterate_archive(path, wanted=wanted, where=url):
                yield File(name, lambda data=data: data)

    return files


def _download(item: Archive, machine: Machine) -> Path:
    return download(item.url, item.sha256, Path(machine.downloads), mirror=machine.mirror)


def _archive_origin(archives: list[Archive]) -> dict[str, str]:
    return {item.url: item.sha256 for item in archives}
