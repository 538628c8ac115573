"""The one exception that means: the user's input is wrong, and here is what to do."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from stages.runtime.secrets import without_login


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `stages.runtime.launch.launch` prints its message without a traceback and exits with 1, so the
    message has to stand alone: name the file or the key first. A login in a URL is taken out of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_login(message))


@contextmanager
def found_in(source: object) -> Iterator[None]:
    """Name the file or folder whose content a measure refuses; a measure knows arrays alone."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{source}: {error}") from error


@contextmanager
def about(source: object) -> Iterator[None]:
    """Name the file or folder that bad input is about, where the room that found it cannot."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def close_names(name: str, known: Collection[str]) -> str:
    """Return the known names that are most like `name`, in words."""
    near = get_close_matches(name, known, n=5, cutoff=0.4) or sorted(known)[:5]
    return f"legal values, among others: {', '.join(near) or 'none'}"
