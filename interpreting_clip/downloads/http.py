"""Downloads a file from a URL, checks it and keeps it under its digest for later runs.

A download that breaks is continued, in the same run or the next: the bytes that came stay in
`<digest>.part`, with `<digest>.part.json` about the file that they are the beginning of.
"""

import errno
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError, public_url, require_content
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_whole

if TYPE_CHECKING:
    import requests

REFUSALS = {
    401: "it asks for a login",
    403: "access is refused",
    404: "there is no such file",
    410: "the file is gone",
    429: "too many requests were made",
}
"""What an HTTP status means."""

TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses after which the same request may succeed a little later."""

ATTEMPTS = 5
"""How often in a row a request may fail without a new byte."""

PAUSE = 1.0
"""Seconds before the second attempt; doubled for each further attempt."""

TIMEOUT = (15.0, 60.0)
"""The most seconds to connect, and to wait for the next bytes."""

UNPARSED = (ValueError, LookupError, TypeError, AttributeError)
"""What libraries raise for a URL, a proxy's address or a login that they cannot parse.

Their texts have parts of it, so they are never shown.
"""

BLOCK = 1 << 16


class RefusedError(InputError):
    """The server refuses, and would again."""


class Note(msgspec.Struct, frozen=True):
    """The file of a server that a part is the beginning of; `version` is its ETag or its date."""

    version: str
    length: int


def refusal(status: int) -> tuple[str, str] | None:
    """Return why a server refused, by HTTP status, and what to do; None below 400."""
    if status < 400:
        return None
    other = "the server failed" if status >= 500 else "the request is refused"
    final = status in REFUSALS and status not in TRANSIENT
    check = "check the URL, and whether a licence has to be accepted in a browser first"
    words = REFUSALS.get(status, other)
    return f"{words} (HTTP {status})", check if final else "run again later"


def mirrored(url: str, mirror: str | None) -> str:
    """Return the mirror's URL for `url`, or `url` itself if there is no mirror."""
    if mirror is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def download(url: str, sha256: str, directory: Path, *, mirror: str | None = None) -> Path:
    """Return the file at `url`, kept in `directory` under the name `sha256`.

    `sha256` may be only the first digits, at least 8, which torchvision and others write in the
    names of their files. With a `mirror`, `https://host/path` is taken from `<mirror>/host/path`;
    the digest shows that it is the same.
    """
    return download_digest(mirrored(url, mirror), sha256, directory)


def download_digest(
    url: str,
    digest: str,
    directory: Path,
    *,
    digest_of: Callable[[Path], str] = file_digest,
    headers: Mapping[str, str] = MappingProxyType({}),
    advice: str = "",
) -> Path:
    """Return the file whose digest begins with `digest`, downloaded if it is not there intact.

    If several processes want the same file, one downloads it. `advice` says what else to do without
    a connection.
    """
    from filelock import FileLock

    file, part, shown = directory / digest, directory / f"{digest}.part", public_url(url)
    with _full_disk_explained(part, shown):
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f"{digest}.lock"):
            if file.exists() and digest_of(file).startswith(digest):
                return file
            _receive(url, part, headers, f"{advice}save it by hand as {file}")
            actual, size = digest_of(part), part.stat().st_size
            if actual.startswith(digest):
                part.replace(file)
                _forget(part)
                return file
            try:
                require_content(part, shown)
            finally:
                _forget(part)
    raise InputError(
        f"{shown}: expected the digest {digest}, got {actual} ({size:,} bytes); the file was "
        "removed, and the next run starts afresh. Check the `sha256` in params.yaml against the "
        "publisher's, and the `mirror` of this machine (for the hub, HF_ENDPOINT), or save it by "
        f"hand as {file}"
    )


def _receive(url: str, part: Path, headers: Mapping[str, str], by_hand: str) -> None:
    """Request the file until all of it is in `part`; `by_hand` is the advice if that fails."""
    import requests
    from urllib3.exceptions import HTTPError

    shown, longest, failures = public_url(url), 0, 0
    while True:
        advice = "check the network and run again"
        try:
            refused = _receive_rest(url, part, headers)
            if not refused:
                return
            (why, advice), status = refused
            final = status not in TRANSIENT
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            why, final = f"no connection, or it broke ({type(error).__name__})", False
        except (requests.RequestException, *UNPARSED) as error:
            why, final = type(error).__name__, True  # its text may have the URL in other spelling
            advice = (
                "check the URL, the `mirror` of this machine and the proxies in its environment"
            )
        size = part.stat().st_size if part.exists() else 0
        failures = 1 if size > longest else failures + 1
        longest = max(size, longest)
        if final or failures == ATTEMPTS:
            tries = "" if final else f"; gave up after {ATTEMPTS} tries without a new byte"
            error = RefusedError if final else InputError
            raise error(f"{shown}: {why}{tries}; {advice}, or {by_hand}. {_what_is_kept(part)}")
        time.sleep(PAUSE * 2 ** (failures - 1))


def _receive_rest(
    url: str, part: Path, headers: Mapping[str, str]
) -> tuple[tuple[str, str], int] | None:
    """Request what `part` lacks and append it; return why the server refused, and its status.

    The answer is written as it is, even if the server says that it is compressed.
    """
    from tqdm import tqdm

    shown, note = public_url(url), _note_of(part)
    size = part.stat().st_size if note else 0
    if note and size == note.length:
        return None
    only = {"Range": f"bytes={size}-", "If-Range": note.version} if note else {}
    with request(url, TIMEOUT, {**headers, **only}) as response:
        status = response.status_code
        if note and status in (206, 416) and not _continues(response, size, note):
            _drop(part, shown, "the server sends other bytes than the rest of this file")
            return _receive_rest(url, part, headers)
        if refused := refusal(status):
            return refused, status
        if status != 206:
            if note:
                _drop(part, shown, "the file has changed there, or the server sends only all of it")
            size, note = 0, _note(response)
            _forget(part)
            if note:
                write_whole(_note_file(part), msgspec.json.encode(note))
        rest = response.raw.length_remaining or 0  # None if the server states no length
        if rest > (free := shutil.disk_usage(part.parent).free):
            raise OSError(errno.ENOSPC, f"room for {free:,} bytes, {rest:,} more were to come")
        name, total = Path(urlsplit(url).path).name, note.length if note else rest or None
        with (
            part.open("ab") as file,
            tqdm(None, name, total, unit="B", unit_scale=True, disable=None, initial=size) as bar,
        ):
            for block in response.raw.stream(BLOCK, decode_content=False):
                file.write(block)
                bar.update(len(block))
    return None


def _note_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _note_of(part: Path) -> Note | None:
    """Return the note of a part that can be continued."""
    try:
        note = msgspec.json.decode(_note_file(part).read_bytes(), type=Note)
        return note if 0 < part.stat().st_size <= note.length else None
    except (OSError, *DAMAGED_JSON):
        return None


def _what_is_kept(part: Path) -> str:
    """Say where the next run continues; remove what no run could use."""
    note = _note_of(part)
    if note is None:
        _forget(part)
        return "Nothing of the file was kept"
    return f"The next run continues at byte {part.stat().st_size:,} of {note.length:,}"


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_file(part).unlink(missing_ok=True)


def _drop(part: Path, url: str, reason: str) -> None:
    """Remove a part that cannot be continued, with a line that says so."""
    from tqdm import tqdm

    size = part.stat().st_size
    tqdm.write(f"{url}: starts at byte 0 again, not at {size:,}: {reason}", sys.stderr)
    _forget(part)


def _version(response: "requests.Response") -> str:
    """Return what tells a file from a later file at its URL: a strong ETag, or the date."""
    etag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if etag[:2] in ("", "W/") else etag


def _note(response: "requests.Response") -> Note | None:
    """Return the note of a file that is sent whole; None if it could not be continued."""
    version, length = _version(response), response.raw.length_remaining
    return Note(version, length) if version and length else None


def _continues(response: "requests.Response", size: int, note: Note) -> bool:
    """Say whether an answer is the rest of the file that a part of `size` bytes begins."""
    span = f"bytes {size}-{note.length - 1}/{note.length}"
    return response.headers.get("Content-Range") == span


@contextmanager
def _full_disk_explained(part: Path, url: str) -> Iterator[None]:
    """Explain the error if the disk is full, or the user's quota."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{part.parent}: the disk is full: {url}: {error.strerror}; free space, or let "
            "`downloads` in compute.yaml name a folder on another disk, and run again. "
            f"{_what_is_kept(part)}"
        ) from error


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
