"""Where a published Broden1 is read from: its zip file, or the folder extracted from it."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from stages.config.datasets import Broden
from stages.config.machine import Machine
from stages.datasets.broden.reader import folder_reader
from stages.datasets.broden.tables import Read, missing
from stages.downloads.archives import LARGEST, too_large
from stages.downloads.http import download
from stages.runtime.errors import InputError

_DAMAGES = (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Source:
    """A Broden1 whose files `read` returns and `has` finds, by their paths in the dataset.

    `origin` says what identifies its content; empty where only the content itself does.
    """

    where: str
    read: Read
    has: Callable[[str], bool]
    origin: dict[str, str]


@contextmanager
def open_source(entry: Broden, machine: Machine) -> Iterator[Source]:
    """Open the source of an entry; an archive is downloaded first, unless it is there.

    Raises
    ------
    InputError
        There is nothing, it is no Broden1, or the entry names a source that Broden does not have.
    """
    if entry.folder is not None:
        yield _folder(Path(machine.folders) / entry.folder)
    elif entry.archive is not None and len(entry.archive) == 1:
        (archive,) = entry.archive
        file = download(archive.url, archive.sha256, Path(machine.downloads), mirror=machine.mirror)
        with _opened(file, archive.url) as packed:
            yield _zip(packed, archive.url, archive.sha256)
    else:
        raise InputError(
            "'datasets.broden': expected `source: folder` (an extracted broden1_224) or `source: "
            f"archive` with one zip file, got `source: {entry.source}`"
        )


def _folder(folder: Path) -> Source:
    if not (folder / "index.csv").is_file():
        raise InputError(
            f"{folder}: expected an extracted Broden1, a folder with index.csv and images/; it has "
            "no index.csv; correct `folder` in params.yaml or this machine's `folders`"
        )
    return Source(str(folder), folder_reader(folder), lambda n: (folder / n).is_file(), {})


@contextmanager
def _opened(file: Path, url: str) -> Iterator[ZipFile]:
    try:
        packed = ZipFile(file)
    except BadZipFile as error:
        raise InputError(
            f"{url}: expected Broden1's zip file, got something else ({error}); correct `url`"
        ) from error
    with packed:
        yield packed


def _zip(packed: ZipFile, url: str, sha256: str) -> Source:
    names = frozenset(packed.namelist())
    tables = [name for name in names if PurePosixPath(name).name == "index.csv"]
    if not tables:
        raise InputError(f"{url}: expected Broden1's zip file, it has no index.csv; correct `url`")
    root = min(tables, key=lambda name: (name.count("/"), name)).removesuffix("index.csv")

    def read(name: str) -> bytes:
        if root + name not in names:
            raise missing(url, [name])
        if packed.getinfo(root + name).file_size > LARGEST:
            raise InputError(too_large(url, name))
        try:
            return packed.read(root + name)
        except _DAMAGES as error:
            raise InputError(f"{url}: {name} is damaged in the zip file ({error})") from error

    return Source(url, read, lambda name: root + name in names, {url: sha256})
