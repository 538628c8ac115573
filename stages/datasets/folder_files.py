"""The files below a folder of this machine."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from stages.datasets.photos import File, Files
from stages.storage.errors import InputError


def find_folder(folder: str, folders: str) -> Path:
    """Return the folder that an entry names, a relative path below the machine's `folders`.

    Raises
    ------
    InputError
        There is no such folder.
    """
    path = Path(folders) / folder
    if not path.is_dir():
        raise InputError(
            f"{path}: the folder of a dataset was expected, there is none; check `folder` in "
            "params.yaml, and the machine's setting `folders`, below which relative paths lie"
        )
    return path


def folder_files(root: Path) -> Files:
    """Return the files below `root`; numbers in names are sorted as numbers, so 2 before 10."""

    def files(wanted: Callable[[str], bool]) -> Iterator[File]:
        for directory, inner, names in os.walk(root, followlinks=True):
            inner.sort(key=natural)
            for name in sorted(names, key=natural):
                file = Path(directory) / name
                path = file.relative_to(root).as_posix()
                if wanted(path):
                    yield File(path, file.read_bytes)

    return files


def natural(name: str) -> list[str | int]:
    """Return a key that sorts names with the numbers in them as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
