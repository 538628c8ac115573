"""Downloads a file from a URL, checks it and keeps it under its digest for later runs."""

import errno
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from interpreting_clip.errors import InputError, require_content
from interpreting_clip.formats.files import file_digest
from interpreting_clip.urls import public_url

if TYPE_CHECKING:
    import requests

_CHECK = "check the URL, and whether a licence has to be accepted in a browser first"
_LATER = "run again later"
REFUSALS = {
    401: ("it asks for a login", _CHECK),
    403: ("access is refused", _CHECK),
    404: ("there is no such file", _CHECK),
    410: ("the file is gone", _CHECK),
    429: ("too many requests were made", _LATER),
}
"""What an HTTP status means, and what to do about it."""

TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses after which the same request may succeed a little later."""

ATTEMPTS = 5
"""How many attempts a file gets if the connection breaks or the server is busy."""

PAUSE = 1.0
"""Seconds before the second attempt; doubled for each further one."""

TIMEOUT = (15.0, 60.0)
"""The most seconds to connect, and to wait for the next bytes."""

UNPARSED = (ValueError, LookupError, TypeError, AttributeError)
"""What libraries raise for a URL, a proxy's address or a login that they cannot parse.

Their texts have parts of it, so they are never shown.
"""

BLOCK = 1 << 20

RESERVE = 1 << 30
"""Bytes that stay free on the disk of the downloads, or a hundredth of it if that is less."""


def refusal(status: int) -> tuple[str, str] | None:
    """Return why a server refused, by HTTP status, and what to do; None below 400."""
    if status < 400:
        return None
    other = "the server failed" if status >= 500 else "the request is refused"
    words, advice = REFUSALS.get(status, (other, _LATER))
    return f"{words} (HTTP {status})", advice


def mirrored(url: str, mirror: str | None) -> str:
    """Return the mirror's URL for `url`, or `url` itself if there is no mirror.

    Raises
    ------
    InputError
        One of them is no legal URL.
    """
    try:
        parts = urlsplit(url)
        if mirror is None:
            return url
        _ = urlsplit(mirror)
    except ValueError:  # its text has the URL
        shown = public_url(url if mirror is None else mirror)
        raise InputError(f"{shown}: expected a URL with a legal host; check its spelling") from None
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def download(url: str, sha256: str, directory: Path, *, mirror: str | None = None) -> Path:
    """Return the file at `url`, kept in `directory` under the name `sha256`.

    A file that is there and intact is not requested again. If several processes want the same file,
    one downloads it. `sha256` may be only the first digits, at least 8, which torchvision and
    others write in the names of their files. With a `mirror`, `https://host/path` is taken from
    `<mirror>/host/path`; the digest shows that it is the same.

    Raises
    ------
    InputError
        The server refuses or cannot be reached, less than `RESERVE` bytes of the disk would stay
        free, or another file came. Nothing of it is kept.
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
    """Download `url` into `part` and check it; `by_hand` is the advice if that fails.

    The answer is written as it is, even if the server says that it is compressed.
    """
    import requests
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    name, shown, why = Path(urlsplit(url).path).name, public_url(url), ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with request(url, TIMEOUT) as response, part.open("wb") as file:
                if refused := refusal(response.status_code):
                    why, advice = refused
                    if response.status_code not in TRANSIENT:
                        raise InputError(f"{shown}: {why}; {advice}, or {by_hand}")
                    continue
                size = response.raw.length_remaining  # None if the server states no size
                require_space(part.parent, size or 0, shown)
                with tqdm(desc=name, total=size, unit="B", unit_scale=True, disable=None) as bar:
                    for block in response.raw.stream(BLOCK, decode_content=False):
                        require_space(part.parent, len(block), shown)
                        file.write(block)
                        bar.update(len(block))
            break
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            why = f"no connection, or it broke ({type(error).__name__})"
        except (requests.RequestException, *UNPARSED) as error:
            why = type(error).__name__  # its text may contain the URL in another spelling
            raise InputError(
                f"{shown}: {why}; check the URL, the `mirror` of this machine and the proxies in "
                f"its environment, or {by_hand}"
            ) from error
    else:
        raise InputError(
            f"{shown}: {why}; gave up after {ATTEMPTS} tries. Check the network and run again, or "
            f"{by_hand}"
        )
    if not (found := file_digest(part)).startswith(sha256):
        require_content(part, shown)
        raise InputError(
            f"{shown}: expected the sha256 {sha256}, got {found} ({part.stat().st_size:,} bytes); "
            "the file was removed. Check the `sha256` in params.yaml against the publisher's, and "
            f"the `mirror` of this machine, or {by_hand}"
        )


def require_space(directory: Path, size: int, where: str) -> None:
    """Refuse to download `size` more bytes to a folder if they do not fit.

    Raises
    ------
    InputError
        Less than `RESERVE` would be left on the disk.
    """
    disk = shutil.disk_usage(directory)
    reserve = min(RESERVE, disk.total // 100)
    space = max(disk.free - reserve, 0)
    if size > space:
        raise InputError(
            f"{directory}: the disk is full; nothing of the file was kept: {where}: room for "
            f"{space:,} bytes with {reserve:,} to spare, {size:,} more were to come; free space, "
            "or let `downloads` in compute.yaml name a folder on another disk, and run again"
        )


def request(
    url: str,
    timeout: tuple[float, float] = TIMEOUT,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> "requests.Response":
    """Return an answer whose content is not read yet, as a context manager."""
    import requests

    # a tar.gz that the server calls compressed has to come as it is
    plain = {"Accept-Encoding": "identity"}
    return requests.get(url, timeout=timeout, headers={**plain, **headers}, stream=True)


@contextmanager
def disk_space_for(directory: Path) -> Iterator[None]:
    """Make a folder for downloads; explain the error if the disk is full.

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
