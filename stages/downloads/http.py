"""Downloads a file from a URL, checks it and keeps it under its digest for later runs."""

import errno
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from stages.files.folders import file_digest
from stages.runtime.errors import InputError
from stages.runtime.urls import public_url

_CHECK = "check the URL, and whether a licence has to be accepted in a browser first"
_LATER = "run again later"
REFUSALS = {
    401: ("it asks for a login", _CHECK),
    403: ("access is refused", _CHECK),
    404: ("there is no such file", _CHECK),
    410: ("the file is gone", _CHECK),
    429: ("too many requests were made", _LATER),
}
"""What a status means, and what to do about it."""

TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses after which the same request may succeed a little later."""

ATTEMPTS = 5
"""How often a file is requested while the connection breaks or the server is busy."""

PAUSE = 1.0
"""Seconds before the second attempt; doubled for each further one."""

TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two blocks."""

BLOCK = 1 << 20


def refusal(status: int) -> tuple[str, str] | None:
    """Return why a server refuses with an HTTP status and what to do; None below 400."""
    if status < 400:
        return None
    other = "the server failed" if status >= 500 else "the request is refused"
    words, advice = REFUSALS.get(status, (other, _LATER))
    return f"{words} (HTTP {status})", advice


def mirrored(url: str, mirror: str | None) -> str:
    """Return the URL on the mirror that stands for `url`, if there is a mirror."""
    if mirror is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def download(url: str, sha256: str, directory: Path, *, mirror: str | None = None) -> Path:
    """Return the file at `url`, kept in `directory` under the name `sha256`.

    A file that is there and intact is not requested again. Of processes that want the same file,
    one downloads it. `sha256` may be the first digits alone, at least 8, which torchvision and
    others write in the names of their files. With a `mirror`, `https://host/path` is taken from
    `<mirror>/host/path`; the digest says that it is the same.

    Raises
    ------
    InputError
        The server refuses or cannot be reached, the disk is full, or what came is another file;
        nothing of it is kept.
    """
    from filelock import FileLock

    if not re.fullmatch(r"[0-9a-f]{8,64}", sha256):
        raise InputError(f"{url}: expected 8 to 64 digits 0-9a-f of its sha256, got {sha256!r}")
    file, part = directory / sha256, directory / f"{sha256}.part"
    with disk_space_for(directory), FileLock(directory / f"{sha256}.lock"):
        if not (file.exists() and file_digest(file).startswith(sha256)):
            try:
                _receive(mirrored(url, mirror), sha256, part, f"save it by hand as {file}")
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
    return file


def _receive(url: str, sha256: str, part: Path, by_hand: str) -> None:
    """Download `url` into `part` and check it; `by_hand` is advice for a file that does not come.

    The loop is ours since `pooch.retrieve` repeats no request, logs a mirror's login with the URL,
    and takes whole digests only.
    """
    import requests
    from pooch import HTTPDownloader
    from tqdm import tqdm

    name, shown, why = Path(urlsplit(url).path).name, public_url(url), ""
    settings = {"timeout": TIMEOUT, "headers": {"Accept-Encoding": "identity"}}
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            # The total is a placeholder: pooch sets it, and a bar without one has no truth value.
            with tqdm(desc=name, total=1, unit="B", unit_scale=True, disable=None) as bar:
                HTTPDownloader(bar, BLOCK, **settings)(url, str(part), None)  # pyright: ignore
            break
        except requests.HTTPError as error:
            response = cast("requests.Response", error.response)
            response.close()
            why, advice = refusal(response.status_code) or ("", "")
            if response.status_code not in TRANSIENT:
                raise InputError(f"{shown}: {why}; {advice}, or {by_hand}") from error
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            why = f"no connection, or it broke ({type(error).__name__})"
        except requests.RequestException as error:
            why = type(error).__name__  # its text may hold the URL, in another spelling
            raise InputError(f"{shown}: {why}; check the URL, or {by_hand}") from error
    else:
        raise InputError(
            f"{shown}: {why}; gave up after {ATTEMPTS} tries. Check the network and run again, or "
            f"{by_hand}"
        )
    if not (found := file_digest(part)).startswith(sha256):
        raise InputError(
            f"{shown}: expected the sha256 {sha256}, got {found} ({part.stat().st_size:,} bytes); "
            "the file was removed. Check the `sha256` in params.yaml against the publisher's, and "
            f"the `mirror` of this machine, or {by_hand}"
        )


@contextmanager
def disk_space_for(directory: Path) -> Iterator[None]:
    """Make a folder for downloads, and explain a full disk.

    Raises
    ------
    InputError
        The disk is full (or the user's quota is).
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"{directory}: the disk is full; nothing of the file was kept: free space, or let "
                "`downloads` in compute.yaml name a folder on another disk, and run again"
            ) from error
        raise
