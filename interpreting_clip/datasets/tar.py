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

from interpreting_clip.errors import InputError

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
        """Yield the files, in order; the archive is one that `write_shards` has written.

        `tarfile` reads any archive, and takes eight times as long.

        Raises
        ------
        InputError
            The archive is damaged.
        """
        offset = 0
        while (header := self.read(offset, BLOCKSIZE)) != END[:BLOCKSIZE]:
            # The fields of USTAR: the name, the size in octal digits, a mark, a folder of the name
            if header[257:265] != tarfile.POSIX_MAGIC:
                raise InputError(
                    f"{self.path}: damaged at byte {offset}; delete the folder, and `dvc repro` "
                    "restores it"
                )
            name, folder = (header[a:b].rstrip(b"\0").decode() for a, b in ((0, 100), (345, 500)))
            offset += BLOCKSIZE
            member = Member(f"{folder}/{name}" if folder else name, offset, int(header[124:135], 8))
            yield member
            offset += member.size + -member.size % BLOCKSIZE


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
