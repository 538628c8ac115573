"""The arrays in files that the command is given: which one is meant, and what else there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_arrays

LISTED = 20
"""The most arrays of a file that an error lists."""


@dataclass(frozen=True)
class ArrayFile:
    """A file with its arrays by name; an npy file has one, without a name."""

    file: Path
    arrays: dict[str, np.ndarray]

    def listing(self) -> str:
        """Return what the file holds, for errors."""
        each = [f"{name or 'one array'} {list(a.shape)}" for name, a in self.arrays.items()]
        more = f" and {len(each) - LISTED} more" if len(each) > LISTED else ""
        return ", ".join(each[:LISTED]) + more or "nothing"


@dataclass(frozen=True)
class Found:
    """An array, and where it was found."""

    source: ArrayFile
    name: str
    values: np.ndarray


def open_arrays(place: str) -> tuple[ArrayFile, str]:
    """Return a file's arrays, and the name of the one that was chosen as `file:name`, or ''.

    Raises
    ------
    InputError
        As `read_arrays`.
    """
    file, name = Path(place), ""
    if not file.exists() and ":" in place:
        before, _, name = place.rpartition(":")
        file = Path(before)
    arrays = {key: array.numbers() for key, array in read_arrays(file).items()}
    return ArrayFile(file, arrays), name


def find(source: ArrayFile, names: Sequence[str], dimensions: int) -> Found | None:
    """Return the first array of these names that has so many dimensions; None if there is none."""
    for name in names:
        if name in source.arrays and source.arrays[name].ndim == dimensions:
            return Found(source, name, source.arrays[name])
    return None


def pick(source: ArrayFile, chosen: str, names: Sequence[str], dimensions: int, what: str) -> Found:
    """Choose an array of a file by name, or else the only one with so many dimensions.

    Parameters
    ----------
    source : the file
    chosen : the name that the user gave, or ''
    names : those that are looked for, in this order
    dimensions : of the array
    what : it is, for errors

    Raises
    ------
    InputError
        There is none, or there are several; lists what the file holds.
    """
    if chosen:
        if chosen not in source.arrays:
            raise InputError(f"{source.file}: no array '{chosen}'; it holds {source.listing()}")
        return Found(source, chosen, source.arrays[chosen])
    if named := find(source, names, dimensions):
        return named
    fitting = [name for name, array in source.arrays.items() if array.ndim == dimensions]
    if len(fitting) != 1:
        raise InputError(
            f"{source.file}: no {what}: looked for {', '.join(names)}, or a single array with "
            f"{dimensions} dimension{'s' * (dimensions > 1)}; it holds {source.listing()}; name "
            f"one as {source.file}:NAME"
        )
    return Found(source, fitting[0], source.arrays[fitting[0]])
