"""Arrays of numbers in npy and safetensors files: mapped, and never executed."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from interpreting_clip.errors import InputError, listed, require_content

SUFFIXES = (".safetensors", ".npy")

BLOCK = 2**22
"""The most numbers that are converted at a time."""

NPY_MAGIC = b"\x93NUMPY"
"""How a .npy file begins."""

DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
"""safetensors' names of types, with NumPy's. NumPy has no bfloat16, so its bits are read."""

FLOATS = ("float16", "float32", "float64")
"""The types of activations and heads, with bfloat16 in safetensors."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array as a file stores it, memory-mapped."""

    file: Path
    stored: np.ndarray
    bfloat16: bool = False

    @property
    def dtype(self) -> str:
        """The name of the type that the file has."""
        return "bfloat16" if self.bfloat16 else self.stored.dtype.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.stored.shape

    def numbers(self) -> np.ndarray:
        """Return its numbers; bfloat16 becomes float32, in memory."""
        return widened(self.stored) if self.bfloat16 else self.stored

    def blocks(self) -> Iterator[Float[np.ndarray, "row ..."]]:
        """Yield the array as float32, some rows at a time; every number has to be finite."""
        rows = max(1, BLOCK // max(1, math.prod(self.shape[1:])))
        for begin in range(0, len(self.stored), rows):
            given = self.stored[begin : begin + rows]
            if self.bfloat16:
                given = widened(given)
            with np.errstate(over="ignore"):
                block = np.ascontiguousarray(given, np.float32)
            finite = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
            if not finite.all():
                row = begin + int(np.argmin(finite))
                raise InputError(
                    f"{self.file}: expected finite float32 numbers, row {row} "
                    "holds NaN, infinity or one too large; compute it again"
                )
            yield block


def widened(bits: np.ndarray) -> np.ndarray:
    """Return bits of bfloat16, which is the upper half of a float32, as float32."""
    return (bits.astype("<u4") << 16).view("<f4")


def open_floats(file: Path, name: str) -> StoredArray:
    """Map the floats in a .npy file, or in safetensors the array called `name`, or the only one."""
    arrays = read_arrays(file)
    wanted = next(iter(arrays)) if len(arrays) == 1 else name
    if wanted not in arrays:
        there = ", ".join(list(arrays)[:10]) or "none"
        raise InputError(f"{file}: expected an array '{name}', got {there}; rename it")
    array = arrays[wanted]
    if not array.bfloat16 and array.dtype not in FLOATS:
        raise InputError(f"{file}: expected {', '.join(FLOATS)}, got {array.dtype}; convert it")
    return array


def read_arrays(file: Path) -> dict[str, StoredArray]:
    """Map the arrays in a file by name; a .npy file has one, without a name."""
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
        # NumPy warns of a header that it reads only as Python 2 would have written it.
        with warnings.catch_warnings(action="error"):
            stored = np.lib.format.open_memmap(file, mode="r")
    except OSError:
        raise
    except Exception as error:  # NumPy raises nearly any, depending on the damage
        why = str(error).partition("\n")[0][:200]
        raise InputError(
            f"{file}: not a .npy file of plain numbers ({why}); write it with np.save"
        ) from None
    if stored.dtype.kind not in "biuf":
        raise InputError(
            f"{file}: expected plain numbers, got {stored.dtype}; convert them (bfloat16 goes into "
            "safetensors or becomes float32)"
        )
    size, expected = file.stat().st_size, stored.offset + stored.nbytes
    if size != expected:
        raise InputError(
            f"{file}: expected {expected:,} bytes for the shape {stored.shape}, got {size:,}; "
            "write it again"
        )
    return StoredArray(file, stored)


def read_safetensors(file: Path, advice: str = "copy or save it again") -> dict[str, StoredArray]:
    """Map the arrays of a safetensors file by name, in alphabetical order.

    `advice` ends the message of a damaged file.
    """
    try:
        # Python says which file it may not open; safetensors calls such a file missing.
        with file.open("rb"), safe_open(file, framework="numpy") as stored:
            slices = {key: stored.get_slice(key) for key in stored.offset_keys()}
            layout = {key: (one.get_dtype(), one.get_shape()) for key, one in slices.items()}
    except SafetensorError as error:
        why = str(error).partition("\n")[0][:200]
        raise InputError(f"{file}: not a whole safetensors file ({why}); {advice}") from None
    # The library copies what it reads, which is five times slower, so numpy maps the arrays. The
    # library has checked that they fill the end of the file without gaps.
    arrays: dict[str, StoredArray] = {}
    end = file.stat().st_size
    for key, (kind, shape) in reversed(layout.items()):
        if kind not in DTYPES:
            raise InputError(
                f"{file}: '{key}': expected one of the types {', '.join(DTYPES)}, got {kind}; "
                "convert it before it is saved"
            )
        dtype = np.dtype(DTYPES[kind])
        end -= math.prod(shape) * dtype.itemsize
        if 0 in shape:  # it has no bytes to map
            values = np.empty(shape, dtype)
        else:
            values = np.memmap(file, dtype, "r", end, tuple(shape))
        arrays[key] = StoredArray(file, values, kind == "BF16")
    return dict(sorted(arrays.items()))


def named_array(file: Path, name: str) -> np.ndarray:
    """Return an array of a file by its name."""
    arrays = read_arrays(file)
    if name not in arrays:
        raise InputError(f"{file}: no array '{name}'; it holds {listed([*arrays])}")
    return arrays[name].numbers()


def column_names(file: Path, name: str) -> list[str] | None:
    """Return the names of an array's columns in the metadata of a safetensors file; None without.

    The metadata have them under the name of the array, one a line.
    """
    if file.suffix != ".safetensors":
        return None
    with safe_open(file, framework="numpy") as stored:
        text = (stored.metadata() or {}).get(name)
    return None if text is None else text.splitlines()
