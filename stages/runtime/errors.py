"""The one exception that means: the user's input is wrong, and here is what to do."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

import msgspec

from stages.runtime.urls import without_logins

LONGEST = 2000
"""The most characters of a complaint; of a longer one the middle, which is from outside, goes."""


DAMAGED_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what is no JSON, no UTF-8 or nested too deeply."""


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `stages.runtime.launch.launch` prints its message without a traceback and exits with 1, so the
    message has to stand alone: name the file or the key first. Several complaints are several
    lines. Logins in URLs are removed, and characters that a terminal would act on are escaped.
    """

    def __init__(self, *lines: str) -> None:
        shown = (one_line(without_logins(line)) for line in lines)
        short = (s if len(s) <= LONGEST else f"{s[: LONGEST // 2]} … {s[-500:]}" for s in shown)
        super().__init__("\n       ".join(short))


def one_line(text: str) -> str:
    """Return a text with control characters, line ends and halves of characters as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextmanager
def error_context(source: object, kind: type[Exception] = InputError) -> Iterator[None]:
    """Put the file or folder that an error is about in front of its message.

    Errors of another kind pass unchanged. Measures know arrays alone and refuse them with a
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
    """Return the known names that are most like `name`, in words."""
    near = get_close_matches(name, known, n=5, cutoff=0.4) or sorted(known)[:5]
    return f"legal values, among others: {', '.join(near) or 'none'}"
