"""The exception for wrong input of the user, with what to do about it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import msgspec

from interpreting_clip.urls import without_logins

LONGEST = 2000
"""The most characters of a message; a longer one loses its middle, which comes from outside."""

DAMAGED_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for input that is not JSON, not UTF-8 or nested too deeply."""


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `runner.process.launch` prints its message without a traceback and exits with 1, so the
    message has to stand alone: name the file or the key first. Several problems take several lines.
    Logins in URLs are removed, and characters that a terminal would interpret are escaped.
    """

    def __init__(self, *lines: str) -> None:
        shown = (one_line(without_logins(line)) for line in lines)
        short = (s if len(s) <= LONGEST else f"{s[: LONGEST // 2]} … {s[-500:]}" for s in shown)
        super().__init__("\n       ".join(short))


class AbsentError(Exception):
    """The study lacks what a stage computes with; the runner marks the stage's outputs as absent.

    `dataset` names what is lacking.
    """

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(dataset)


def one_line(text: str) -> str:
    """Return a text with control characters, line ends and surrogates as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def require_content(file: Path, source: object) -> None:
    """Refuse an empty file, a web page and a Git LFS pointer in the place of a file.

    Also lets Python open the file before other libraries do: its errors name the file.
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
