"""The exception for wrong input of the user, with what to do about it."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

MAX_MESSAGE = 2000
"""The most characters of a message; a longer message loses its middle, which is outside text."""

DAMAGED_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for input that is not JSON, not UTF-8 or nested too deeply."""


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `runner.process.launch` prints its message without a traceback and exits with 1, so the
    message has to be complete: name the file or the key first. Several problems take several lines.
    Logins in URLs are removed, and characters that a terminal would interpret are escaped.
    """

    def __init__(self, *lines: str) -> None:
        shown = (one_line(without_logins(line)) for line in lines)
        short = (
            s if len(s) <= MAX_MESSAGE else f"{s[: MAX_MESSAGE // 2]} … {s[-500:]}" for s in shown
        )
        super().__init__("\n       ".join(short))


class AbsentError(Exception):
    """The study lacks the inputs of a stage; the runner marks the stage's outputs as absent.

    `dataset` names the missing dataset.
    """

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(dataset)


def one_line(text: str) -> str:
    """Return a text with control characters, line ends and surrogates as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def require_content(file: Path, source: object) -> None:
    """Refuse an empty file, a web page and a Git LFS pointer in the place of a file.

    Python opens the file here before other libraries do, since its errors name the file.
    """
    with file.open("rb") as stream:
        start = stream.read(256).lstrip()
    if not start:
        raise InputError(f"{source}: the file is empty; get it again")
    if start.lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(
            f"{source}: this is a web page, such as a server's refusal, and not the file itself; "
            "look at it in a browser, and download the file again"
        )
    if start.startswith(b"version https://git-lfs.github.com/"):
        raise InputError(
            f"{source}: this is a Git LFS pointer, not the file itself; run `git lfs pull` in the "
            "clone that it is from, or download the file"
        )


@contextmanager
def error_context(source: object, kind: type[Exception] = InputError) -> Iterator[None]:
    """Put the file or folder that an error is about in front of its message.

    Errors of other kinds pass unchanged. Measures know only arrays and refuse them with a
    `ValueError`, which becomes an `InputError` here.
    """
    try:
        yield
    except kind as error:
        raise InputError(f"{source}: {error}") from error


def close_names(name: str, known: Collection[str]) -> str:
    """Return the known names that are most similar to `name`, as text."""
    near = get_close_matches(name, known, n=5, cutoff=0.4) or sorted(known)[:5]
    return f"legal values, among others: {', '.join(near) or 'none'}"


MAX_LISTED = 10
"""The most features, concepts or the like that a result lists by name."""


def listed(names: Sequence[object], shown: int = MAX_LISTED) -> str:
    """Return the first names as a list in words, and the number of further names."""
    text = ", ".join(map(str, names[:shown]))
    return f"{text} and {len(names) - shown:,} more" if len(names) > shown else text


PUBLIC_QUERY = (
    "confirm",
    "dl",
    "download",
    "export",
    "file",
    "filename",
    "format",
    "id",
    "path",
    "raw",
    "ref",
    "rev",
    "revision",
    "version",
    "versionId",
)
"""The query parameters that address a file. Any other may be a key, a token or a signature."""


def public_url(url: str) -> str:
    """Return a URL with `…` for its login, its fragment and all of its query but `PUBLIC_QUERY`.

    A text that is not a URL with a host becomes `…`, since it may be a password in the wrong place.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses a port that is not a number
    except ValueError:
        return "…"
    if not (parts.scheme and parts.hostname):
        return "…" if url else ""
    _, at, host = parts.netloc.rpartition("@")
    query = "&".join(map(_public_pair, parts.query.split("&")))
    fragment = "…" if parts.fragment else ""
    place = f"…@{host}" if at else host
    return urlunsplit(parts._replace(netloc=place, query=query, fragment=fragment))


def _public_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if not pair or name in PUBLIC_QUERY:
        return pair
    return f"{name}=…" if equals else "…"


def without_logins(text: str) -> str:
    """Return a text with `…@` in place of the login of every URL in it."""
    return re.sub(r"://[^\s/]+@", "://…@", text)


def without_urls(text: str) -> str:
    """Return a library's text with `…` for each URL in it."""
    return re.sub(r"\S*://\S*", "…", text)
