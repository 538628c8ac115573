"""How far two files of the same output are apart, in what they hold rather than in their bytes.

Two kinds of CPU add floats in another order and fuse other products, so last bits differ, and with
them whatever rests on them: a float by a little, a count or the class of an image by a step or not
at all. What is allowed is ours to choose:

    arrays    1e-4 of an array's largest value: float32 keeps 6e-8 of a number, sums of a thousand
              terms through fifty layers lose up to a thousand times that
    ranks     1e-2 of it where the array is of average precisions: two images that change places in
              a ranking of few positives move one by a step
    relative  1e-3 of a number in a table or JSON: three digits, as results are read
    absolute  1e-4, for numbers near 0; results are rounded to 1e-6
    points    0.2 percentage points of an accuracy and of what is in its unit: 3 of the miniature's
              1,500 images, 100 of ImageNet's 50,000, whose best class changes hands

Counts have no tolerance of their own: `relative` lets those above 1,000 move alone.
"""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.storage.errors import InputError
from stages.storage.tensors import read_tensors

RANKED = "data/concepts/"
"""Outputs whose arrays are of average precisions."""

SHARES = "data/training/"
"""Outputs whose accuracies are shares, not percentages."""


@dataclass(frozen=True)
class Tolerance:
    """What is allowed to differ, see above."""

    arrays: float = 1e-4
    ranks: float = 1e-2
    relative: float = 1e-3
    absolute: float = 1e-4
    points: float = 0.2


@dataclass(frozen=True)
class Difference:
    """A difference: `size` in units of what is allowed, so that above 1 is too much, and where."""

    size: float
    where: str


def differences(first: Path, second: Path, name: str, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield what differs in two files of one output; `name` is its path in the repository.

    Raises
    ------
    InputError
        A file is damaged.
    """
    suffix = Path(name).suffix
    if suffix == ".safetensors":
        yield from array_differences(first, second, name, tolerance)
    elif suffix == ".json":
        yield from tree_differences(read(first), read(second), name, tolerance)
    elif suffix in (".csv", ".tsv"):
        rows = table(first, suffix), table(second, suffix)
        yield from tree_differences(*rows, name, tolerance)
    else:
        yield Difference(math.inf, f"{name}: other bytes")


def read(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise InputError(f"{file}: not legal JSON ({error})") from None


def table(file: Path, suffix: str) -> list[dict[str, str]]:
    """Return the rows of a table by column."""
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t" if suffix == ".tsv" else ","))


def array_differences(
    first: Path, second: Path, name: str, tolerance: Tolerance
) -> Iterator[Difference]:
    """Yield the largest difference of each pair of arrays; whole numbers have to be equal."""
    arrays = read_tensors(first), read_tensors(second)
    yield from key_differences(*arrays, name)
    for key in sorted(arrays[0].keys() & arrays[1].keys()):
        a, b = (found[key] for found in arrays)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            kinds = f"{a.dtype} {a.shape}, {b.dtype} {b.shape}"
            yield Difference(math.inf, f"{name}: {key}: {kinds}")
        elif a.dtype.kind != "f" and (count := int(np.count_nonzero(a != b))):
            yield Difference(math.inf, f"{name}: {key}: {count} of {a.size} values")
        elif share := largest_difference(a, b):
            allowed = tolerance.ranks if name.startswith(RANKED) else tolerance.arrays
            size = share / allowed if allowed else math.inf
            yield Difference(size, f"{name}: {key}: {share:.1e} of its scale")


def largest_difference(a: np.ndarray, b: np.ndarray, rows: int = 4096) -> float:
    """Return the largest difference of two arrays as a share of the largest value in them.

    It is infinite where one holds NaN or an infinity, which no stage writes: such a file is rotten.
    """
    largest = scale = 0.0
    for begin in range(0, len(a) if a.ndim else 1, rows):
        x, y = (
            np.asarray(array[begin : begin + rows] if a.ndim else array, np.float64)
            for array in (a, b)
        )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return math.inf
        if x.size:
            largest = max(largest, float(np.abs(x - y).max()))
            scale = max(scale, float(np.abs(x).max()), float(np.abs(y).max()))
    return largest / scale if scale else 0.0


def tree_differences(a: Any, b: Any, path: str, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield every value in which two trees of JSON, or two lists of rows, differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        yield from key_differences(a, b, path)
        for key in a.keys() & b.keys():
            yield from tree_differences(a[key], b[key], f"{path}: {key}", tolerance)
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            yield Difference(math.inf, f"{path}: {len(a)} entries, {len(b)}")
        for index, (x, y) in enumerate(zip(a, b, strict=False)):
            yield from tree_differences(x, y, f"{path}: {index}", tolerance)
    elif a != b:
        yield value_difference(a, b, path, tolerance)


def key_differences(a: Any, b: Any, path: str) -> Iterator[Difference]:
    """Yield the keys that one of two mappings alone has."""
    for key in sorted(a.keys() ^ b.keys()):
        yield Difference(math.inf, f"{path}: {key}: in {'A' if key in a else 'B'} alone")


def value_difference(a: Any, b: Any, path: str, tolerance: Tolerance) -> Difference:
    """Return how far two unequal values are apart."""
    where = f"{path}: {a}, {b}"
    numbers = number(a), number(b)
    if None in numbers:
        return Difference(math.inf, where)
    x, y = (float(n) for n in numbers if n is not None)
    allowed = tolerance.absolute + tolerance.relative * max(abs(x), abs(y))
    if is_accuracy(path):
        allowed = max(allowed, tolerance.points * (0.01 if path.startswith(SHARES) else 1.0))
    return Difference(abs(x - y) / allowed if allowed else math.inf, where)


def number(value: Any) -> float | None:
    """Return a finite number, also one in a cell of a table, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def is_accuracy(path: str) -> bool:
    """Say whether a value is an accuracy or a difference of accuracies."""
    file, *keys = path.split(": ")
    columns = ("imagenet", "baseline") if file.endswith(".csv") else ()
    return any("accuracy" in k or k == "effective_robustness" or k in columns for k in keys)
