"""Arrays of numbers that others wrote, as .npy or .safetensors: mapped, and read as float32.

Only the header of a file is believed, after it has been held against the file's size; nothing in it
is executed, and no more than a block of rows is in memory at a time.
"""

import ast
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from interpreting_clip.errors import InputError

BLOCK = 2**22
"""The most numbers that are converted at a time."""

NPY = {"f2": "float16", "f4": "float32", "f8": "float64"}
"""The element types that are read from .npy files, which have none for bfloat16."""

NPY_LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4}
"""How many bytes say how long the header is, by the version of the format."""

NPY_HEADER = 10_000
"""The most bytes of a header; that of an array of numbers has 128."""

SAFETENSORS = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
"""The element types that are read from safetensors; NumPy has no bfloat16, so its bits are read."""


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """An array in a file, memory-mapped as it is stored."""

    file: Path
    stored: np.ndarray
    bfloat16: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.stored.shape

    def blocks(self) -> Iterator[Float[np.ndarray, "row ..."]]:
        """Yield the array as float32, some rows at a time.

        Raises
        ------
        InputError
            A number is NaN, infinite, or too large for float32; names the row.
        """
        rows = max(1, BLOCK // max(1, math.prod(self.shape[1:])))
        for begin in range(0, len(self.stored), rows):
            given = self.stored[begin : begin + rows]
            if self.bfloat16:
                # bfloat16 is the upper half of a float32.
                given = (given.astype("<u4") << 16).view("<f4")
            with np.errstate(over="ignore"):
                block = np.ascontiguousarray(given, np.float32)
            finite = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
            if not finite.all():
                first = int(np.argmin(finite))
                large = bool(np.isfinite(given[first]).all())
                raise InputError(
                    f"{self.file}: expected finite numbers, row {begin + first} holds "
                    + ("one too large for float32" if large else "NaN or infinity")
                    + "; compute it again"
                )
            yield block


def open_array(file: Path, name: str) -> ArrayFile:
    """Map the array in a .npy file, or the one called `name` in a safetensors file.

    Raises
    ------
    InputError
        The file is missing, has another format or size than its header says, lacks the array, or
        its numbers are not float16, bfloat16, float32 or float64.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file; write the folder again")
    if file.suffix == ".npy":
        return open_npy(file)
    if file.suffix == ".safetensors":
        return open_safetensors(file, name)
    raise InputError(f"{file}: expected a file that ends in .npy or .safetensors")


def open_npy(file: Path) -> ArrayFile:
    """Map the array of a .npy file; pickled objects are refused."""
    try:
        with file.open("rb") as stream:
            header = read_npy_header(stream)
            offset = stream.tell()
        dtype, fortran = np.dtype(header["descr"]), bool(header["fortran_order"])
        shape = tuple(int(length) for length in header["shape"])
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        why = str(error).partition("\n")[0][:200]
        raise InputError(
            f"{file}: not a .npy file of plain numbers ({why}); write it with numpy.save"
        ) from None
    if dtype.str[1:] not in NPY:
        raise InputError(
            f"{file}: expected {', '.join(NPY.values())}, got {dtype}; convert it (bfloat16 goes "
            "into safetensors or becomes float32)"
        )
    require_numbers(file, shape)
    size, expected = file.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise InputError(
            f"{file}: expected {expected:,} bytes for the shape {shape}, got {size:,}; write it "
            "again"
        )
    order = "F" if fortran else "C"
    return ArrayFile(file, np.memmap(file, dtype, "r", offset, shape, order))


def read_npy_header(stream: IO[bytes]) -> dict[str, Any]:
    """Read the header of a .npy file, of version 1.0 or 2.0 of the format.

    NumPy's own reader would take a header that is damaged apart once more, as Python 2 wrote it,
    with a warning or any exception.
    """
    magic, version = stream.read(6), stream.read(2)
    if magic != b"\x93NUMPY" or version not in NPY_LENGTHS:
        raise ValueError("no such beginning")
    length = int.from_bytes(stream.read(NPY_LENGTHS[version]), "little")
    if length > NPY_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    header = ast.literal_eval(stream.read(length).decode("latin-1"))
    if not isinstance(header, dict):
        raise TypeError("its header is no dictionary")
    return header


def open_safetensors(file: Path, name: str) -> ArrayFile:
    """Map an array of a safetensors file: the one with this name, or the only one."""
    # Imported here: whoever writes such folders needs NumPy alone.
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as stored:  # checks the header, reads no array
            names = list(stored.keys())
    except SafetensorError as error:
        raise InputError(
            f"{file}: not a whole safetensors file ({error}); write it again"
        ) from None
    wanted = names[0] if len(names) == 1 else name
    if wanted not in names:
        there = ", ".join(names[:10]) or "none"
        raise InputError(f"{file}: expected an array '{name}', got {there}; rename it")
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        facts = json.loads(stream.read(length))[wanted]
    kind, shape, begin = facts["dtype"], tuple(facts["shape"]), facts["data_offsets"][0]
    if kind not in SAFETENSORS:
        raise InputError(f"{file}: expected {', '.join(SAFETENSORS)}, got {kind}; convert it")
    require_numbers(file, shape)
    mapped = np.memmap(file, SAFETENSORS[kind], "r", 8 + length + begin, shape)
    return ArrayFile(file, mapped, bfloat16=kind == "BF16")


def require_numbers(file: Path, shape: tuple[int, ...]) -> None:
    """Refuse an array without rows or numbers, which cannot be mapped."""
    if not shape or min(shape) < 1:
        raise InputError(f"{file}: expected rows of numbers, got the shape {shape}")
