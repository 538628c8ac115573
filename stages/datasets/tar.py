"""One tar of a dataset folder: written while it is hashed, verified and then read in place."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from stages.runtime.errors import InputError

BLOCK = 512

END = bytes(2 * BLOCK)
"""What closes an archive; without it, it counts as truncated."""


@runtime_checkable
class Archive(Protocol):
    """The bytes of an archive, in memory or where a slice reads them."""

    def __len__(self) -> int:
        """Return how many bytes there are."""
        ...

    def __getitem__(self, part: slice, /) -> bytes | memoryview:
        """Return some of the bytes."""
        ...


class Member(NamedTuple):
    """Where a file lies inside an archive."""

    name: str
    offset: int
    size: int


def member_bytes(name: str, data: bytes) -> bytes:
    """A file as it stands in a USTAR archive: header, data, padding to 512 bytes.

    Raises
    ------
    ValueError
        The name is longer than a USTAR header holds.
    """
    prefix, path = _split(name)
    header = b"%b0000644\x000000000\x000000000\x00%011o\x0000000000000\x00%b0%bustar\x0000%b%b" % (
        path.ljust(100, b"\0"),
        len(data),
        b" " * 8,
        bytes(100),
        bytes(345 - 265),
        prefix.ljust(BLOCK - 345, b"\0"),
    )
    checksum = b"%06o\x00 " % sum(header)
    return header[:148] + checksum + header[156:] + data + bytes(-len(data) % BLOCK)


def iterate_members(archive: Archive, path: str) -> Iterator[Member]:
    """The regular files of a USTAR archive, in order; `path` is the archive's name for errors.

    Raises
    ------
    InputError
        The archive is truncated, or is no plain USTAR archive.
    """
    position, end = 0, len(archive)
    while True:
        header = bytes(archive[position : position + BLOCK])
        if len(header) < BLOCK:
            raise _truncated(path, position)
        if not header[0]:
            return
        if header[257:262] != b"ustar" or header[156:157] not in b"05\0":
            raise InputError(
                f"{path}: a plain USTAR member was expected at byte {position}, something else "
                "came; pack it again with `tar --format=ustar`"
            )
        size = int(header[124:135], 8)
        position += BLOCK
        if position + size > end:
            raise _truncated(path, position)
        if header[156:157] != b"5":
            yield Member(_name(header), position, size)
        position += size + -size % BLOCK


def _split(name: str) -> tuple[bytes, bytes]:
    """A name as prefix (at most 155 bytes) and rest (at most 100), parted at a slash if need be."""
    path = name.encode()
    if len(path) <= 100:
        return b"", path
    slash = path.find(b"/", len(path) - 101, 156)
    if slash < 1:
        raise ValueError(
            f"tar member name of at most 100 bytes expected, or 155 and 100 around a slash, got "
            f"{len(path)}: {name}"
        )
    return path[:slash], path[slash + 1 :]


def _name(header: bytes) -> str:
    name = header[:100].rstrip(b"\0")
    prefix = header[345:500].rstrip(b"\0")
    return (prefix + b"/" + name if prefix else name).decode()


def _truncated(path: str, position: int) -> InputError:
    return InputError(
        f"{path}: truncated, the archive ends at byte {position} in the middle of a member or "
        "without its end mark; fetch it again"
    )


class ArchiveWriter:
    """A USTAR archive that knows its own SHA-256 once it is closed."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")
        self._hash = hashlib.sha256()

    def __enter__(self) -> "ArchiveWriter":
        """Open for `add`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close, whole unless something went wrong."""
        self.close(whole=kind is None)

    def close(self, *, whole: bool) -> None:
        """Close; an archive that is not whole gets no end mark, so it counts as truncated."""
        try:
            if whole:
                self._write(END)
        finally:
            self._stream.close()

    def add(self, name: str, data: bytes) -> None:
        """Append a file."""
        self._write(member_bytes(name, data))

    @property
    def sha256(self) -> str:
        """The hash of everything written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._stream.write(data)


class ArchiveReader:
    """The bytes of an open archive: a slice reads them, and several threads may slice at once.

    A mapping would count as memory of the process wherever it was touched, and to check the hash
    touches all of it.
    """

    def __init__(self, stream: BufferedReader) -> None:
        self._stream, self._size = stream, os.fstat(stream.fileno()).st_size

    def __len__(self) -> int:
        """Return how many bytes the archive has."""
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Return some of the bytes."""
        start, stop, _ = part.indices(self._size)
        return os.pread(self._stream.fileno(), max(stop - start, 0), start)


@contextmanager
def open_archive(path: Path, sha256: str) -> Iterator[ArchiveReader]:
    """An archive that is read in place, after a check against its hash.

    Raises
    ------
    InputError
        There is no such file, it is truncated or it is not the one that was written.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: named by card.json but not there; fetch it again") from error
    with stream:
        archive = ArchiveReader(stream)
        if len(archive) < len(END):
            raise InputError(f"{path}: truncated, not even an empty archive; fetch it again")
        if len(archive) % BLOCK or archive[-len(END) :] != END:
            raise InputError(f"{path}: truncated, its end mark is missing; fetch it again")
        _verify(stream, path, sha256)
        yield archive


def _verify(stream: BufferedReader, path: Path, sha256: str) -> None:
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise InputError(
            f"{path}: SHA-256 {sha256[:12]}… expected from card.json, {found[:12]}… found: "
            "the file was changed or has rotted; fetch it again"
        )
