"""`make compare A=… B=…`: whether two results agree where their bytes differ.

    python -m stages.verification.compare A B [--arrays N] [--relative N] [--absolute N]
        [--points N]

A and B are folders of the project or revisions of git's; `--only metrics/` compares the outputs
whose paths begin so. Exits 0 if every output is the same or agrees within the tolerance, 1 if one
differs or is missing.
"""

import argparse
import filecmp
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from stages.storage.errors import InputError
from stages.storage.launch import launch
from stages.verification.agreement import Difference, Tolerance, differences
from stages.verification.stored import Result, open_result

SAME, AGREES, DIFFERS, MISSING = "identical", "agrees", "differs", "missing"
REDRAWN, RECODED = "drawn anew", "other code"

COUNTED = (DIFFERS, MISSING)
"""What two results may not have in order to agree."""

DRAWN = (".html", ".svg")
"""Pictures and pages of numbers, each of which stands in a table that is compared."""

NO_RESULTS = ("code.json", "data/study")
"""Outputs that say which code made the results, and that params.yaml is legal."""

UNITS = {
    "arrays": "share of an array's largest value",
    "ranks": "the same, of average precisions",
    "relative": "share of a number",
    "absolute": "of a number near 0",
    "points": "percentage points of an accuracy",
}
"""What each tolerance is measured in."""


@dataclass(frozen=True)
class Verdict:
    """What is said of one output."""

    stage: str
    path: str
    word: str
    where: str = ""


def main(*arguments: str) -> None:
    """Say of every output whether two results agree."""
    asked = parser().parse_args(arguments)
    tolerance = Tolerance(**{f.name: getattr(asked, f.name) for f in fields(Tolerance)})
    root = Path.cwd()
    with open_result(asked.a, root) as a, open_result(asked.b, root) as b:
        verdicts = list(compared(a, b, tolerance, asked.only))
    sys.stdout.write("".join(f"{line}\n" for line in page(verdicts)))
    if any(verdict.word in COUNTED for verdict in verdicts):
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        prog="python -m stages.verification.compare",
        description="Say whether two results agree where their bytes differ.",
    )
    for name in "ab":
        line.add_argument(name, metavar=name.upper(), help="a folder or a revision of git's")
    line.add_argument("--only", default="", help="compare outputs whose paths begin so")
    for field in fields(Tolerance):
        value, what = field.default, UNITS[field.name]
        line.add_argument(f"--{field.name}", type=size, default=value, help=f"{what}; {value}")
    return line


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
