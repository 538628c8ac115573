"""One file from a URL, kept under its digest, so that a re-run finds it."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from stages.storage.digests import file_digest
from stages.storage.errors import InputError
from stages.transfer.receive import receive, size

ADVICE = (
    "Check the `sha256` in params.yaml against the publisher's, and the `mirror` of this machine"
)
"""What to do about a file that is another than the one whose digest is known."""


class Wanted(NamedTuple):
    """A file by its digest, or by the first digits of it; `measure` computes the digest."""

    digest: str
    measure: Callable[[Path], str] = file_digest
    name: str = "sha256"
    advice: str = ADVICE

    def is_in(self, file: Path) -> bool:
        """Say whether `file` is there and is this file."""
        return file.exists() and self.measure(file).startswith(self.digest)


def download(
    url: str,
    sha256: str,
    directory: Path,
    *,
    mirror: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Path:
    """Return the file at `url`, kept in `directory` under the name `sha256`.

    A file that is there is not asked for again. One that came in part is resumed, by this run or a
    later one; two processes do not write it at once. `sha256` may be the first digits alone, at
    least 8, which torchvision and others write in the names of their files. With a `mirror`,
    `https://host/path` is taken from `<mirror>/host/path`; the digest says that it is the same.

    Raises
    ------
    InputError
        The server refuses or cannot be reached, the disk is full, or what came is another file.
    """
    if not re.fullmatch(r"[0-9a-f]{8,64}", sha256):
        raise InputError(f"{url}: expected 8 to 64 digits 0-9a-f of its sha256, got {sha256!r}")
    return bring(mirrored(url, mirror), Wanted(sha256), directory, headers)


def bring(
    url: str, wanted: Wanted, directory: Path, headers: Mapping[str, str] | None = None
) -> Path:
    """Return the file that is wanted, kept in `directory` under its digest.

    Raises
    ------
    InputError
        As `download` does.
    """
    file = directory / wanted.digest
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory / f"{wanted.digest}.lock"):
        if not wanted.is_in(file):
            part = directory / f"{wanted.digest}.part"
            complete(url, wanted, part, headers or {}, f"save it by hand as {file}")
            part.replace(file)
    return file


def complete(
    url: str, wanted: Wanted, part: Path, headers: Mapping[str, str], by_hand: str
) -> None:
    """Bring what is missing of `part`; where that gives another file, start over once.

    The digest decides, so no ETag has to be remembered to see that a file has changed meanwhile.

    Raises
    ------
    InputError
        As `download` does.
    """
    resumed = receive(url, part, headers, by_hand)
    if resumed and not wanted.is_in(part):
        part.unlink()
        receive(url, part, headers, by_hand)
    if not wanted.is_in(part):
        got, length = wanted.measure(part), size(part)
        part.unlink()
        raise InputError(
            f"{url}: expected the {wanted.name} {wanted.digest}, got {got} ({length:,} bytes); the "
            f"file was removed. {wanted.advice}, or {by_hand}"
        )


def mirrored(url: str, mirror: str | None) -> str:
    """Return where `url` is to be found on the mirror, if there is one."""
    if mirror is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time go on; the lock ends with its process."""
    import fcntl

    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
