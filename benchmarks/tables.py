"""Shared by all benchmarks: the clock, and the table that each leaves."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "benchmarks"


class Row(NamedTuple):
    """A line of a benchmark's table; `bound` is the limit that it should keep, if there is one."""

    what: str
    measured: str
    bound: str = ""


def write_table(name: str, title: str, rows: Sequence[Row]) -> None:
    """Print a table in Markdown and leave it as `benchmarks/<name>.md`."""
    cells = [("what", "measured", "bound"), ("---",) * 3, *rows]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in cells)
    table = f"# {title}, on {os.cpu_count()} CPU cores\n\n{lines}"
    sys.stdout.write(table)
    (TABLES / f"{name}.md").write_text(table)


def this_python() -> dict[str, str]:
    """Return an environment in which `python` and `dvc` are those of this process."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def seconds(function: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratios_in_turn(
    ways: Mapping[str, Callable[[], Any]], rounds: int
) -> Callable[[str, str], float]:
    """Time each way in turn, after a first call that is not timed.

    Returns a function of two ways: the median over the rounds of the time of one over the other's.
    """
    for way in ways.values():
        way()
    timed = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds)]
    return lambda way, other: median(spent[way] / spent[other] for spent in timed)
