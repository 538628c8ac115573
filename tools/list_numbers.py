"""List every number of a study's results by encoder and name, to compare two layouts of results.

    python -m tools.list_numbers > before.tsv          # file, name and value of each number
    python -m tools.list_numbers --missing before.tsv  # what of it is in no result here

Numbers are compared per file of a table, and per encoder in the results, whatever they are called:
a number that was written has to be there again, to as many digits as it had.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Listed = tuple[str, str, str]
"""Where a number stands: the encoder or the table, its name there, and the number as text."""


def listed(root: Path = Path()) -> Iterator[Listed]:
    """Yield the numbers of the tables and of the results of every encoder."""
    for file in sorted(root.glob("plots/*.csv")):
        with file.open(newline="", encoding="utf-8") as stream:
            for number, row in enumerate(csv.DictReader(stream)):
                yield from ((file.stem, f"{number}.{k}", v) for k, v in row.items() if is_number(v))
    for pattern in ("metrics/*/*.json", "plots/*/*.json", "plots/*.json", "data/*/*/*.json"):
        for file in sorted(root.glob(pattern)):
            subject = file.parent.name if file.is_relative_to(root / "data") else file.stem
            yield from ((subject, f"{file}:{k}", v) for k, v in flat(json.loads(file.read_text())))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the numbers in a JSON value with their paths."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flat(inner, f"{name}[{place}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, repr(value)


def is_number(text: str | None) -> bool:
    """Return whether a cell of a table is a number."""
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def missing(before: list[Listed]) -> Iterator[Listed]:
    """Yield the numbers that no result of the same encoder or table has to as many digits."""
    now: dict[str, list[float]] = defaultdict(list)
    for subject, _, text in listed():
        now[subject].append(float(text))
    known: dict[tuple[str, int], set[float]] = {}
    for subject, name, text in before:
        digits = len(text.partition("e")[0].partition(".")[2])
        if (subject, digits) not in known:
            # Rounded twice, a number may end one step away.
            step = 10.0**-digits
            near = {round(x + s, digits) for x in now[subject] for s in (-step, 0.0, step)}
            known[subject, digits] = near | {round(100 * x, digits) for x in now[subject]}
        if round(float(text), digits) not in known[subject, digits]:
            yield subject, name, text


def main() -> None:
    """Print the list, or what of a list is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.list_numbers", description=__doc__)
    parser.add_argument("--missing", type=Path, metavar="LIST", help="a list to look for here")
    file = parser.parse_args().missing
    if file is None:
        rows = listed()
    else:
        lines = file.read_text("utf-8").splitlines()
        rows = missing([(a, b, c) for a, b, c in (line.split("\t") for line in lines)])
    for row in rows:
        sys.stdout.write("\t".join(row) + "\n")


if __name__ == "__main__":
    main()
