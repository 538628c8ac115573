"""Shared by all benchmarks: timing, peak memory, and the table that each leaves."""

import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Row(NamedTuple):
    """A line of a benchmark's table; `bound` is the limit that it should keep, if there is one."""

    what: str
    measured: str
    bound: str = ""


class Cost(NamedTuple):
    """The cost of a function in a process of its own; `memory` is the peak, in MiB."""

    result: Any
    seconds: float
    memory: float


def write_table(name: str, title: str, rows: Sequence[Row]) -> None:
    """Print a table in Markdown and leave it as `benchmarks/<name>.md`."""
    cells = [("what", "measured", "bound"), ("---",) * 3, *rows]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in cells)
    table = f"# {title}, on {os.cpu_count()} CPU cores\n\n{lines}"
    sys.stdout.write(table)
    (ROOT / f"benchmarks/{name}.md").write_text(table)


def run(folder: Path, *command: str, **environment: str) -> float:
    """Run a command in a folder and return its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, env={**this_python(), **environment})
    return time.perf_counter() - start


def this_python() -> dict[str, str]:
    """Return an environment in which `python` and `dvc` are those of this process."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def median_seconds(function: Callable[[], Any], repeats: int = 5) -> float:
    """Return the median wall time of a call."""
    return statistics.median(seconds(function) for _ in range(repeats))


def seconds(function: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alone(function: Callable[..., Any], *arguments: Any) -> Cost:
    """Call a function of a module in a fresh process; its arguments and result are pickled.

    The time does not include the start of the process.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:  # this process may start further ones
        return Cost(*pool.submit(_measured, function, arguments).result())


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float, float]:
    start = time.perf_counter()
    result = function(*arguments)
    elapsed = time.perf_counter() - start
    return result, elapsed, peak_memory()


def allocated(function: Callable[[], object]) -> float:
    """Return the most memory that a call holds beyond what was there before, in MiB.

    Pages of mapped files are not counted: the system takes them back when it needs them.
    """
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def peak_memory() -> float:
    """Return the most memory that this process has had, in MiB, pages of mapped files included.

    On Linux, getrusage's peak of a new program starts at its parent's, so the kernel's own count
    for this program is read if there is one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024
