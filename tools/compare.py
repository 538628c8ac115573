"""`make compare A=… B=…`: whether two results agree where their bytes differ.

    python -m tools.compare A B [--arrays N] [--relative N] [--absolute N]
        [--points N]

A and B are folders of the project or revisions of git's; `--only metrics/` compares the outputs
whose paths begin so. Exits 0 if every output is the same or agrees within the tolerance, 1 if one
differs or is missing.
"""

import argparse
import csv
import filecmp
import io
import math
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from stages.files.arrays import read_tensors
from stages.files.json import read_json
from stages.runtime.errors import InputError, error_context
from stages.runtime.launch import launch
from tools.cache import Cache, Output, file_md5, files_below, locked_outputs, open_cache

RANKED = "data/concepts/"
"""Outputs whose arrays are of average precisions."""

SHARES = "data/training/"
"""Outputs whose accuracies are shares, not percentages."""


@dataclass(frozen=True)
class Tolerance:
    """How much is allowed to differ; each field is an option, and its metadata say of what."""

    arrays: float = field(default=1e-4, metadata={"of": "share of an array's largest value"})
    ranks: float = field(default=1e-2, metadata={"of": "the same, of average precisions"})
    relative: float = field(default=1e-3, metadata={"of": "share of a number"})
    absolute: float = field(default=1e-4, metadata={"of": "of a number near 0"})
    points: float = field(default=0.2, metadata={"of": "percentage points of an accuracy"})


@dataclass(frozen=True)
class Difference:
    """A difference: `size` in units of what is allowed, so that above 1 is too much, and where."""

    size: float
    where: str


Place = tuple[str | int, ...]
"""Where a value is: the path of its file, then the keys and indices that lead to it."""


def differences(first: Path, second: Path, name: str, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield what differs in two files of one output; `name` is its path in the repository.

    Raises
    ------
    InputError
        A file is damaged.
    """
    a, b = contents(first, name), contents(second, name)
    for place in a | b:
        where = ": ".join(map(str, place))
        if place not in a or place not in b:
            yield Difference(math.inf, f"{where}: in {'A' if place in a else 'B'} alone")
            continue
        weigh = weigh_arrays if isinstance(a[place], np.ndarray) else weigh_values
        distance, allowed, said = weigh(a[place], b[place], place, tolerance)
        if distance:
            yield Difference(distance / allowed if allowed else math.inf, f"{where}: {said}")


def contents(file: Path, name: str) -> dict[Place, Any]:
    """Return the arrays, or the numbers and texts, of a file; of any other file its MD5."""
    match Path(name).suffix:
        case ".safetensors":
            return {(name, key): array for key, array in read_tensors(file).items()}
        case ".json":
            return dict(leaves(read_json(file), (name,)))
        case ".csv" | ".tsv" as suffix:
            with file.open(newline="", encoding="utf-8") as stream:
                rows = csv.DictReader(stream, delimiter="\t" if suffix == ".tsv" else ",")
                return dict(leaves(list(rows), (name,)))
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
    """Return the distance of two arrays, what is allowed, and both in words.

    Arrays of whole numbers have to be equal.
    """
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return math.inf, 1.0, f"{a.dtype} {a.shape}, {b.dtype} {b.shape}"
    if a.dtype.kind != "f":
        count = int(np.count_nonzero(a != b))
        return count, 0.0, f"{count} of {a.size} values"
    allowed = tolerance.ranks if str(place[0]).startswith(RANKED) else tolerance.arrays
    return (share := largest_difference(a, b)), allowed, f"{share:.1e} of its scale"


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


def weigh_values(a: Any, b: Any, place: Place, tolerance: Tolerance) -> tuple[float, float, str]:
    """Return the distance of two values of a tree or a table, what is allowed, and both of them."""
    said, x, y = f"{a}, {b}", number(a), number(b)
    if a == b or x is None or y is None:
        return float(a != b), 0.0, said
    allowed = tolerance.absolute + tolerance.relative * max(abs(x), abs(y))
    if is_accuracy(place):
        shares = str(place[0]).startswith(SHARES)
        allowed = max(allowed, tolerance.points * (0.01 if shares else 1.0))
    return abs(x - y), allowed, said


def number(value: Any) -> float | None:
    """Return a finite number, also one in a cell of a table, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def is_accuracy(place: Place) -> bool:
    """Say whether a value is an accuracy or a difference of accuracies."""
    file, *keys = map(str, place)
    columns = ("imagenet", "baseline") if file.endswith(".csv") else ()
    return any("accuracy" in k or k == "effective_robustness" or k in columns for k in keys)


SAME, AGREES, DIFFERS, MISSING = "identical", "agrees", "differs", "missing"
REDRAWN, RECODED = "drawn anew", "other code"

COUNTED = (DIFFERS, MISSING)
"""What two results may not have in order to agree."""

DRAWN = (".html", ".svg")
"""Pictures and pages of numbers, each of which stands in a table that is compared."""

NO_RESULTS = ("code.json", "data/study")
"""Outputs that say which code made the results, and that params.yaml is legal."""


@dataclass(frozen=True)
class Verdict:
    """What is said of one output."""

    stage: str
    path: str
    word: str
    where: str = ""


@dataclass(frozen=True)
class Result:
    """The outputs of a study by path, below a folder or, of a revision, in DVC's cache."""

    name: str
    outputs: dict[str, Output]
    folder: Path
    cache: Cache | None = None

    def files(self, output: Output) -> dict[str, Path]:
        """Return the files of an output by path; none if it, or a part of it, is missing."""
        path = self.folder / output.path
        if path.is_file():
            return {output.path: path}
        if path.is_dir() or self.cache is None:
            return {f"{output.path}/{f.relative_to(path).as_posix()}": f for f in files_below(path)}
        members = self.cache.members(output.md5)
        found = {f"{output.path}/{name}": self.cache.file(md5) for name, md5 in members.items()}
        found = found or {output.path: self.cache.file(output.md5)}
        return found if all(file.is_file() for file in found.values()) else {}


@contextmanager
def open_result(name: str) -> Iterator[Result]:
    """Find the result that a folder or a git revision holds.

    Raises
    ------
    InputError
        It is neither, or nothing has been run there; or the lock file is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(name), None
        if not folder.is_dir():
            command = ["git", "archive", f"{name}^{{commit}}"]
            archive = subprocess.run(command, capture_output=True, check=False)
            if archive.returncode:
                raise InputError(f"{name}: expected a folder or a revision of git's, it is neither")
            folder, cache = Path(place), open_cache(Path.cwd())
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
                for member in tar:
                    # Plain files alone: git holds no path that leaves the folder, a link could.
                    if member.isfile() and (stream := tar.extractfile(member)):
                        (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                        (folder / member.name).write_bytes(stream.read())
        with error_context(name):
            outputs = {output.path: output for output in locked_outputs(folder)}
        if not outputs:
            raise InputError(f"{name}: no dvc.lock in it, so no result; `dvc repro` makes one")
        yield Result(name, outputs, folder, cache)


def main(*arguments: str) -> None:
    """Say of every output whether two results agree."""
    options = command_line().parse_args(arguments)
    tolerance = Tolerance(**{f.name: getattr(options, f.name) for f in fields(Tolerance)})
    with open_result(options.a) as a, open_result(options.b) as b:
        verdicts = list(compared(a, b, tolerance, options.only))
    sys.stdout.write("".join(f"{line}\n" for line in page(verdicts)))
    if any(verdict.word in COUNTED for verdict in verdicts):
        sys.exit(1)


def command_line() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare",
        description="Say whether two results agree where their bytes differ.",
    )
    for name in "ab":
        parser.add_argument(name, metavar=name.upper(), help="a folder or a revision of git's")
    parser.add_argument("--only", default="", help="compare outputs whose paths begin so")
    for item in fields(Tolerance):
        text = f"{item.metadata['of']}; {item.default}"
        parser.add_argument(f"--{item.name}", type=size, default=item.default, help=text)
    return parser


def size(text: str) -> float:
    """Return a tolerance given on the command line."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text}")
    return value


def compared(a: Result, b: Result, tolerance: Tolerance, only: str = "") -> Iterator[Verdict]:
    """Yield the verdict on every output whose path begins with `only`, in the order of A's stages.

    Raises
    ------
    InputError
        There is none; or a file is damaged.
    """
    paths = [path for path in dict.fromkeys([*a.outputs, *b.outputs]) if path.startswith(only)]
    if not paths:
        raise InputError(f"no output of {a.name} or {b.name} has a path that begins with {only}")
    for path in paths:
        output = a.outputs.get(path) or b.outputs[path]
        word, where = verdict_on(path, a, b, tolerance)
        yield Verdict(output.stage, path, word, where)


def verdict_on(path: str, a: Result, b: Result, tolerance: Tolerance) -> tuple[str, str]:
    """Return what is to be said of one output, and where it differs most."""
    for one, name in ((a, "A"), (b, "B")):
        if path not in one.outputs:
            return MISSING, f"no output of {name}, {one.name}"
    outputs = a.outputs[path], b.outputs[path]
    files = a.files(outputs[0]), b.files(outputs[1])
    if not all(files) and outputs[0].md5 == outputs[1].md5:
        return SAME, ""
    for found, name, one in zip(files, "AB", (a, b), strict=True):
        if not found:
            return MISSING, f"not in {name}, {one.name}; `dvc fetch` or `dvc pull` brings it"
    largest = max(file_differences(*files, tolerance), key=lambda d: d.size, default=None)
    return weighed(path, largest)


def weighed(path: str, largest: Difference | None) -> tuple[str, str]:
    """Return the word for an output's largest difference, and where it is."""
    if largest is None:
        return SAME, ""
    if path in NO_RESULTS:
        return RECODED, largest.where
    if path.endswith(DRAWN):
        return REDRAWN, ""
    return AGREES if largest.size <= 1 else DIFFERS, largest.where


def file_differences(
    a: dict[str, Path], b: dict[str, Path], tolerance: Tolerance
) -> Iterator[Difference]:
    """Yield what differs between the files of two outputs."""
    for name in sorted(a.keys() ^ b.keys()):
        yield Difference(math.inf, f"{name}: in {'A' if name in a else 'B'} alone")
    for name in sorted(a.keys() & b.keys()):
        if not filecmp.cmp(a[name], b[name], shallow=False):
            yield Difference(0.0, f"{name}: bytes alone")
            yield from differences(a[name], b[name], name, tolerance)


def page(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line for every output that is not the same to the byte, and the sum of all."""
    for verdict in verdicts:
        if verdict.word != SAME:
            where = verdict.where.removeprefix(verdict.path).lstrip("/: ")
            line = f"{verdict.word:<{len(AGREES) + 3}} {verdict.stage} {verdict.path}: {where}"
            yield line.rstrip(": ")
    counts = Counter(verdict.word for verdict in verdicts)
    yield ", ".join(f"{count} {word}" for word, count in counts.items())


if __name__ == "__main__":
    launch(main)
