"""One tar of a dataset folder: written while it is hashed, read mapped and verified."""

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def open_archive(path: Path, sha256: str) -> Iterator[memoryview]:
    """The bytes of an archive, mapped into memory, after a check against its hash.

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
        if path.stat().st_size < len(END):
            raise InputError(f"{path}: truncated, not even an empty archive; fetch it again")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                _verify(view, path, sha256)
                yield view
            finally:
                view.release()


def _verify(view: memoryview, path: Path, sha256: str) -> None:
    if len(view) % BLOCK or view[-len(END) :] != END:
        raise InputError(f"{path}: truncated, its end mark is missing; fetch it again")
    found = hashlib.sha256(view).hexdigest()
    if found != sha256:
        raise InputError(
            f"{path}: SHA-256 {sha256[:12]}… expected from card.json, {found[:12]}… found: "
            "the file was changed or has rotted; fetch it again"
        )
