"""`make compare A=… B=…`: check whether two results agree, even if their bytes differ.

    python -m tools.compare A B [--arrays N] [--relative N] [--absolute N]
        [--points N]

A and B are folders of the project or git revisions; `--only metrics/` compares the outputs whose
paths begin with this. Exits 0 if every output is the same or agrees within the tolerance, 1 if one
differs or is missing.
"""

import argparse
import filecmp
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.tables import read_table
from runner.inputs import file_md5
from runner.native import NATIVE
from runner.process import launch
from tools.cache import Cache, Output, files_below, locked_outputs, open_cache

RANKED = "data/concepts/"
"""Outputs whose arrays are of average precisions."""

HEADLINES = ("accuracy", "imagenet", "drawn_imagenet", "shifts", "drawn_shifts", "robust")
"""Which numbers in `metrics/` are accuracies or differences of them."""

ORDERED = (".top", ".bottom", ".negative")
"""How arrays are called that say which image or side has a score: near-equal ones trade places.

Their scores and precisions stand in arrays beside them, which are compared.
"""

ACCURACIES = (
    "imagenet",
    "robustness",
    "effective_robustness",
    "natural",
    "style",
    "whole",
    "costs",
)
"""Where accuracies and differences of them stand in results, besides names with `accuracy`."""

SHARES = "data/training/"
"""Outputs whose accuracies are shares, not percentages."""


TOLERANCES = {
    "arrays": (1e-4, "share of an array's largest value"),
    "ranks": (1e-2, "the same, of average precisions"),
    "relative": (1e-3, "share of a number"),
    "absolute": (1e-4, "of a number near 0"),
    "points": (0.2, "percentage points of an accuracy"),
}
"""How much may differ by default, and of what; each is an option."""

Tolerance = Mapping[str, float]


Difference = tuple[float, str]
"""The size of a difference in units of the tolerance (above 1 is too much), and where it is."""

Place = tuple[str | int, ...]
"""Where a value is: the path of its file, then the keys and indices that lead to it."""


def differences(first: Path, second: Path, name: str, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield the differences of two files of one output; `name` is its path in the repository."""
    a, b = contents(first, name), contents(second, name)
    for place in a | b:
        where = ": ".join(map(str, place))
        if place not in a or place not in b:
            yield (math.inf, f"{where}: in {'A' if place in a else 'B'} only")
            continue
        weigh = weigh_arrays if isinstance(a[place], np.ndarray) else weigh_values
        distance, allowed, said = weigh(a[place], b[place], place, tolerance)
        if distance:
            yield (distance / allowed if allowed else math.inf, f"{where}: {said}")


def contents(file: Path, name: str) -> dict[Place, Any]:
    """Return the arrays of a file, or its numbers and texts, or else its MD5."""
    match Path(name).suffix:
        case ".safetensors":
            arrays = read_tensors(file).items()
            return {(name, key): array for key, array in arrays if not key.endswith(ORDERED)}
        case ".json":
            return {one: it for one, it in leaves(read_json(file), (name,)) if NATIVE not in one}
        case ".csv" | ".tsv" as suffix:
            table = read_table(file, (), delimiter="\t" if suffix == ".tsv" else ",")
            return dict(leaves(table.to_dict("records"), (name,)))
    return {(name, "MD5"): file_md5(file)}


def leaves(node: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Yield each value below a node with its place; an empty list or mapping is a value."""
    inside = dict(enumerate(node)) if isinstance(node, list) else node
    if isinstance(inside, dict) and inside:
        for key, value in inside.items():
            yield from leaves(value, (*place, key))
    else:
        yield place, node


def weigh_arrays(
    a: np.ndarray, b: np.ndarray, place: Place, tolerance: Tolerance
) -> tuple[float, float, str]:
    """Return the distance of two arrays, the tolerance, and both in words.

    Integer arrays have to be equal.
    """
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return math.inf, 1.0, f"{a.dtype} {a.shape}, {b.dtype} {b.shape}"
    if a.dtype.kind != "f":
        count = int(np.count_nonzero(a != b))
        return count, 0.0, f"{count} of {a.size} values"
    allowed = tolerance["ranks"] if str(place[0]).startswith(RANKED) else tolerance["arrays"]
    return (share := largest_difference(a, b)), allowed, f"{share:.1e} of its scale"


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference of two arrays as a share of the largest value in them.

    It is infinite if one holds NaN or an infinity, which no stage writes: such a file is damaged.
    """
    with np.errstate(all="ignore"):
        largest = np.abs(a - b).max(initial=0.0)
        scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
        share = float(largest / scale) if scale else 0.0
    return share if math.isfinite(share) else math.inf


def weigh_values(a: Any, b: Any, place: Place, tolerance: Tolerance) -> tuple[float, float, str]:
    """Return the distance of two values of a tree or a table, the tolerance, and both values."""
    said, x, y = f"{a}, {b}", number(a), number(b)
    if a == b or x is None or y is None:
        return float(a != b), 0.0, said
    allowed = tolerance["absolute"] + tolerance["relative"] * max(abs(x), abs(y))
    if is_accuracy(place):
        shares = str(place[0]).startswith(SHARES)
        allowed = max(allowed, tolerance["points"] * (0.01 if shares else 1.0))
    return abs(x - y), allowed, said


def number(value: Any) -> float | None:
    """Return a finite number, also one in a cell of a table, or None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def is_accuracy(place: Place) -> bool:
    """Say whether a value is an accuracy or a difference of accuracies."""
    file, *keys = map(str, place)
    columns = (*ACCURACIES, "baseline") if file.endswith(".csv") else ACCURACIES
    columns = HEADLINES if file.startswith("metrics/") else columns
    return any("accuracy" in k or k in columns for k in keys)


SAME, AGREES, DIFFERS, MISSING = "identical", "agrees", "differs", "missing"
REDRAWN, RECODED = "drawn anew", "other code"

DRAWN = (".html", ".svg")
"""Pictures and pages of numbers that are also in a table, which is compared."""

PAGES = "plots/directions/"
"""Outputs that are pages and pictures, all of them."""

NO_RESULTS = ("code.json", "data/study")
"""Outputs that record which code made the results, and that params.yaml is legal."""


@dataclass(frozen=True)
class ComparedResult:
    """The outputs of a study by path: in a folder or, for a revision, in git and DVC's cache."""

    name: str
    outputs: dict[str, Output]
    folder: Path
    cache: Cache

    def files(self, path: str) -> dict[str, Path]:
        """Return the files of an output by path; none if any of it is missing."""
        place, md5 = self.folder / path, self.outputs[path].md5
        if place.is_file():
            return {path: place}
        if place.is_dir():
            return {f"{path}/{f.relative_to(place).as_posix()}": f for f in files_below(place)}
        members = {f"{path}/{name}": each for name, each in self.cache.members(md5).items()}
        found = {name: self.cache.file(each) for name, each in (members or {path: md5}).items()}
        return found if all(file.is_file() for file in found.values()) else {}


@contextmanager
def open_result(name: str) -> Iterator[ComparedResult]:
    """Find the result that a folder or a git revision holds.

    Raises
    ------
    InputError
        It is neither, nothing has been run there, or the lock file is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        if (folder := Path(name)).is_dir():
            cache = open_cache(folder)
        else:
            folder, cache = Path(place), open_cache(Path.cwd())
            write_revision(name, folder)
        if not (outputs := {output.path: output for output in locked_outputs(folder)}):
            raise InputError(f"{name}: no dvc.lock, so nothing to compare; run `dvc repro` there")
        yield ComparedResult(name, outputs, folder, cache)


def write_revision(revision: str, folder: Path) -> None:
    """Write the files of a git revision into a folder.

    Raises
    ------
    InputError
        It is not a revision.
    """
    command = ["git", "archive", f"{revision}^{{commit}}"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        raise InputError(f"{revision}: neither a folder nor a git revision")
    subprocess.run(["tar", "-xC", str(folder)], input=archive.stdout, check=True)


def main(*arguments: str) -> None:
    """For each output whose bytes differ, print whether the two results agree; count verdicts.

    Raises
    ------
    InputError
        No output has a path with that beginning, or a file is damaged.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare",
        description="Check whether two results agree, even if their bytes differ.",
    )
    for name in "ab":
        parser.add_argument(name, metavar=name.upper(), help="a folder or a git revision")
    parser.add_argument("--only", default="", help="only outputs whose paths begin with this")
    for name, (default, text) in TOLERANCES.items():
        parser.add_argument(f"--{name}", type=float, default=default, help=f"{text}; {default}")
    options = parser.parse_args(arguments)
    tolerance = {name: getattr(options, name) for name in TOLERANCES}
    counts: Counter[str] = Counter()
    with open_result(options.a) as a, open_result(options.b) as b:
        every = a.outputs | b.outputs
        outputs = {path: every[path] for path in every if path.startswith(options.only)}
        if not outputs:
            raise InputError(
                f"no output of {a.name} or {b.name} has a path that begins with {options.only}"
            )
        for path, output in outputs.items():
            verdict, where = compare(path, a, b, tolerance)
            counts[verdict] += 1
            if verdict != SAME:
                where = where.removeprefix(path).lstrip("/: ")
                sys.stdout.write(f"{verdict:<9} {output.stage} {path}: {where}\n")
    sys.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + "\n")
    if counts[DIFFERS] or counts[MISSING]:
        sys.exit(1)


def compare(
    path: str, a: ComparedResult, b: ComparedResult, tolerance: Tolerance
) -> tuple[str, str]:
    """Return the verdict on one output, and the place of the largest difference."""
    for name, result in (("A", a), ("B", b)):
        if path not in result.outputs:
            return MISSING, f"no output of {name}, {result.name}"
    files = a.files(path), b.files(path)
    if not all(files) and a.outputs[path].md5 == b.outputs[path].md5:
        return SAME, ""
    for name, result, found in zip("AB", (a, b), files, strict=True):
        if not found:
            return MISSING, f"not in {name}, {result.name}; `dvc fetch` or `dvc pull` brings it"
    found = list(file_differences(*files, tolerance))
    if not found:
        return SAME, ""
    if path.endswith(DRAWN) or path.startswith(PAGES):
        return REDRAWN, ""
    size, where = max(found, key=itemgetter(0))
    verdict = AGREES if size <= 1 else DIFFERS
    return RECODED if path in NO_RESULTS else verdict, where


def file_differences(
    a: dict[str, Path], b: dict[str, Path], tolerance: Tolerance
) -> Iterator[Difference]:
    """Yield the differences between the files of two outputs."""
    for name in sorted(name for name in a.keys() ^ b.keys() if Path(name).stem != NATIVE):
        yield (math.inf, f"{name}: in {'A' if name in a else 'B'} only")
    for name in sorted(a.keys() & b.keys()):
        if not filecmp.cmp(a[name], b[name], shallow=False):
            yield (0.0, f"{name}: bytes alone")
            yield from differences(a[name], b[name], name, tolerance)


if __name__ == "__main__":
    launch(main)
