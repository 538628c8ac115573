"""What two jobs at a time save: the table of jobs.md.

Two clones of the last commit run the miniature, one with `make repro`, the other with `make repro
JOBS=2`, and have to end with the same results. The second cannot be faster than the longest path of
the graph, with the stages' times of the first run and each stage's share of DVC's time, nor faster
than half the processor time. Cores that share a clock, a cache or execution units take longer for
the same work if both are busy; the last line says by how much.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.study import SPY
from benchmarks.tables import ROOT, Row, run, write_table
from interpreting_clip.config.check import check
from interpreting_clip.config.params import PARAMS
from tests.reads import folder_digests
from tools.schedule import Job, remaining, stage_graph

SNAKEMAKE = ROOT / ".venv-snakemake"
JOBS = 2

WORK = """
import numpy as np
values = np.random.default_rng(0).random((1000, 1000))
for _ in range(20):
    values = np.tanh(values @ values)
    sum(number * number for number in range(1_000_000))
"""
"""The work: half matrix products, half Python code."""


class Spent(NamedTuple):
    """Wall time and processor time in seconds."""

    wall: float
    processor: float


def main() -> None:
    """Measure, print and write the table."""
    run(ROOT, "make", "--silent", "--old-file", ".venv/ready", ".venv-snakemake/ready")
    with tempfile.TemporaryDirectory() as scratch:
        serial, parallel = Path(scratch) / "serial", Path(scratch) / "parallel"
        times = Path(scratch) / "times.jsonl"
        spied = {"STAGE_TIMES": str(times), "PYTHONPATH": str(SPY)}
        for clone in (serial, parallel):
            run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        load, crowding = os.getloadavg()[0], work(JOBS).processor / work(1).processor / JOBS
        one, several = repro(serial, 1, **spied), repro(parallel, JOBS)
        for name in ("data", "metrics", "plots"):
            assert folder_digests(serial / name) == folder_digests(parallel / name), name
        assert locked(serial) == locked(parallel)
        lines = [json.loads(line) for line in times.read_text().splitlines()]
        seconds = {line["stage"]: line["seconds"] for line in lines}
        graph = stage_graph(check(PARAMS))
        path = longest_path(graph, seconds, (one.wall - sum(seconds.values())) / len(seconds))
        again = [repro(clone, jobs) for clone, jobs in ((serial, 1), (parallel, JOBS))]
    title = f"The miniature, {len(seconds)} stages, {JOBS} jobs at a time"
    shared = Row(f"processor time of work done {JOBS} times at once, over alone", f"{crowding:.2f}")
    write_table("jobs", title, [*rows(one, several, path, again, load), shared])


def repro(clone: Path, jobs: int, **environment: str) -> Spent:
    """Return the cost of `make repro`."""
    made = [word for file in (".venv", SNAKEMAKE) for word in ("--old-file", f"{file}/ready")]
    words = ["make", "--silent", *made, "repro", f"JOBS={jobs}", f"SNAKEMAKE={SNAKEMAKE}"]
    before = processor()
    wall = run(clone, *words, **environment)
    return Spent(wall, processor() - before)


def work(copies: int) -> Spent:
    """Return the cost of some work, with one thread in each process."""
    before, start = processor(), time.perf_counter()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORK]
    running = [subprocess.Popen(command, env=environment) for _ in range(copies)]
    assert not any(process.wait() for process in running)
    return Spent(time.perf_counter() - start, processor() - before)


def processor() -> float:
    """Return the processor time of all child processes so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def locked(clone: Path) -> dict:
    """Return dvc.lock as data."""
    return yaml.safe_load((clone / "dvc.lock").read_text())


def longest_path(
    graph: Mapping[str, frozenset[str]], seconds: Mapping[str, float], share: float
) -> float:
    """Return the time of the longest path, including each stage's share of DVC's time."""
    taken = {name: spent + share for name, spent in seconds.items()}
    jobs = {name: Job(taken.get(name, 0.0), 0, after) for name, after in graph.items()}
    return max(remaining(jobs).values())


def rows(one: Spent, several: Spent, path: float, again: list[Spent], load: float) -> list[Row]:
    """Return the lines of the table."""
    half = several.processor / JOBS
    return [
        Row("one after the other, wall time", f"{one.wall:.0f} s"),
        Row("… processor time", f"{one.processor:.0f} s"),
        Row(f"{JOBS} jobs, wall time", f"{several.wall:.0f} s"),
        Row("… processor time", f"{several.processor:.0f} s"),
        Row(
            "… over that of one after the other", f"{several.processor / one.processor:.2f}", "1.15"
        ),
        Row("longest path", f"{path:.0f} s"),
        Row(f"processor time of {JOBS} jobs over {JOBS}", f"{half:.0f} s"),
        Row(
            "wall time over the larger of these two", f"{several.wall / max(path, half):.2f}", "1.2"
        ),
        Row("with nothing to do, one after the other", f"{again[0].wall:.1f} s"),
        Row(f"… {JOBS} jobs", f"{again[1].wall:.1f} s"),
        Row("load of the machine before", f"{load:.1f}", "0"),
    ]


if __name__ == "__main__":
    main()
