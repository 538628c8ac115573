"""Arrays on disk, in safetensors: equal arrays give equal bytes, and all are finite."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_safetensors
from interpreting_clip.formats.json import whole_file

DTYPES = {"I64": "<i8", "F64": "<f8", "F32": "<f4", "I32": "<i4", "U8": "|u1"}
"""safetensors' name of each element type that is written, in its order, with numpy's."""

LONGEST_HEADER = 100_000_000
"""The most bytes of a header, which is safetensors' own limit."""


@dataclass(frozen=True)
class StreamedArray:
    """An array that is written while it is computed: blocks of rows, in order."""

    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Iterable[np.ndarray]


def write_tensors(
    file: Path,
    tensors: Mapping[str, np.ndarray | StreamedArray],
    about: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write arrays into one safetensors file; equal arrays give equal bytes.

    The bytes are those of safetensors' own `save`, sorted by element type, then by key. But `save`
    needs every array in memory; here a streamed array has only one block in memory at a time.

    Parameters
    ----------
    file : is there whole or not at all
    tensors : the arrays by name
    about : texts about them, the file's metadata; what is no text becomes JSON
    """
    types = [np.dtype(name) for name in DTYPES.values()]
    streams = {key: as_stream(value) for key, value in tensors.items()}
    order = sorted(streams, key=lambda key: (types.index(streams[key].dtype), key))
    with whole_file(file) as stream:
        stream.write(encoded_header({key: streams[key] for key in order}, about, file))
        for key in order:
            for block in checked_blocks(streams[key], f"{file}: '{key}'"):
                stream.write(block.data)


def as_stream(array: np.ndarray | StreamedArray) -> StreamedArray:
    """Return an array as a streamed array with a single block."""
    if isinstance(array, StreamedArray):
        return array
    stored = np.ascontiguousarray(array).reshape(array.shape)
    return StreamedArray(stored.shape, stored.dtype, [stored])


def encoded_header(
    streams: Mapping[str, StreamedArray], about: Mapping[str, object], file: Path
) -> bytes:
    """Return a file's header: its length, texts, then each array's position; padded to 8 bytes."""
    names = {np.dtype(name): key for key, name in DTYPES.items()}
    texts = {
        key: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for key, one in about.items()
    }
    entries: dict[str, object] = {"__metadata__": texts} if texts else {}
    begin = 0
    for key, array in streams.items():
        end = begin + math.prod(array.shape) * array.dtype.itemsize
        shape, offsets = array.shape, (begin, end)
        entries[key] = {"dtype": names[array.dtype], "shape": shape, "data_offsets": offsets}
        begin = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise InputError(
            f"{file}: the texts about it, such as the names of images, take {len(text):,} bytes, "
            f"and safetensors allow {LONGEST_HEADER:,}; write a part of the images at a time"
        )
    return len(text).to_bytes(8, "little") + text


def checked_blocks(array: StreamedArray, name: str) -> Iterable[np.ndarray]:
    """Yield the blocks of an array after checking their shapes, and that each is finite."""
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
    """Memory-map the arrays of a safetensors file, of which it has to have `keys`."""
    if not file.exists():
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it")
    arrays = read_safetensors(file, "it is damaged; delete it, then `dvc checkout` or `dvc repro`")
    if missing := [key for key in keys if key not in arrays]:
        raise InputError(f"{file}: expected the arrays {', '.join(keys)}; missing: {missing}")
    return {key: array.numbers() for key, array in arrays.items()}


def require_finite(array: np.ndarray, name: str, rows: int = 4096, first: int = 0) -> None:
    """Refuse NaN and infinities, a few rows at a time; `first` is the number of the first row."""
    if array.dtype.kind != "f" or array.ndim == 0:
        return
    for begin in range(0, len(array), rows):
        finite = np.isfinite(array[begin : begin + rows])
        if not finite.all():
            row = first + begin + int(np.argmin(finite.all(axis=tuple(range(1, array.ndim)))))
            raise InputError(
                f"{name}: expected finite numbers, got NaN or infinity in row {row}; look for them "
                "in what it is computed from"
            )
