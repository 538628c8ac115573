"""One tar of a dataset folder: written while it is hashed, verified and then read in place."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from stages.datasets.tar import BLOCK, END, member_bytes
from stages.storage.errors import InputError


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
