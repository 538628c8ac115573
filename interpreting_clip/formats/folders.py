"""A directory that appears whole or not at all."""

import errno
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interpreting_clip.errors import InputError


@contextmanager
def complete_directory(directory: Path) -> Iterator[Path]:
    """Give `<directory>.partial` to write into; rename it at the end, remove it on any error.

    Raises
    ------
    InputError
        The disk is full (or the user's quota is).
    """
    partial = remove_partial(directory)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(directory, ignore_errors=True)
        partial.replace(directory)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"{directory}: the disk is full; nothing was left there: free space and run again"
            ) from error
        raise
    finally:
        remove_partial(directory)


def remove_partial(directory: Path) -> Path:
    """Remove an unfinished folder, and return its path."""
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def natural_order(path: str) -> list[str | int]:
    """Return a key that sorts paths with the numbers in them as numbers: 2.tar before 10.tar."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]


def file_digest(file: Path) -> str:
    """Return a file's SHA-256, read a block at a time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
