"""`make compare A=… B=…`: check whether two results agree, even if their bytes differ.

A and B are folders of the project or git revisions. Exits 0 if every output is the same or agrees
within the tolerance, 1 if one differs or is missing.
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
from runner.inputs import file_md5, files_below
from tools.cache import Cache, Output, locked_outputs, open_cache

TOLERANCES = {
    "arrays": (1e-4, "share of an array's largest value"),
    "ranks": (1e-2, "the same, of average precisions"),
    "relative": (1e-3, "share of a number"),
    "absolute": (1e-4, "of a number near 0"),
    "points": (0.2, "percentage points of an accuracy"),
}
"""How much may differ by default, and of what; each is an option."""

Tolerance = Mapping[str, float]

ORDERED = (".top", ".bottom", ".negative")
"""How arrays are called that say which image or side has a score: near-equal ones trade places.

Their scores and precisions stand in arrays beside them, which are compared.
"""

ACCURACIES = {"imagenet", "robustness", "effective_robustness", "natural", "style", "whole"}
ACCURACIES |= {"costs"}
"""Where accuracies and differences of them stand in results, besides names with `accuracy`."""

HEADLINES = {"shifts", "robust"}
"""The same in `metrics/`."""

Difference = tuple[float, str]
"""The size of a difference in units of the tolerance (above 1 is too much), and where it is."""

Place = tuple[str | int, ...]
"""Where a value is: the path of its file, then the keys and indices that lead to it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    for name in "ab":
        parser.add_argument(name, metavar=name.upper(), help="a folder or a git revision")
    parser.add_argument("--only", default="", help="only outputs whose paths begin with this")
    for name, (default, text) in TOLERANCES.items():
        parser.add_argument(f"--{name}", type=float, default=default, help=f"{text}; {default}")


def main(a: str, b: str, *, only: str = "", **tolerance: float) -> None:
    """For each output whose bytes differ, print whether the two results agree; count verdicts."""
    counts: Counter[str] = Counter()
    with open_result(a) as first, open_result(b) as second:
        every = first.outputs | second.outputs
        outputs = {path: every[path] for path in every if path.startswith(only)}
        if not outputs:
            raise InputError(f"no output of {a} or {b} has a path that begins with {only}")
        for path, output in outputs.items():
            verdict, where = compare(path, first, second, tolerance)
            counts[verdict] += 1
            if verdict != "identical":
                where = where.removeprefix(path).lstrip("/: ")
                sys.stdout.write(f"{verdict:<9} {output.stage} {path}: {where}\n")
    sys.stdout.write(", ".join(f"{verdict}: {count}" for verdict, count in counts.items()) + "\n")
    if counts["differs"] or counts["missing"]:
        sys.exit(1)


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
    """Find the result that a folder or a git revision holds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(name)
        cache = open_cache(folder if folder.is_dir() else Path.cwd())
        if not folder.is_dir():
            folder, command = Path(place), ["git", "archive", f"{name}^{{commit}}"]
            archive = subprocess.run(command, capture_output=True, check=False)
            if archive.returncode:
                raise InputError(f"{name}: neither a folder nor a git revision")
            subprocess.run(["tar", "-xC", place], input=archive.stdout, check=True)
        if not (outputs := {output.path: output for output in locked_outputs(folder)}):
            raise InputError(f"{name}: no dvc.lock, so nothing to compare; run `dvc repro` there")
        yield ComparedResult(name, outputs, folder, cache)


def compare(
    path: str, a: ComparedResult, b: ComparedResult, tolerance: Tolerance
) -> tuple[str, str]:
    """Return the verdict on one output, and the place of the largest difference."""
    results = {"A": a, "B": b}
    if absent := [name for name, result in results.items() if path not in result.outputs]:
        return "missing", f"no output of {absent[0]}, {results[absent[0]].name}"
    files = {name: result.files(path) for name, result in results.items()}
    if not all(files.values()) and a.outputs[path].md5 == b.outputs[path].md5:
        return "identical", ""
    if absent := [f"{name}, {results[name].name}" for name in files if not files[name]]:
        return "missing", f"not in {absent[0]}; `dvc fetch` or `dvc pull` brings it"
    found = list(file_differences(files["A"], files["B"], tolerance))
    if not found:
        return "identical", ""
    # Pictures and pages of numbers that are also in a table, which is compared
    if path.endswith((".html", ".svg")) or path.startswith("plots/directions/"):
        return "drawn anew", ""
    size, where = max(found, key=itemgetter(0))
    verdict = "agrees" if size <= 1 else "differs"
    # Which code made the results, and that params.yaml is legal
    return "other code" if path in ("code.json", "data/study") else verdict, where


def file_differences(
    a: dict[str, Path], b: dict[str, Path], tolerance: Tolerance
) -> Iterator[Difference]:
    """Yield the differences between the files of two outputs, by their paths in the repository."""
    for name in sorted(a.keys() ^ b.keys()):
        yield (math.inf, f"{name}: in {'A' if name in a else 'B'} only")
    for name in sorted(a.keys() & b.keys()):
        if filecmp.cmp(a[name], b[name], shallow=False):
            continue
        yield (0.0, f"{name}: bytes alone")
        first, second = contents(a[name], name), contents(b[name], name)
        for place in first | second:
            where = ": ".join(map(str, place))
            if place in first and place in second:
                size, values = weigh(first[place], second[place], place, tolerance)
                yield (size, f"{where}: {values}")
            else:
                yield (math.inf, f"{where}: in {'A' if place in first else 'B'} only")


def contents(file: Path, name: str) -> dict[Place, Any]:
    """Return the arrays of a file, or its numbers and texts, or else its MD5."""
    match Path(name).suffix:
        case ".safetensors":
            arrays = read_tensors(file).items()
            return {(name, key): array for key, array in arrays if not key.endswith(ORDERED)}
        case ".json":
            return dict(leaves(read_json(file), (name,)))
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


def weigh(a: Any, b: Any, place: Place, tolerance: Tolerance) -> tuple[float, str]:
    """Return the difference of two values or arrays in units of the tolerance, and both in words.

    Arrays differ by a share of the largest value in them; integer arrays have to be equal. NaN and
    infinity agree with nothing: no stage writes them, so such a file is damaged.
    """
    file = str(place[0])
    if not isinstance(a, np.ndarray):
        x, y, said = number(a), number(b), f"{a}, {b}"
        distance = abs(x - y) if a != b else 0.0
        allowed = tolerance["absolute"] + tolerance["relative"] * max(abs(x), abs(y))
        if is_accuracy(place):
            # Accuracies of trainings are shares, all others percentages.
            unit = 0.01 if file.startswith("data/training/") else 1.0
            allowed = max(allowed, tolerance["points"] * unit)
    elif (a.shape, a.dtype) != (b.shape, b.dtype):
        distance, allowed, said = math.inf, 0.0, f"{a.dtype} {a.shape}, {b.dtype} {b.shape}"
    elif a.dtype.kind != "f":
        distance, allowed, said = float(np.sum(a != b)), 0.0, f"{np.sum(a != b)} of {a.size} values"
    else:
        with np.errstate(all="ignore"):
            scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
            distance = float(np.abs(a - b).max(initial=0.0) / scale) if scale else 0.0
        allowed = tolerance["ranks" if file.startswith("data/concepts/") else "arrays"]
        said = f"{distance:.1e} of its scale"
    if not distance:
        return 0.0, said
    return distance / allowed if allowed and math.isfinite(distance) else math.inf, said


def number(value: Any) -> float:
    """Return a finite number, also one in a cell of a table, or NaN for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def is_accuracy(place: Place) -> bool:
    """Say whether a value is an accuracy or a difference of accuracies."""
    file, *keys = map(str, place)
    columns = HEADLINES if file.startswith("metrics/") else ACCURACIES
    columns = columns | {"baseline"} if file.endswith(".csv") else columns
    return any("accuracy" in key or key in columns for key in keys)
