"""`make compare A=… B=…`: check whether two results agree, even if their bytes differ.

A and B are folders of the project or git revisions. Exits 0 if every output is the same or agrees
within the tolerance, 1 if one differs or is missing.
"""

import argparse
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from dvc.repo import Repo
from dvc_data.index import DataIndexDirError

from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.tensors import read_tensors
from runner.inputs import file_md5
from tools.cache import open_repo

ARRAYS, RANKS = 1e-4, 1e-2
"""How much arrays may differ, as a share of their largest value; RANKS: average precisions."""

RELATIVE, ABSOLUTE, POINTS = 1e-3, 1e-4, 0.2
"""The same for numbers: a share, near 0, and percentage points of an accuracy."""

ACCURACY = re.compile(
    r".*accuracy.*|imagenet|robust|(effective_)?robustness|natural|style|whole|costs|shifts|baseline"
)
"""The keys and columns of accuracies and of differences between them."""

SIDES = ".negative"
"""The suffix of arrays with the side of the higher precision: near-equal precisions trade places.

The precisions stand in other arrays, which are compared.
"""

UNCOMPARED = re.compile(r"\.(html|svg)$|^plots/directions/|^code\.json$|^data/study$")
"""Outputs that show the numbers of other outputs, or that describe the code."""

Place = tuple[str | int, ...]
"""Where a value is: the path of its file, then the keys and indices that lead to it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    for name in "ab":
        parser.add_argument(name, metavar=name.upper(), help="a folder or a git revision")


def main(a: str, b: str) -> None:
    """Print where outputs with other MD5s differ most, and count those that agree."""
    counts: Counter[str] = Counter()
    with open_result(a) as first, open_result(b) as second:
        old, new = recorded(first), recorded(second)
        if not (old and new):
            raise InputError(f"{b if old else a}: no dvc.lock; run `dvc repro` there")
        for path in old | new:
            if UNCOMPARED.search(path):
                continue
            if old.get(path) == new.get(path):
                counts["identical"] += 1
                continue
            with TemporaryDirectory() as place:
                files = fetch(first, path, Path(place, "A")), fetch(second, path, Path(place, "B"))
                size, where = max(differences(path, *files))
            verdict = "agrees" if size <= 1 else "differs"
            counts[verdict] += 1
            sys.stdout.write(f"{verdict:<8}{where}: {size:.2g} times the tolerance\n")
    sys.stdout.write(", ".join(f"{verdict}: {count}" for verdict, count in counts.items()) + "\n")
    if counts["differs"]:
        sys.exit(1)


def open_result(name: str) -> AbstractContextManager[Repo]:
    """Open the repository of a folder, or this one at a git revision."""
    return open_repo(Path(name)) if Path(name).is_dir() else open_repo(Path(), rev=name)


def recorded(repo: Repo) -> dict[str, str]:
    """Return the MD5s of a repository's outputs by path."""
    return {out.def_path: str(out.hash_info.value) for out in repo.index.outs if out.hash_info}


def fetch(repo: Repo, path: str, folder: Path) -> dict[str, Path]:
    """Copy the files of an output from wherever DVC finds them; return those that are there."""
    files = {}
    with suppress(FileNotFoundError, DataIndexDirError):
        for number, name in enumerate(repo.dvcfs.find(path)):
            repo.dvcfs.get_file(name, str(file := folder / str(number)))
            files[name] = file
    return files


def differences(path: str, a: dict[str, Path], b: dict[str, Path]) -> Iterator[tuple[float, str]]:
    """Yield the differences of an output's files in units of the tolerance, and their places."""
    if not (a or b):
        yield math.inf, f"{path}: missing in both; `dvc fetch` or `dvc pull` brings it"
    for name in a.keys() & b.keys():
        yield 0.0, name
        first, second = contents(a[name], name), contents(b[name], name)
        for place in first | second:
            x, y = first.get(place), second.get(place)
            values = "" if isinstance(x, np.ndarray) else f": {x}, {y}"
            yield weigh(x, y, place), ": ".join(map(str, place)) + values
    for name in a.keys() ^ b.keys():
        yield math.inf, f"{name}: missing in {'B' if name in a else 'A'}"


def contents(file: Path, name: str) -> dict[Place, Any]:
    """Return the arrays of a file, or its numbers and texts, or else its MD5."""
    match Path(name).suffix:
        case ".npy":
            return {(name,): np.load(file)}
        case ".safetensors":
            arrays = read_tensors(file).items()
            return {(name, key): array for key, array in arrays if not key.endswith(SIDES)}
        case ".json":
            return dict(leaves(read_json(file), (name,)))
        case ".csv" | ".tsv" as suffix:
            table = read_table(file, (), delimiter="\t" if suffix == ".tsv" else ",")
            return dict(leaves(table.to_dict("records"), (name,)))
    return {(name, "MD5"): file_md5(file)}


def leaves(node: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Yield each value below a node with its place."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, (*place, key))
    else:
        yield place, node


def weigh(a: Any, b: Any, place: Place) -> float:
    """Return the difference of two values or arrays in units of the tolerance.

    Texts and integer arrays have to be equal. NaN and infinity agree with nothing: no stage writes
    them, so such a file is damaged.
    """
    file, *keys = map(str, place)
    if np.array_equal(a, b):
        return 0.0
    try:
        x, y = np.asarray(a, float), np.asarray(b, float)
    except (TypeError, ValueError):
        return math.inf
    if x.shape != y.shape or (isinstance(a, np.ndarray) and a.dtype.kind != "f"):
        return math.inf
    scale = max(np.abs(x).max(), np.abs(y).max())
    if isinstance(a, np.ndarray):
        allowed = scale * (RANKS if file.startswith("data/concepts/") else ARRAYS)
    else:
        allowed = ABSOLUTE + RELATIVE * scale
        if any(map(ACCURACY.fullmatch, keys)):
            # Accuracies of trainings are shares, all others percentages.
            allowed = max(allowed, POINTS / 100 if file.startswith("data/training/") else POINTS)
    size = float(np.abs(x - y).max() / allowed)
    return size if math.isfinite(size) else math.inf
