"""Arrays on disk, in safetensors: sorted keys, mapped into memory, always finite."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.files.json import whole_file
from stages.runtime.errors import InputError

NAMES = {"I64": "<i8", "F64": "<f8", "F32": "<f4", "I32": "<i4", "U8": "|u1"}
"""safetensors' names of the element types that are stored, in its order of them, and numpy's."""


@dataclass(frozen=True)
class StreamedArray:
    """An array that is written block by block, while it is computed: blocks of rows, in order."""

    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Iterable[np.ndarray]


def write_tensors(file: Path, tensors: Mapping[str, np.ndarray | StreamedArray]) -> None:
    """Write arrays into one safetensors file, so that equal arrays give equal bytes.

    The bytes are those of safetensors' own `save`: sorted by element type, then by key. Of an
    array that is coming, one block at a time is in memory.

    Raises
    ------
    InputError
        An array holds NaN or an infinity; names it and the first row where.
    ValueError
        What came of an array is not of its shape or its element type.
    """
    coming = {key: as_stream(value) for key, value in tensors.items()}
    order = sorted(coming, key=lambda key: (element_types().index(coming[key].dtype), key))
    with whole_file(file) as stream:
        stream.write(encoded_header({key: coming[key] for key in order}))
        for key in order:
            for block in checked_blocks(coming[key], f"{file}: '{key}'"):
                stream.write(block.data)


def as_stream(array: np.ndarray | StreamedArray) -> StreamedArray:
    """Return an array that is there already as one that comes in one block."""
    if isinstance(array, StreamedArray):
        return array
    stored = np.ascontiguousarray(array).reshape(array.shape)
    return StreamedArray(stored.shape, stored.dtype, [stored])


def element_types() -> list[np.dtype]:
    """Return the element types that are stored, in the order of `NAMES`."""
    return [np.dtype(name) for name in NAMES.values()]


def encoded_header(coming: Mapping[str, StreamedArray]) -> bytes:
    """Return a file's header: its length, then where each array will lie, padded to 8 bytes."""
    names, entries, begin = list(NAMES), {}, 0
    for key, array in coming.items():
        end = begin + math.prod(array.shape) * array.dtype.itemsize
        entries[key] = {
            "dtype": names[element_types().index(array.dtype)],
            "shape": array.shape,
            "data_offsets": (begin, end),
        }
        begin = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def checked_blocks(array: StreamedArray, name: str) -> Iterable[np.ndarray]:
    """Yield the blocks of an array, each looked through.

    Raises
    ------
    InputError
        A row is not finite.
    ValueError
        As `write_tensors`.
    """
    rows = 0
    for block in array.blocks:
        if block.dtype != array.dtype or block.shape[1:] != array.shape[1:]:
            raise ValueError(
                f"{name}: expected rows of {array.shape[1:]} {array.dtype}, got "
                f"{block.shape[1:]} {block.dtype}"
            )
        require_finite(block, name, first=rows)
        rows += len(block) if block.ndim else 0
        yield np.ascontiguousarray(block)
    if rows != sum(array.shape[:1]):
        raise ValueError(f"{name}: expected {sum(array.shape[:1])} rows, got {rows}")


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


def require_finite(array: np.ndarray, name: str, rows: int = 4096, first: int = 0) -> None:
    """Refuse NaN and infinities, a few rows at a time; `first` is the number of the first row.

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
            row = first + begin + int(np.argmin(good.all(axis=1)))
            raise InputError(f"{name}: expected finite numbers, got NaN or infinity in row {row}")
