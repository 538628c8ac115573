"""Arrays in files of others: safetensors and npy, read with NumPy alone.

`formats.arrays` reads what stages write and needs the package safetensors, which the library by
itself does not install. Here a file may come from anywhere: every number of its header is checked,
and nothing in it is executed.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.errors import InputError

DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
"""safetensors' names of types, with NumPy's; a bfloat16 is the upper half of a float32."""

LONGEST_HEADER = 100_000_000
"""The most bytes of a header, which is safetensors' own limit."""

SUFFIXES = (".safetensors", ".npy")

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
        There is no such file, or it is neither a whole safetensors file nor an npy file.
    """
    file, name = Path(place), ""
    if not file.exists() and ":" in place:
        before, _, name = place.rpartition(":")
        file = Path(before)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise InputError(f"{file}: {what}; expected a file that ends in {' or '.join(SUFFIXES)}")
    if file.suffix not in SUFFIXES:
        raise InputError(
            f"{file}: expected a file that ends in {' or '.join(SUFFIXES)}; save the array with "
            "np.save, or several with safetensors.numpy.save_file"
        )
    return ArrayFile(
        file, read_npy(file) if file.suffix == ".npy" else read_safetensors(file)
    ), name


def read_npy(file: Path) -> dict[str, np.ndarray]:
    """Memory-map an npy file.

    Raises
    ------
    InputError
        It is none, is truncated, or holds objects, which would be executed.
    """
    try:
        return {"": np.load(file, mmap_mode="r", allow_pickle=False)}
    except (ValueError, EOFError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: expected an array of numbers that np.save wrote ({said}); save it again"
        ) from None


def read_safetensors(file: Path) -> dict[str, np.ndarray]:
    """Memory-map the arrays of a safetensors file by name; bfloat16 becomes float32 in memory.

    The format: https://huggingface.co/docs/safetensors

    Raises
    ------
    InputError
        It is none, is truncated, or its header does not fit its size.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise damaged(file, f"{size:,} bytes are too few for its header")
        try:
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            entries = {str(name): layout(entry) for name, entry in header.items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise damaged(file, f"its header: {type(error).__name__}: {error}") from None
    first, arrays = 8 + length, {}
    for name, (kind, shape, begin, end) in entries.items():
        if kind not in DTYPES:
            raise InputError(
                f"{file}: '{name}': expected one of the types {', '.join(DTYPES)}, got {kind}; "
                "convert it before it is saved"
            )
        dtype = np.dtype(DTYPES[kind])
        if (
            not 0 <= begin <= end <= size - first
            or end - begin != math.prod(shape) * dtype.itemsize
        ):
            raise damaged(file, f"'{name}': bytes {begin} to {end} for the shape {list(shape)}")
        # An array without entries has no bytes to map.
        empty = 0 in shape
        stored = (
            np.empty(shape, dtype) if empty else np.memmap(file, dtype, "r", first + begin, shape)
        )
        if kind == "BF16":
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = stored
    return dict(sorted(arrays.items()))


def layout(entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Return type, shape and bytes of an array as a header states them.

    Raises
    ------
    ValueError, TypeError, KeyError
        It does not.
    """
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    whole = [*shape, begin, end]
    if not all(type(number) is int and number >= 0 for number in whole):
        raise ValueError(f"expected whole numbers, got {whole}")
    return str(entry["dtype"]), tuple(shape), begin, end


def damaged(file: Path, why: str) -> InputError:
    """Return the error for a file that is no whole safetensors file."""
    return InputError(f"{file}: not a whole safetensors file: {why}; copy or save it again")


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
