"""Arrays on disk, in safetensors: sorted keys, mapped into memory, always finite."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stages.storage.errors import InputError
from stages.storage.results import write_whole

NAMES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
"""safetensors' names of the element types that are stored, and numpy's."""


def write_tensors(file: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays into one safetensors file, keys sorted, so that equal arrays give equal bytes.

    Raises
    ------
    InputError
        An array holds NaN or an infinity; names it and the first row where.
    """
    from safetensors.numpy import save

    arrays = {key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}
    for key, array in arrays.items():
        require_finite(array, f"{file}: '{key}'")
    write_whole(file, save(arrays))


def read_tensors(file: Path, *keys: str) -> dict[str, np.ndarray]:
    """Map the arrays of a safetensors file into memory: pages are read when they are touched.

    Raises
    ------
    InputError
        The file is missing, cut short or lacks one of `keys`.
    """
    header, start = read_header(file)
    missing = [key for key in keys if key not in header]
    if missing:
        raise InputError(f"{file}: expected the arrays {', '.join(keys)}; missing: {missing}")
    return {key: map_array(file, entry, start) for key, entry in sorted(header.items())}


def read_header(file: Path) -> tuple[dict[str, dict], int]:
    """Return the entries of a safetensors file and the offset at which its data start."""
    again = "delete it, then `dvc checkout` or `dvc repro`"
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    except (ValueError, OverflowError, MemoryError):
        raise InputError(f"{file}: not a safetensors file; {again}") from None
    header.pop("__metadata__", None)
    end = 8 + length + max((e["data_offsets"][1] for e in header.values()), default=0)
    if size != end:
        raise InputError(f"{file}: expected {end} bytes, got {size}: it is damaged; {again}")
    return header, 8 + length


def map_array(file: Path, entry: dict, start: int) -> np.ndarray:
    """Map one array; an empty one has no bytes to map."""
    shape, dtype = tuple(entry["shape"]), np.dtype(NAMES[entry["dtype"]])
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(file, dtype, "r", start + entry["data_offsets"][0], shape)


def require_finite(array: np.ndarray, name: str, rows: int = 4096) -> None:
    """Refuse NaN and infinities, a few rows at a time.

    Raises
    ------
    InputError
        Names the array and the first row that is not finite.
    """
    if array.dtype.kind != "f" or array.ndim == 0:
        return
    for begin in range(0, len(array), rows):
        good = np.isfinite(array[begin : begin + rows]).reshape(
            len(array[begin : begin + rows]), -1
        )
        if not good.all():
            row = begin + int(np.argmin(good.all(axis=1)))
            raise InputError(f"{name}: expected finite numbers, got NaN or infinity in row {row}")
