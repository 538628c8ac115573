"""Arrays on disk: equal arrays give equal bytes, and all are finite."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import save_file

from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_safetensors
from interpreting_clip.formats.json import whole_file


def write_tensors(
    file: Path, tensors: Mapping[str, np.ndarray], about: dict[str, str] | None = None
) -> None:
    """Write arrays into one safetensors file, sorted by element type, then by key.

    Parameters
    ----------
    file : is there whole or not at all
    tensors : the arrays by name
    about : at most one text, the file's metadata; safetensors writes several in random order
    """
    stored = {key: np.asarray(array, order="C") for key, array in tensors.items()}
    for key, array in stored.items():
        require_finite(array, f"{file}: '{key}'")
    with whole_file(file) as stream:
        try:
            save_file(stored, stream.name, about)
        except SafetensorError as error:
            # Its text is the only place that has the number of the system's error.
            if match := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(match[1]), os.strerror(int(match[1]))) from None
            raise
        # safetensors puts a file in place that nobody but its owner can read.
        Path(stream.name).chmod(os.fstat(stream.fileno()).st_mode)


def write_rows(
    file: Path, shape: tuple[int, int], blocks: Iterable[Float[np.ndarray, "row feature"]]
) -> None:
    """Write rows as the float32 array of a .npy file while they are computed, a block at a time.

    Not through `open_memmap`: on a full disk, the first write that finds no room would kill the
    process with a bus error.
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with whole_file(file) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in blocks:
            stream.write(np.ascontiguousarray(block, "<f4").data)


def stacked(
    shape: tuple[int, ...], blocks: Iterable[Float[np.ndarray, "row ..."]]
) -> Float[np.ndarray, "row ..."]:
    """Return blocks of rows as one float32 array, without a second copy of them in memory."""
    rows, end = np.empty(shape, np.float32), 0
    for block in blocks:
        rows[end : end + len(block)] = block
        end += len(block)
    return rows


def read_tensors(file: Path, *keys: str) -> dict[str, np.ndarray]:
    """Memory-map the arrays of a safetensors file, of which it has to have `keys`."""
    if not file.exists():
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it")
    arrays = read_safetensors(file, "it is damaged; delete it, then `dvc checkout` or `dvc repro`")
    if missing := [key for key in keys if key not in arrays]:
        raise InputError(f"{file}: expected the arrays {', '.join(keys)}; missing: {missing}")
    return {key: array.numbers() for key, array in arrays.items()}


def require_finite(array: np.ndarray, name: str, rows: int = 4096) -> None:
    """Refuse NaN and infinities, a few rows at a time."""
    if array.dtype.kind != "f" or array.ndim == 0:
        return
    for begin in range(0, len(array), rows):
        finite = np.isfinite(array[begin : begin + rows])
        if not finite.all():
            row = begin + int(np.argmin(finite.all(axis=tuple(range(1, array.ndim)))))
            raise InputError(
                f"{name}: expected finite numbers, got NaN or infinity in row {row}; look for them "
                "in what it is computed from"
            )
