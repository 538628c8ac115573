"""Arrays of numbers in files that others wrote, npy and safetensors: mapped, and never executed.

Only the header of a file is believed, after it has been held against the file's size. Read with
NumPy alone, which is all that the library installs; `formats.arrays` reads what stages write.
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

from interpreting_clip.errors import InputError, require_content

SUFFIXES = (".safetensors", ".npy")

BLOCK = 2**22
"""The most numbers that are converted at a time."""

NPY_MAGIC = b"\x93NUMPY"
"""How a .npy file begins."""

NPY_LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4}
"""How many bytes say how long the header is, by the version of the format."""

NPY_HEADER = 10_000
"""The most bytes of a header; that of an array of numbers has 128."""

DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
"""safetensors' names of types, with NumPy's. NumPy has no bfloat16, so its bits are read."""

LONGEST_HEADER = 100_000_000
"""The most bytes of a header, which is safetensors' own limit."""

FLOATS = ("float16", "float32", "float64")
"""The types of activations and heads, with bfloat16 in safetensors."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array as it is stored, memory-mapped."""

    stored: np.ndarray
    bfloat16: bool = False

    @property
    def dtype(self) -> str:
        """The name of the type that the file has."""
        return "bfloat16" if self.bfloat16 else self.stored.dtype.name

    def numbers(self) -> np.ndarray:
        """Return its numbers; those of bfloat16 become float32, in memory."""
        return widened(self.stored) if self.bfloat16 else self.stored


def widened(bits: np.ndarray) -> np.ndarray:
    """Return bits of bfloat16, which is the upper half of a float32, as float32."""
    return (bits.astype("<u4") << 16).view("<f4")


@dataclass(frozen=True, eq=False)
class FloatArray(StoredArray):
    """An array of floats in a file, read as float32."""

    file: Path = Path()

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
                given = widened(given)
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


def open_floats(file: Path, name: str) -> FloatArray:
    """Map the array in a .npy file, or in safetensors the one called `name`, or the only one.

    Raises
    ------
    InputError
        As `read_arrays`; the file lacks the array, the array has no rows, or its numbers are not
        float16, bfloat16, float32 or float64.
    """
    arrays = read_arrays(file)
    wanted = next(iter(arrays)) if len(arrays) == 1 else name
    if wanted not in arrays:
        there = ", ".join(list(arrays)[:10]) or "none"
        raise InputError(f"{file}: expected an array '{name}', got {there}; rename it")
    found = arrays[wanted]
    if not found.bfloat16 and found.dtype not in FLOATS:
        raise InputError(f"{file}: expected {', '.join(FLOATS)}, got {found.dtype}; convert it")
    if 0 in found.stored.shape or not found.stored.shape:
        raise InputError(f"{file}: expected rows of numbers, got the shape {found.stored.shape}")
    return FloatArray(found.stored, found.bfloat16, file)


def read_arrays(file: Path) -> dict[str, StoredArray]:
    """Map the arrays in a file by name; a .npy file has one, without a name.

    Raises
    ------
    InputError
        There is no such file, it has another format or size than its header says, or other things
        in it than numbers.
    """
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise InputError(f"{file}: {what}; expected a file that ends in {' or '.join(SUFFIXES)}")
    if file.suffix not in SUFFIXES:
        raise InputError(
            f"{file}: expected a file that ends in {' or '.join(SUFFIXES)}; save the array with "
            "np.save, or several with safetensors.numpy.save_file"
        )
    require_content(file, file)
    return {"": read_npy(file)} if file.suffix == ".npy" else read_safetensors(file)


def read_npy(file: Path) -> StoredArray:
    """Map the array of a .npy file; pickled objects are refused."""
    try:
        with file.open("rb") as stream:
            header = read_npy_header(stream)
            offset = stream.tell()
        dtype, fortran = np.dtype(header["descr"]), bool(header["fortran_order"])
        shape = tuple(int(length) for length in header["shape"])
        if min(shape, default=0) < 0:
            raise ValueError(f"the shape {shape}")
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        why = str(error).partition("\n")[0][:200]
        raise InputError(
            f"{file}: not a .npy file of plain numbers ({why}); write it with np.save"
        ) from None
    if dtype.kind not in "biuf":
        raise InputError(
            f"{file}: expected plain numbers, got {dtype}; convert them (bfloat16 goes into "
            "safetensors or becomes float32)"
        )
    size, expected = file.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise InputError(
            f"{file}: expected {expected:,} bytes for the shape {shape}, got {size:,}; write it "
            "again"
        )
    return StoredArray(mapped(file, dtype, offset, shape, "F" if fortran else "C"))


def mapped(
    file: Path, dtype: np.dtype, offset: int, shape: tuple[int, ...], order: Any = "C"
) -> np.ndarray:
    """Map an array of a file; one without entries has no bytes to map."""
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(file, dtype, "r", offset, shape, order)


def read_npy_header(stream: IO[bytes]) -> dict[str, Any]:
    """Read the header of a .npy file, of version 1.0 or 2.0 of the format.

    NumPy's own reader would take a header that is damaged apart once more, as Python 2 wrote it,
    with a warning or any exception.
    """
    magic, version = stream.read(len(NPY_MAGIC)), stream.read(2)
    if magic != NPY_MAGIC or version not in NPY_LENGTHS:
        raise ValueError("no such beginning")
    length = int.from_bytes(stream.read(NPY_LENGTHS[version]), "little")
    if length > NPY_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    header = ast.literal_eval(stream.read(length).decode("latin-1"))
    if not isinstance(header, dict):
        raise TypeError("its header is no dictionary")
    return header


def read_safetensors(file: Path) -> dict[str, StoredArray]:
    """Map the arrays of a safetensors file by name, in alphabetical order.

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
    for name, (kind, shape, begin, end) in sorted(entries.items()):
        if kind not in DTYPES:
            raise InputError(
                f"{file}: '{name}': expected one of the types {', '.join(DTYPES)}, got {kind}; "
                "convert it before it is saved"
            )
        dtype = np.dtype(DTYPES[kind])
        whole = end - begin == math.prod(shape) * dtype.itemsize
        if not (whole and 0 <= begin <= end <= size - first):
            raise damaged(file, f"'{name}': bytes {begin} to {end} for the shape {list(shape)}")
        arrays[name] = StoredArray(mapped(file, dtype, first + begin, shape), kind == "BF16")
    return arrays


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
