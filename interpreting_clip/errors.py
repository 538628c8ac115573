"""The exception for wrong input of the user, with what to do about it."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

import msgspec

from interpreting_clip.urls import without_logins

LONGEST = 2000
"""The most characters of a message; a longer one loses its middle, which comes from outside."""


IN_WORDS = {
    r"^(?![\s\S]*\$\{)https?://[^\s\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff\ufffe\uffff]+\Z": "an address that begins with http:// or https://, "
    "without spaces",
    r"^[0-9a-f]{64}\Z": "64 digits 0-9a-f",
    r"^(cpu|cuda(:\d+)?|mps)$": "cpu, cuda, cuda:1, mps",
    r"^[\w.-]+/[\w.-]+\Z": "owner/name",
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z": "a name of A-Z, a-z, 0-9, `_`, `.` and `-`, not first a dot",
}
"""What texts match the patterns of types, in words; other types say what is legal themselves."""

_PATTERN = re.compile(r" matching regex ('.*?'|\".*?\")(?= - at `|[);]|$)", re.DOTALL)

DAMAGED_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for input that is not JSON, not UTF-8 or nested too deeply."""


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `runner.process.launch` prints its message without a traceback and exits with 1, so the
    message has to stand alone: name the file or the key first. Several problems take several lines.
    Logins in URLs are removed, and characters that a terminal would interpret are escaped.
    """

    def __init__(self, *lines: str) -> None:
        shown = (one_line(without_logins(without_patterns(line))) for line in lines)
        short = (s if len(s) <= LONGEST else f"{s[: LONGEST // 2]} … {s[-500:]}" for s in shown)
        super().__init__("\n       ".join(short))


def without_patterns(text: str) -> str:
    """Return a text of msgspec's with words in place of a regular expression."""
    words = {repr(pattern): said for pattern, said in IN_WORDS.items()}
    return _PATTERN.sub(lambda found: f": {words.get(found[1], 'another form')}", text)


def one_line(text: str) -> str:
    """Return a text with control characters, line ends and surrogates as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextmanager
def error_context(source: object, kind: type[Exception] = InputError) -> Iterator[None]:
    """Put the file or folder that an error is about in front of its message.

    Errors of other kinds pass unchanged. Measures know only arrays and refuse them with a
    `ValueError`, which becomes an `InputError` here.

    Raises
    ------
    InputError
        An error of the kind was raised inside.
    """
    try:
        yield
    except kind as error:
        raise InputError(f"{source}: {error}") from error


def close_names(name: str, known: Collection[str]) -> str:
    """Return the known names that are most similar to `name`, as text."""
    near = get_close_matches(name, known, n=5, cutoff=0.4) or sorted(known)[:5]
    return f"legal values, among others: {', '.join(near) or 'none'}"
