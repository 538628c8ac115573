"""The arrays in the files that the command is given: which one is meant, and what else there is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_arrays
from interpreting_clip.readable import listed

ACTIVATIONS = ("activations", "features", "embeddings", "image_features")

NAMES = {
    "activations": (2, ACTIVATIONS),
    "compare": (2, ACTIVATIONS),
    "labels": (1, ("classes", "labels", "targets")),
    "head": (2, ("weight", "head.weight", "head", "classifier.weight", "fc.weight", "W")),
    "concepts": (2, ("concepts", "labels")),
}
"""By the role of an array how many dimensions it has, and the names that are looked for."""


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
        raise InputError(
            f"{self.file}: expected {role} beside '{self.name}', called "
            f"{' or '.join(NAMES[role][1])}; it holds {', '.join(self.others)}"
        )


def read_array(place: str, role: str) -> GivenArray:
    """Read the array that a user names as `file` or `file:array`.

    Without a name it is the first of those in `NAMES`, or else the only one with as many
    dimensions. An npy file has one array, without a name.
    """
    file, name = Path(place), ""
    if not file.exists() and ":" in place:
        # Both names may have colons: the file is the shortest that there is.
        parts = place.split(":")
        starts = [":".join(parts[:end]) for end in range(1, len(parts))]
        before = next((one for one in starts if Path(one).is_file()), starts[-1])
        file, name = Path(before), place[len(before) + 1 :]
    arrays = {key: array.numbers() for key, array in read_arrays(file).items()}
    dimensions, names = NAMES[role]
    sizes = [f"{key or 'one array'} {list(array.shape)}" for key, array in arrays.items()]
    there = f"it holds {listed(sizes) or 'nothing'}"
    if name and name not in arrays:
        raise InputError(f"{file}: no array '{name}'; {there}")
    fitting = [key for key, array in arrays.items() if array.ndim == dimensions]
    fitting = [name] if name else [key for key in names if key in fitting][:1] or fitting
    if len(fitting) != 1:
        advice = f"; name one as {file}:NAME" if any(arrays) else ""  # that of an npy has no name
        raise InputError(
            f"{file}: no {role}: looked for {', '.join(names)}, or a single "
            f"{('vector', 'matrix')[dimensions - 1]}; {there}{advice}"
        )
    return GivenArray(file, fitting[0], arrays[fitting[0]], arrays)


def test_set(activations: GivenArray, labels: GivenArray) -> dict[str, Any]:
    """Return activations with their classes, as `accuracy` takes them.

    The file of the classes, or that of the activations, may list the classes that the set has
    (`class_indices`), and further ones that count as these (`aliases`).
    """
    beside = {**activations.others, **labels.others}
    aliases = beside.get("aliases")
    if aliases is not None and (aliases.ndim != 2 or aliases.shape[1] != 2):
        raise InputError(
            f"{labels.file}: 'aliases': expected rows of two classes, got the shape "
            f"{list(aliases.shape)}"
        )
    return {
        "activations": activations.values,
        "classes": labels.values,
        "among": beside.get("class_indices"),
        "aliases": None if aliases is None else dict(aliases.tolist()),
    }


def read_names(file: Path) -> list[str]:
    """Read the names of concepts, one a line."""
    try:
        return file.read_text("utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: expected a text with one name a line ({error})") from None
