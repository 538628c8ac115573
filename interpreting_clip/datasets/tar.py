"""The tar files of a dataset, read in place."""

import os
import resource
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from tarfile import AREGTYPE, BLOCKSIZE, DIRTYPE, REGTYPE
from threading import Lock
from typing import NamedTuple

from interpreting_clip.errors import InputError

END = bytes(2 * BLOCKSIZE)
"""The end mark of an archive; an archive without it counts as truncated."""

MOST_OPEN = 256
"""The most archives of a folder that are open at a time, where the system allows four times as many
open files."""


class Member(NamedTuple):
    """Where a file is inside an archive."""

    name: str
    offset: int
    size: int


def write_shards(
    groups: Iterable[Iterable[tuple[str, bytes]]], per_shard: int, directory: Path
) -> list[str]:
    """Write groups of files, one group per image, into shards of `per_shard` groups.

    The same files give the same bytes. If an error interrupts a shard, it has no end mark, so it
    counts as truncated.

    Returns
    -------
    the names of the shards

    Raises
    ------
    ValueError
        A file's name is too long for a USTAR header.
    """
    shards: list[str] = []
    directory.mkdir(parents=True, exist_ok=True)
    for number, numbered in groupby(enumerate(groups), lambda item: item[0] // per_shard):
        shards.append(f"shard-{number:05d}.tar")
        with (directory / shards[-1]).open("wb") as stream:
            stream.writelines(_tar_parts(file for _, files in numbered for file in files))
    return shards


def _tar_parts(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield a USTAR archive file by file, with mode 0644, time 0 and no owner.

    `tarfile` makes the headers. Its `TarFile.close` would also pad the archive to 10 KiB, which is
    not needed for archives of single images.
    """
    for name, data in files:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        try:
            header = member.tobuf(tarfile.USTAR_FORMAT, "utf-8")
        except ValueError as error:
            raise ValueError(
                "tar member name of at most 100 bytes expected, or 155 and 100 around a slash, got "
                f"{len(name.encode())}: {name}"
            ) from error
        yield header + data + bytes(-len(data) % BLOCKSIZE)
    yield END


class OpenFile:
    """A file's descriptor, which is closed as soon as nothing refers to it.

    So a thread can read on in a file that `OpenFiles` has just dropped for another.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def stream(self) -> BufferedReader:
        """Return a stream from the file's beginning; closing it leaves the descriptor open."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return open(self.descriptor, "rb", closefd=False)


class OpenFiles:
    """Opens files on demand and keeps at most `most` of them open, those that were used last.

    A set of more than ten million images has more shards than a process may usually have open files
    (1,024). Threads may share this object, and forked processes each continue with their own copy.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._open: dict[Path, OpenFile] | None = {}  # in the order of use, the last at the end
        self._identities: dict[Path, tuple[int, ...]] = {}

    def get(self, path: Path) -> OpenFile:
        """Return a file, open.

        Raises
        ------
        InputError
            It is not the file that it was when it was opened first.
        ValueError
            After `close`.
        """
        with self._lock:
            if self._open is None:
                raise ValueError(f"{path}: read of closed file")
            file = self._open.pop(path, None) or self._opened(path)
            self._open[path] = file
            if len(self._open) > self._most:
                del self._open[next(iter(self._open))]
            return file

    def _opened(self, path: Path) -> OpenFile:
        file = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        facts = os.fstat(file.descriptor)
        identity = facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
        if self._identities.setdefault(path, identity) != identity:
            raise InputError(f"{path}: it was changed or replaced while it was read; run again")
        return file

    def close(self) -> None:
        """Close all files for good."""
        with self._lock:
            self._open = None


def most_open() -> int:
    """Return how many archives of a folder may be open: a quarter of the process's limit."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_OPEN if limit == resource.RLIM_INFINITY else max(1, min(MOST_OPEN, limit // 4))


class ArchiveReader:
    """An archive, read in place; several threads may read at once.

    It is not memory-mapped: pages that are read would count as memory of the process.
    """

    def __init__(self, path: Path, files: OpenFiles) -> None:
        self.path, self._files = path, files

    def read(self, offset: int, size: int) -> bytes:
        """Return some of the archive's bytes."""
        file = self._files.get(self.path)
        return os.pread(file.descriptor, size, offset)

    def members(self) -> Iterator[Member]:
        """Yield the regular files, in order.

        Raises
        ------
        InputError
            The archive is damaged, or holds something other than files and folders.
        """
        file = self._files.get(self.path)
        try:
            with (
                file.stream() as stream,
                tarfile.open(fileobj=stream, mode="r:") as tar,
            ):
                size = os.fstat(file.descriptor).st_size
                for member in tar:
                    if member.type not in (REGTYPE, AREGTYPE, DIRTYPE):
                        raise tarfile.ReadError(f"{member.name} is neither file nor folder")
                    if not 0 <= member.size <= size - member.offset_data:
                        raise tarfile.ReadError(f"{member.name} is cut short")
                    if not member.isdir():
                        yield Member(member.name, member.offset_data, member.size)
                # tarfile treats a damaged header like the end mark.
                if self.read(tar.offset, BLOCKSIZE) != bytes(BLOCKSIZE):
                    raise tarfile.ReadError(f"no end mark and no member at byte {tar.offset}")
        except (tarfile.TarError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path}: expected a tar of plain files, got a damaged one or another kind "
                f"({error}); fetch it again, or pack it with `tar --format=ustar`"
            ) from error


@contextmanager
def open_archives(directory: Path, names: Iterable[str]) -> Iterator[list[ArchiveReader]]:
    """Open some archives of a folder, in the order of their names.

    Of more archives than the process may open, each is opened again when it is read.

    Raises
    ------
    InputError
        A file is missing or truncated.
    """
    files = OpenFiles(most_open())
    try:
        yield [_open_archive(directory / name, files) for name in sorted(names)]
    finally:
        files.close()


def _open_archive(path: Path, files: OpenFiles) -> ArchiveReader:
    try:
        descriptor = files.get(path).descriptor
    except FileNotFoundError:
        raise InputError(f"{path}: named by card.json but not there; fetch it again") from None
    size = os.fstat(descriptor).st_size
    if size % BLOCKSIZE or os.pread(descriptor, len(END), max(size - len(END), 0)) != END:
        raise InputError(f"{path}: truncated, its end mark is missing; fetch it again")
    return ArchiveReader(path, files)
