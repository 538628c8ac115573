"""Stage `fetch_arrays`: download arrays that others have published, as one safetensors file."""

import shutil
from pathlib import Path

import numpy as np

from interpreting_clip.downloads.http import download
from interpreting_clip.errors import error_context
from interpreting_clip.formats.array_files import NPY_MAGIC, read_npy, read_safetensors
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.study.measured_arrays import DOWNLOADED, ArrayDownload
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write download `key`: safetensors as it is, the array of an npy file as `array`."""
    item = params.read(f"array_downloads.{key}", ArrayDownload)
    machine, out = read_machine(), outputs[DOWNLOADED.format(key=key)]
    file = download(item.url, item.sha256, Path(machine.downloads), mirror=machine.mirror)
    with error_context(item.url):
        if is_npy(file):
            write_tensors(out, {"array": storable(read_npy(file).numbers())})
        else:
            read_safetensors(file)
            shutil.copyfile(file, out)


def is_npy(file: Path) -> bool:
    """Return whether a file is npy; one in the folder of downloads has no suffix."""
    with file.open("rb") as stream:
        return stream.read(len(NPY_MAGIC)) == NPY_MAGIC


def storable(array: np.ndarray) -> np.ndarray:
    """Return numbers in a type that `write_tensors` has, in which none is rounded."""
    if array.dtype.kind == "f":
        return array.astype("<f8" if array.dtype.itemsize > 4 else "<f4")
    return array.astype("<i8")
