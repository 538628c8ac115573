"""One file from a URL, kept under its digest, so that a re-run finds it."""

import errno
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from stages.files.folders import file_digest
from stages.runtime.errors import InputError

REASONS = {
    401: "it asks for a login",
    403: "access is refused",
    404: "there is no such file",
    410: "the file is gone",
    429: "too many requests were made",
}
TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses after which a server may answer the same request."""

CONFIGURED = (401, 403, 404, 410)
"""The statuses that another address or other rights would change."""


def reason(status: int) -> str | None:
    """Say in words what a status means that gives no file; None for one that does."""
    if status < 400:
        return None
    words = REASONS.get(status, "the server failed" if status >= 500 else "the request is refused")
    return f"{words} (HTTP {status})"


def remedy(status: int) -> str:
    """Say what to do about it."""
    if status in CONFIGURED:
        return "check the URL, and whether a licence has to be accepted in a browser first"
    return "run again later"


ATTEMPTS = 5
"""Tries in a row that bring nothing before a download gives up."""

PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""

TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two blocks."""

BLOCK = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)


class BrokenOffError(Exception):
    """The connection broke, or the server is busy: the same request may work."""


def receive(url: str, part: Path, headers: Mapping[str, str], by_hand: str) -> bool:
    """Bring `url` into `part`, after what is there already; say whether it was resumed.

    A server that ignores ranges sends everything again. What was resumed is only as right as what
    was there: the caller knows the digest. `by_hand` is advice for a file that does not come.

    Raises
    ------
    InputError
        The server refuses, cannot be reached or breaks off again and again; or the disk is full.
        What came until then stays in `part`.
    """
    failures = 0
    while True:
        before = size(part)
        try:
            return receive_once(url, part, headers, by_hand)
        except BrokenOffError as error:
            failures = 1 if size(part) > before else failures + 1
            if failures == ATTEMPTS:
                raise InputError(
                    f"{url}: {error}; gave up after {ATTEMPTS} tries. Check the network and run "
                    f"again: what came is kept. Or {by_hand}"
                ) from None
            time.sleep(PAUSE * 2 ** (failures - 1))


def receive_once(url: str, part: Path, headers: Mapping[str, str], by_hand: str) -> bool:
    """Make one request for what is missing.

    Raises
    ------
    BrokenOffError
        The connection broke, or the server is busy.
    InputError
        The server refuses, or the disk is full.
    """
    import requests
    import urllib3

    begin = size(part)
    asked = {"Accept-Encoding": "identity", **headers}
    if begin:
        asked["Range"] = f"bytes={begin}-"
    try:
        with requests.get(url, headers=asked, stream=True, timeout=TIMEOUT) as response:
            status = response.status_code
            if begin and status == 416:  # nothing follows: all is there, or it is another file
                return True
            refuse(url, status, by_hand)
            span = response.headers.get("Content-Range", "")
            append(response, part, begin if span.startswith(f"bytes {begin}-") else 0)
            return begin > 0 and status == 206
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        raise BrokenOffError(f"no connection, or it broke ({type(error).__name__})") from error
    except requests.RequestException as error:
        raise InputError(f"{url}: {error}; check the URL, or {by_hand}") from error


def refuse(url: str, status: int, by_hand: str) -> None:
    """Raise what a status means, unless it brings the file."""
    why = reason(status)
    if why and status in TRANSIENT:
        raise BrokenOffError(why)
    if why:
        raise InputError(f"{url}: {why}; {remedy(status)}, or {by_hand}")


def append(response: Any, part: Path, begin: int) -> None:
    """Write what comes after the first `begin` bytes of `part`, as it comes over the wire.

    Raises
    ------
    InputError
        The disk is full.
    """
    from tqdm import tqdm

    length = response.headers.get("Content-Length")
    name = response.url.partition("?")[0].rpartition("/")[2][-40:]
    pause = 0.5 if sys.stderr.isatty() else 60.0
    shown = {"unit": "B", "unit_scale": True, "mininterval": pause, "delay": pause}
    bar = tqdm(desc=name, total=begin + int(length) if length else None, initial=begin, **shown)
    with room_for(part), bar, part.open("ab" if begin else "wb") as stream:
        for block in response.raw.stream(BLOCK, decode_content=False):
            stream.write(block)
            bar.update(len(block))


@contextmanager
def room_for(part: Path) -> Iterator[None]:
    """Explain a full disk.

    Raises
    ------
    InputError
        The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError(
                f"{part}: the disk is full; what came is kept: free space, or let `downloads` in "
                "compute.yaml name a folder on another disk, and run again"
            ) from error
        raise


def size(file: Path) -> int:
    """Return how many bytes a file has, 0 where there is none."""
    return file.stat().st_size if file.exists() else 0


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
