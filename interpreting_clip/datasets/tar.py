"""The tar files of a dataset: hashed while written, verified when opened, read in place."""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from tarfile import AREGTYPE, BLOCKSIZE, DIRTYPE, REGTYPE
from typing import NamedTuple

from interpreting_clip.downloads.archives import PlainMember
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
) -> dict[str, str]:
    """Write groups of files, one group per image, into shards of `per_shard` groups.

    The same files give the same bytes. If an error interrupts a shard, it has no end mark, so it
    counts as truncated.

    Returns
    -------
    the SHA-256 of each shard, by its name

    Raises
    ------
    ValueError
        A file's name is too long for a USTAR header.
    """
    shards: dict[str, str] = {}
    directory.mkdir(parents=True, exist_ok=True)
    for number, numbered in groupby(enumerate(groups), lambda item: item[0] // per_shard):
        name, digest = f"shard-{number:05d}.tar", hashlib.sha256()
        with (directory / name).open("wb") as stream:
            for part in _tar_parts(file for _, files in numbered for file in files):
                digest.update(part)
                stream.write(part)
        shards[name] = digest.hexdigest()
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
    """An open archive, read in place; several threads may read at once.

    It is not memory-mapped: pages that are read would count as memory of the process, and checking
    the hash reads all of them.
    """

    def __init__(self, stream: BufferedReader, path: Path) -> None:
        self._stream, self.path = stream, path

    def read(self, offset: int, size: int) -> bytes:
        """Return some of the archive's bytes."""
        return os.pread(self._stream.fileno(), size, offset)

    def members(self) -> Iterator[Member]:
        """Yield the regular files, in order.

        Raises
        ------
        InputError
            The archive is damaged, or holds something other than files and folders.
        """
        self._stream.seek(0)
        try:
            size = os.fstat(self._stream.fileno()).st_size
            with tarfile.open(fileobj=self._stream, mode="r:", tarinfo=PlainMember) as tar:
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
                f"{self.path}: a tar of plain files was expected, this one is damaged or another "
                f"({error}); fetch it again, or pack it with `tar --format=ustar`"
            ) from error


@contextmanager
def open_archive(path: Path, sha256: str) -> Iterator[ArchiveReader]:
    """Open an archive after checking its hash.

    Raises
    ------
    InputError
        There is no such file, it is truncated, or it is not the one that was written.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: named by card.json but not there; fetch it again") from error
    with stream:
        archive, size = ArchiveReader(stream, path), os.fstat(stream.fileno()).st_size
        if size % BLOCKSIZE or archive.read(max(size - len(END), 0), len(END)) != END:
            raise InputError(f"{path}: truncated, its end mark is missing; fetch it again")
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256:
            raise InputError(
                f"{path}: SHA-256 {sha256[:12]}… expected from card.json, {found[:12]}… found: "
                "the file was changed or has rotted; fetch it again"
            )
        yield archive


@contextmanager
def open_archives(directory: Path, digests: Mapping[str, str]) -> Iterator[list[ArchiveReader]]:
    """Open the archives of a folder, by name, like `open_archive`; threads check them."""
    archives = [open_archive(directory / name, digest) for name, digest in sorted(digests.items())]
    with ExitStack() as stack:
        with ThreadPoolExecutor(thread_name_prefix="check") as pool:
            opened = [pool.submit(stack.enter_context, archive) for archive in archives]
        yield [one.result() for one in opened]
