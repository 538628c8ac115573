"""The files and folders that the commands are given: which array is meant, where to write."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import safe_open

from interpreting_clip.arrays.conversions import numeric
from interpreting_clip.errors import InputError, listed, require_content
from interpreting_clip.formats.array_files import SUFFIXES, read_arrays
from interpreting_clip.statistics.rectified import Representation

NPZ = ".npz"
TORCH = (".pt", ".pth")
READ = (*SUFFIXES, NPZ, *TORCH)

WRITING = {
    NPZ: "save it again with np.savez, as plain numbers",
    **dict.fromkeys(TORCH, "save it again as a tensor, with torch.save or safetensors"),
}
"""The remedy for what cannot be read, by the suffix of its file."""

METADATA = "interpreting-clip extract"
"""The key of the metadata that marks a safetensors file as written by `extract`."""

SHIFTS = "shifts."
"""How the names of the arrays of a shift begin in a file of `extract`: `shifts.blur.classes`."""

ACTIVATIONS = ("activations", "features", "embeddings", "image_features")

NAMES = {
    "activations": (2, ACTIVATIONS),
    "captions": (2, ("captions", "text_features", "text_embeddings", *ACTIVATIONS)),
    "labels": (1, ("classes", "labels", "targets")),
    "head": (2, ("weight", "head.weight", "head", "classifier.weight", "fc.weight", "W")),
    "concepts": (2, ("concepts", "labels", "objects")),
    "concept_rows": (2, ("rows", "head", "weight")),
}
"""By the role of an array, its number of dimensions, and the names to look for."""


@dataclass(frozen=True, eq=False)
class GivenArray:
    """An array of a file; `others` are all arrays of this file by name."""

    file: Path
    name: str
    values: np.ndarray
    others: dict[str, np.ndarray]

    def beside_it(self, role: str) -> "GivenArray | None":
        """Return the array of the same file that has another role, None if there is none."""
        dimensions, names = NAMES[role]
        for name in names:
            if name in self.others and self.others[name].ndim == dimensions:
                return GivenArray(self.file, name, self.others[name], self.others)
        return None

    def required_beside_it(self, role: str) -> "GivenArray":
        """Return the array of the same file that has another role, or refuse the file."""
        if found := self.beside_it(role):
            return found
        held = listed([name for name in self.others if name]) or "one array, without a name"
        raise InputError(
            f"{self.file}: expected {role} in the same file, called "
            f"{' or '.join(NAMES[role][1])}; it holds {held}"
        )


def read_array(place: str, role: str) -> GivenArray:
    """Read the array that a user names as `file` or `file:array`.

    Without a name, the first name in `NAMES` is taken, or else the only array with as many
    dimensions, or the only array. The measures refuse other dimensions, with the remedy.
    """
    # Both names may have colons: the file is the first that there is.
    starts = [place, *(place[:end] for end, letter in enumerate(place) if letter == ":")]
    before = next(filter(os.path.isfile, starts), place)
    file, name = Path(before), place[len(before) + 1 :]
    arrays, refused = read_numbers(file, role)
    dimensions, names = NAMES[role]
    fitting = [key for key, array in arrays.items() if array.ndim == dimensions]
    # An array of these names that has to be pooled is meant, rather than another one that fits.
    larger = [key for key, array in arrays.items() if array.ndim > dimensions]
    known = [key for key in names if key in fitting]
    known += [key for key in names if key in larger or key in refused]
    held = [*arrays, *refused]
    chosen = held if len(held) == 1 else known[:1] or fitting
    if name:
        chosen = [key for key in held if key == name]
    if len(chosen) != 1:
        sizes = [f"{key or 'one array'} {list(array.shape)}" for key, array in arrays.items()]
        advice = f"; name one as {file}:NAME" if any(held) else ""  # that of an npy has no name
        wanted = f"array '{name}'"
        if not name:
            kind = ("vector", "matrix")[dimensions - 1]
            wanted = f"{role}: looked for {', '.join(names)}, or a single {kind}"
        raise InputError(
            f"{file}: no {wanted}; it holds {listed(sizes or held) or 'nothing'}{advice}"
        )
    if reason := refused.get(chosen[0]):
        raise InputError(f"{file}: {reason}")
    array = arrays[chosen[0]]
    if not array.ndim:
        raise InputError(f"{file}: {role}: expected an array, got a single number; name another")
    return GivenArray(file, chosen[0], array, arrays)


def read_numbers(file: Path, role: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of numbers in a file, and why the others cannot be read, by name.

    The array of an npy file, and a tensor that was saved by itself, have no name.
    """
    if not file.is_file():
        raise InputError(f"{file}: {'is a folder' if file.is_dir() else 'no such file'}")
    if file.suffix not in READ:
        raise InputError(
            f"{file}: expected a file that ends in {', '.join(READ)}; save the array with np.save, "
            "or several with np.savez or safetensors.numpy.save_file"
        )
    if file.suffix in SUFFIXES:
        return {key: array.numbers() for key, array in read_arrays(file).items()}, {}
    require_content(file, file)
    arrays, refused = {}, {}
    with file.open("rb") as stream:
        held = read_npz(file, stream) if file.suffix == NPZ else read_torch(file)
        for key in held:
            try:
                arrays[key] = numeric(held[key], key or role)
            except Exception as error:  # a damaged archive raises anything
                reason = str(error).partition("\n")[0].removeprefix(f"{key or role}: ")
                refused[key] = f"{key or role}: {reason}; {WRITING[file.suffix]}"
    return arrays, refused


def read_npz(file: Path, stream: BinaryIO) -> Mapping[str, Any]:
    """Open the arrays of an npz file by name; each is read when it is asked for."""
    try:
        held = np.load(stream, allow_pickle=False)
    except Exception as error:  # a damaged archive raises anything
        why = str(error).partition(". ")[0]
        raise InputError(f"{file}: not a whole npz file ({why}); {WRITING[NPZ]}") from None
    return {"": held} if isinstance(held, np.ndarray) else held


def read_torch(file: Path) -> dict[str, Any]:
    """Return what `torch.save` wrote by name, without executing anything in it.

    Tensors in mappings within the whole have names with dots, as parameters of a model do.
    """
    try:
        from interpreting_clip.encoders.checkpoints import read_pickle, state_dicts
    except ModuleNotFoundError:
        raise InputError(
            f"{file}: only PyTorch can read it: `pip install torch`, or save the array with np.save"
        ) from None
    content = read_pickle(file, str(file))
    held = dict(content) if isinstance(content, Mapping) else {}
    for path, tensors in state_dicts(content):
        held |= {f"{path}.{key}".lstrip("."): tensor for key, tensor in tensors.items()}
    return {str(key): value for key, value in held.items()} or {"": content}


def test_set(activations: GivenArray, labels: GivenArray) -> dict[str, Any]:
    """Return activations with their classes, as `accuracy` takes them.

    The file of the classes, or that of the activations, may list the classes that the set has
    (`class_indices`), and further ones that count as these (`aliases`).
    """
    beside = {**activations.others, **labels.others}
    aliases = beside.get("aliases")
    if aliases is not None and (aliases.shape[1:] != (2,) or aliases.dtype.kind not in "iu"):
        raise InputError(
            f"{labels.file}: 'aliases': expected rows of two whole numbers, got the shape "
            f"{list(aliases.shape)} of {aliases.dtype}"
        )
    return {
        "activations": activations.values,
        "classes": labels.values,
        "among": beside.get("class_indices"),
        "aliases": None if aliases is None else dict(aliases.tolist()),
    }


def shifts_within(images: GivenArray) -> dict[str, GivenArray]:
    """Return the activations of shifts in a file of `extract`, by the name of the shift.

    Beside them are the arrays of the same shift, without the beginning of their names.
    """
    shifts: dict[str, dict[str, np.ndarray]] = {}
    for key, array in images.others.items():
        name, _, role = key.removeprefix(SHIFTS).rpartition(".")
        if key.startswith(SHIFTS) and name:
            shifts.setdefault(name, {})[role] = array
    return {
        name: GivenArray(images.file, f"{SHIFTS}{name}.activations", arrays["activations"], arrays)
        for name, arrays in shifts.items()
        if "activations" in arrays
    }


def recorded(file: Path) -> dict[str, Any]:
    """Return what `extract` recorded in a file about itself; nothing in another file."""
    if file.suffix == ".safetensors" and file.is_file():
        with safe_open(file, "numpy") as stored:
            if about := (stored.metadata() or {}).get(METADATA):
                return json.loads(about)
    return {}


def recorded_representation(file: Path) -> Representation | None:
    """Return what `extract` recorded about a file of activations; None if it is another file.

    Beside activations in `mine.npy`, `extract` writes the record into `mine.safetensors`.
    """
    about = recorded(file) or recorded(file.with_suffix(".safetensors"))
    return about.get("card", {}).get("representation")


def image_names(images: GivenArray) -> list[str]:
    """Return the names of images that `extract` recorded, row by row; none if they are unknown.

    Those of a shift in the file of the original images are its own. Beside an npy file they are in
    the safetensors file of its head and classes.
    """
    of_shift = images.name.startswith(SHIFTS)
    shift = images.name.removeprefix(SHIFTS).removesuffix(".activations")
    for file in dict.fromkeys((images.file, images.file.with_suffix(".safetensors"))):
        about = recorded(file)
        names = about.get("shifts", {}).get(shift) if of_shift else about.get("images")
        if names and len(names) == len(images.values):
            return names
    return []


def read_names(file: Path) -> list[str]:
    """Read the names of concepts, one name per line."""
    try:
        return file.read_text("utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: expected a text with one name a line ({error})") from None


def require_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written to, or that cannot be made."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir():
        raise InputError(f"{there}: expected a folder, got a file; name another one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{there}: no permission to write there; name another folder")
