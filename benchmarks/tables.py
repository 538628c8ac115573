"""Shared by all benchmarks: the clock, and the table that each leaves."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
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


def seconds_in_turn(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return the wall times of each way, which take turns after a first call that is not timed."""
    for way in ways.values():
        way()
    timed = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds)]
    return {name: [each[name] for each in timed] for name in ways}
