"""The tar files of a dataset, read in place."""

import os
import resource
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from tarfile import AREGTYPE, BLOCKSIZE, DIRTYPE, REGTYPE
from typing import NamedTuple

from interpreting_clip.errors import InputError

END = bytes(2 * BLOCKSIZE)
"""The end mark of an archive; an archive without it counts as truncated."""


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


class ArchiveReader:
    """An archive, read in place; several threads may read at once.

    It is not memory-mapped: pages that are read would count as memory of the process.
    """

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path, self._file = path, file

    def read(self, offset: int, size: int) -> bytes:
        """Return some of the archive's bytes."""
        return os.pread(self._file.fileno(), size, offset)

    def members(self) -> Iterator[Member]:
        """Yield the regular files, in order."""
        size = os.fstat(self._file.fileno()).st_size
        self._file.seek(0)
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
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
def open_archives(directory: Path, names: Sequence[str]) -> Iterator[list[ArchiveReader]]:
    """Open some archives of a folder, in the order of their names."""
    # A process may usually open 1,024 files, and may allow itself more: a set of ten million images
    # has as many shards.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * len(names) + 256 <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * len(names) + 256, hard))
    with ExitStack() as stack:
        yield [_open_archive(directory / name, stack) for name in sorted(names)]


def _open_archive(path: Path, stack: ExitStack) -> ArchiveReader:
    try:
        file = stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        raise InputError(f"{path}: named by card.json but not there; fetch it again") from None
    size = os.fstat(file.fileno()).st_size
    if size % BLOCKSIZE or os.pread(file.fileno(), len(END), max(size - len(END), 0)) != END:
        raise InputError(f"{path}: truncated, its end mark is missing; fetch it again")
    return ArchiveReader(path, file)
