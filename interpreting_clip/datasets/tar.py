"""The tar files of a dataset, read in place."""

import os
import resource
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import NamedTuple

END = bytes(2 * BLOCKSIZE)
"""The end mark of an archive."""


class Member(NamedTuple):
    """Where a file is inside an archive."""

    name: str
    offset: int
    size: int


def write_shards(
    groups: Iterable[Iterable[tuple[str, bytes]]], per_shard: int, directory: Path
) -> list[str]:
    """Write groups of files, one group per image, into shards of `per_shard` groups.

    The same files give the same bytes.
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
        header = member.tobuf(tarfile.USTAR_FORMAT, "utf-8")
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
        """Yield the files, in order."""
        self._file.seek(0)
        with tarfile.open(fileobj=self._file, mode="r:") as tar:
            for member in tar:
                yield Member(member.name, member.offset_data, member.size)


@contextmanager
def open_archives(directory: Path, names: Sequence[str]) -> Iterator[list[ArchiveReader]]:
    """Open some archives of a folder, in the order of their names."""
    # A process may usually open 1,024 files, and may allow itself more: a set of ten million images
    # has as many shards.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * len(names) + 256 <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * len(names) + 256, hard))
    with ExitStack() as stack:
        paths = [directory / name for name in sorted(names)]
        yield [ArchiveReader(path, stack.enter_context(path.open("rb"))) for path in paths]
