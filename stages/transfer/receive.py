"""Bytes from a URL into a file: resumed where they stopped, tried again where it breaks."""

import errno
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.storage.errors import InputError
from stages.transfer.refusals import TRANSIENT, reason, remedy

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
