"""How long a study takes on several GPUs: its stages' hours, scheduled along the graph."""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import to_builtins

from interpreting_clip.config.sections import Sections
from interpreting_clip.config.syntax import load_tree

GRAPH = Path("dvc.yaml")

TRAININGS = ("pretrain", "finetune", "supervise")
"""The stages that train."""


class Job(NamedTuple):
    """A stage: its hours, the GPUs that it takes, and the stages that it waits for."""

    hours: float
    gpus: int
    after: frozenset[str] = frozenset()


Jobs = Mapping[str, Job]


def stage_graph(study: Sections) -> dict[str, frozenset[str]]:
    """Return all stages of a study and what each waits for, as DVC reads them from dvc.yaml.

    Raises
    ------
    InputError
        dvc.yaml is missing or is not YAML.
    """
    sections, makers = to_builtins(study), dict[str, set[str]]()
    read: dict[str, list[str]] = {}
    for name, stage in load_tree(GRAPH)["stages"].items():
        looped = sections[stage["foreach"][2:-1]] if "foreach" in stage else {"": {}}
        body = stage.get("do", stage)
        params = [
            file for part in body.get("params", ()) if isinstance(part, dict) for file in part
        ]
        for key, item in looped.items():
            instance = f"{name}@{key}" if key else name
            names = {"key": key, **{f"item.{name}": value for name, value in item.items()}}
            names["controls.encoder"] = study.controls.encoder
            read[instance] = [filled(dep, names) for dep in [*body["deps"], *params]]
            for out in [*body.get("outs", ()), *body.get("metrics", ())]:
                path = Path(filled(out if isinstance(out, str) else next(iter(out)), names))
                # `report` reads folders of results.
                for place in (path, *path.parents):
                    makers.setdefault(str(place), set()).add(instance)
    return {
        name: frozenset().union(*(makers.get(dep, ()) for dep in deps)) - {name}
        for name, deps in read.items()
    }


def filled(path: str, names: Mapping[str, Any]) -> str:
    """Return a path from dvc.yaml with values in place of DVC's `${name}`."""
    return re.sub(r"\$\{([\w.]+)\}", lambda found: names[found[1]], path)


def remaining(jobs: Jobs) -> dict[str, float]:
    """Return the hours from each job's start to the end of the study, along the longest path."""
    order = list(TopologicalSorter({name: job.after for name, job in jobs.items()}).static_order())
    left = dict.fromkeys(order, 0.0)
    for name in reversed(order):
        left[name] += jobs[name].hours
        for earlier in jobs[name].after:
            left[earlier] = max(left[earlier], left[name])
    return left


def longest_path(jobs: Jobs) -> list[str]:
    """Return the stages with hours on the longest path through the graph, in order."""
    left, path = remaining(jobs), list[str]()
    later: set[str] = set(jobs)
    while later:
        path.append(max(sorted(later), key=lambda name: left[name]))
        later = {name for name, job in jobs.items() if path[-1] in job.after}
    return [name for name in path if jobs[name].hours]


def scheduled_hours(jobs: Jobs, gpus: int) -> float:
    """Return the hours until all jobs have ended.

    Whenever GPUs are free, the jobs that fit and are ready start, the longest remaining path first.
    """
    left, sorter = remaining(jobs), TopologicalSorter({n: job.after for n, job in jobs.items()})
    sorter.prepare()
    now, free, waiting = 0.0, gpus, list[str]()
    running: list[tuple[float, str]] = []
    while sorter.is_active():
        waiting = sorted([*waiting, *sorter.get_ready()], key=lambda name: (-left[name], name))
        for name in list(waiting):
            if jobs[name].gpus <= free:
                waiting.remove(name)
                free -= jobs[name].gpus
                heappush(running, (now + jobs[name].hours, name))
        now, name = heappop(running)
        free += jobs[name].gpus
        sorter.done(name)
    return now


def enough_gpus(jobs: Jobs) -> int:
    """Return the smallest number of GPUs at which the longest path alone sets the time."""
    longest = max(remaining(jobs).values())
    gpus = max(job.gpus for job in jobs.values())
    while scheduled_hours(jobs, gpus) > longest * (1 + 1e-9):
        gpus += 1
    return gpus
