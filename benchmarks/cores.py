"""What a cold run of the study takes with 1, 2, 4 and 8 jobs, computed from its graph.

    python -m benchmarks.cores

It takes the seconds of each stage's last run in this folder (`.scratch/seconds`), adds what DVC
takes per stage and per job, and starts jobs as `make repro JOBS=n` does, the most urgent of those
that are ready first. Jobs are taken to not slow each other, so this is a lower bound where they
share memory or a disk.
"""

import heapq
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.tables import Row, write_table
from runner.machine_settings import read_machine
from tools.jobs import FIRST, Jobs, planned
from tools.uncached import seconds

if TYPE_CHECKING:
    from networkx import DiGraph

PER_STAGE = 0.5
"""Seconds of a stage that are not among its own: starting it, and DVC's hashes and dvc.lock."""

PER_JOB = 2.0
"""Seconds that a job takes to start DVC and read the graph, and so does a run without jobs."""

JOBS = (1, 2, 4, 8)


def main() -> None:
    """Compute, print and write the table."""
    write_table("cores", "The miniature study, computed from its graph", rows())


def rows() -> list[Row]:
    """Return a line for each number of jobs, of the stages that have run in this folder.

    A fresh clone has the results of the others in git, so that they need not run.

    Raises
    ------
    ValueError
        No stage has run here, so how long they take is unknown.
    """
    graph = whole_graph()
    taken = {stage: seconds(stage) for stage in graph if stage not in FIRST}
    known = {stage: float(each) for stage, each in taken.items() if each is not None}
    if not known:
        raise ValueError("run `make repro` first: no stage has run here")
    jobs = planned(graph.subgraph(known), read_machine())
    spent = {number: makespan(jobs, known, number) for number in JOBS}
    lines = [Row(f"`make repro JOBS={n}`", f"{each:.0f} s") for n, each in spent.items()]
    all_at_once = makespan(jobs, known, max(2, len(jobs)))
    return [*lines, Row("… with any number of jobs", f"{all_at_once:.0f} s")]


def whole_graph() -> "DiGraph":
    """Return all stages, with edges from each to those that wait for it."""
    import networkx as nx
    from dvc.repo import Repo

    with Repo() as repo:
        graph = repo.index.graph.reverse()
        return nx.relabel_nodes(graph, {stage: stage.addressing for stage in graph})


def makespan(jobs: Jobs, taken: Mapping[str, float], number: int) -> float:
    """Return the seconds until all jobs have ended, `number` at a time; one alone needs no jobs."""
    first = PER_JOB + PER_STAGE * len(FIRST)
    if number == 1:
        return first + sum(taken.values()) + PER_STAGE * len(taken)
    now, done, running = 0.0, set[str](), list[tuple[float, str]]()
    waiting = sorted(jobs, key=lambda name: -jobs[name]["priority"])
    while waiting or running:
        ready = [name for name in waiting if done.issuperset(jobs[name]["after"])]
        for name in ready[: number - len(running)]:
            waiting.remove(name)
            heapq.heappush(running, (now + job_seconds(jobs[name]["stages"], taken), name))
        now, ended = heapq.heappop(running)
        done.add(ended)
    return 2 * first + now  # `dvc repro` checks everything at the end


def job_seconds(stages: list[str], taken: Mapping[str, float]) -> float:
    """Return what a job takes: DVC's start, and its stages one after the other."""
    return PER_JOB + sum(taken[stage] + PER_STAGE for stage in stages)


if __name__ == "__main__":
    main()
