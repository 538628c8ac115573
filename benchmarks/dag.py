"""The cost of the graph itself at the paper's size: the table of dag.md.

The real dvc.yaml on the paper's study, with a shell script in place of each stage's command: it
writes the outputs that the stage declares, with a checksum of its dependencies and of params.yaml
in them, so that a change spreads as it would in a study. `code` and `study` stay as they are, since
they decide how far a change reaches. For comparison, the same run has as many stages that copy a
file, which is DVC's minimum. Beside each wall time is the processor time, user and system, which
other programs on the machine disturb less.

DVC reads and writes the whole lock file after each stage that ran, so a first run grows with the
square of the stages. It is timed with a fifth of the encoders. For all of them the lock file is
prepared beforehand, and reading and writing it once is timed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, run, this_python, write_table
from interpreting_clip.config.check_datasets import NEEDED
from interpreting_clip.config.syntax import load_tree

ENCODERS, FEW = 46, 9
REPEATS = 3
REAL = ("code", "study")
"""Stages that run as they are."""

FILES = 2
"""The number of files in a folder that a stage writes: as in most of the miniature's outputs."""

SCRIPT = """\
{key}sum=$(find params.yaml {deps} -type f | LC_ALL=C sort | xargs cat | cksum)
{writes}
"""


class Graph(NamedTuple):
    """A repository whose stages have run, and the names of those that another threshold re-ran."""

    stages: int
    lines: int
    ran: set[str]


class Spent(NamedTuple):
    """Wall time and processor time in seconds, child processes included."""

    wall: float
    processor: float

    def __str__(self) -> str:
        """Return both times as text."""
        return f"{self.wall:.2f} s, {self.processor:.2f} s of the processor"


class Times(NamedTuple):
    """The cost of `dvc repro` with nothing to do and after a change, and of rewriting dvc.lock."""

    noop: Spent
    change: Spent
    rewrite: Spent


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = first_run(Path(scratch), FEW)
        graph, floor = Path(scratch) / "graph", Path(scratch) / "floor"
        write_graph(graph, ENCODERS)
        prepare(graph)
        times, ran = graph_times(graph)
        found = Graph(*locked(graph), ran)
        write_floor(floor, found.stages, len(ran))
        prepare(floor)
        lines += rows(times, floor_times(floor), found)
    title = f"The graph of {ENCODERS} encoders, {found.stages} stages that compute nothing"
    write_table("dag", title, lines)


def first_run(folder: Path, encoders: int) -> list[Row]:
    """Return the lines of the first `dvc repro` of a few encoders, without preparation."""
    graph, floor = folder / "few", folder / "few_copies"
    write_graph(graph, encoders)
    own = spent(lambda: run(graph, "dvc", "repro", "--quiet"))
    stages, _ = locked(graph)
    write_floor(floor, stages)
    least = spent(lambda: run(floor, "dvc", "repro", "--quiet"))
    return compared(f"first `dvc repro` of {encoders} encoders, {stages} stages", own, least)


def prepare(folder: Path) -> None:
    """Run all stages of a repository, with its lock file written once."""
    run(folder, sys.executable, str(ROOT / "benchmarks/prepare.py"))


def graph_times(folder: Path, repeats: int = REPEATS) -> tuple[Times, set[str]]:
    """Return the times of a graph that has run, and the stages that another threshold re-ran."""
    noop, rewrite = noop_cost(folder, repeats), rewrite_cost(folder, repeats)
    params = folder / "params.yaml"
    study = yaml.safe_load(params.read_text())
    study["concepts"]["threshold"] = 0.8
    params.write_text(yaml.safe_dump(study, sort_keys=False))
    ran: set[str] = set()
    change = spent(lambda: ran.update(reproduced(folder)))
    return Times(noop, change, rewrite), ran


def floor_times(folder: Path, repeats: int = REPEATS) -> Times:
    """Return the times of stages that copy a file and have run."""
    noop, rewrite = noop_cost(folder, repeats), rewrite_cost(folder, repeats)
    (folder / "turn").write_text("turned")
    return Times(noop, spent(lambda: reproduced(folder)), rewrite)


def rewrite_cost(folder: Path, repeats: int = REPEATS) -> Spent:
    """Return the median cost of DVC's reading and rewriting a folder's dvc.lock."""
    from dvc.utils.serialize import modify_yaml

    def rewrite() -> None:
        with modify_yaml(str(folder / "dvc.lock")):
            pass

    return median_cost(rewrite, repeats)


def noop_cost(folder: Path, repeats: int = REPEATS) -> Spent:
    """Return the median cost of a `dvc repro` with nothing to do."""
    return median_cost(lambda: run(folder, "dvc", "repro", "--quiet"), repeats)


def median_cost(function: Callable[[], Any], repeats: int) -> Spent:
    """Return the median cost of a call."""
    runs = [spent(function) for _ in range(repeats)]
    return Spent(*map(statistics.median, zip(*runs, strict=True)))


def spent(function: Callable[[], Any]) -> Spent:
    """Return the cost of one call."""
    before = os.times()
    function()
    after = os.times()
    return Spent(after.elapsed - before.elapsed, sum(after[:4]) - sum(before[:4]))


def reproduced(folder: Path) -> set[str]:
    """Run `dvc repro` and return the names of the stages that it ran."""
    done = subprocess.run(
        ["dvc", "repro"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=this_python(),
    )
    lines = (line for line in done.stdout.splitlines() if line.startswith("Running stage"))
    return {line.split("'")[1] for line in lines}


def locked(folder: Path) -> tuple[int, int]:
    """Return the number of stages in dvc.lock, all instances counted, and its number of lines."""
    text = (folder / "dvc.lock").read_text()
    return len(yaml.safe_load(text)["stages"]), len(text.splitlines())


def write_graph(folder: Path, encoders: int, source: Path = ROOT) -> None:
    """Make a repository of a part of the paper's study, whose stages compute nothing.

    It begins as a clone of the last commit of `source`.
    """
    run(folder.parent, "git", "clone", "--quiet", str(source), str(folder))
    (folder / "dvc.lock").unlink(missing_ok=True)
    for result in (*folder.glob("metrics/**/*.json"), *folder.glob("plots/**/*.*")):
        result.unlink()
    study = short_study(load_tree(folder / "studies/paper.yaml"), encoders)
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    graph = yaml.safe_load((folder / "dvc.yaml").read_text())
    (folder / "scripts").mkdir()
    for name, stage in graph["stages"].items():
        if name not in REAL:
            replace_command(folder, name, stage.get("do", stage))
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    run(folder, "git", "add", "--all")
    run(
        folder, "git", "-c", "user.name=b", "-c", "user.email=b", "commit", "--quiet", "-m", "stubs"
    )


def short_study(study: dict[str, Any], encoders: int) -> dict[str, Any]:
    """Reduce a study to its first encoders, the comparisons between them, and what these use."""
    kept = set(list(study["encoders"])[:encoders])
    sections = ("encoders", "weights", "pretrain", "finetune", "supervise", "interpolate")
    short = {name: chosen(study[name], kept) for name in sections}
    entries = [entry for section in short.values() for entry in section.values()]
    for section in ("datasets", "backbones", "recipes"):
        used = {entry.get(section.removesuffix("s")) for entry in entries}
        short[section] = chosen(study[section], used | {*NEEDED})
    used = {entry["source"] for entry in short["datasets"].values()}
    short["sources"] = chosen(study["sources"], used)
    pairs = {k: v for k, v in study["comparisons"].items() if {v["first"], v["second"]} <= kept}
    return {**study, **short, "comparisons": pairs}


def chosen(section: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the entries of a section that have one of these names."""
    return {name: entry for name, entry in section.items() if name in names}


def replace_command(folder: Path, name: str, body: dict[str, Any]) -> None:
    """Write a script that makes a stage's outputs, and let the stage run it."""
    resolved = ("${item.", "${controls.")  # DVC fills these in; the script takes them as arguments
    given = [dep for dep in body["deps"] if any(start in dep for start in resolved)]
    deps = [dep for dep in body["deps"] if dep not in given]
    outs = [path(out) for part in ("outs", "metrics") for out in body.get(part, ())]
    key = "key=$1\nshift\n" if "${key}" in json.dumps(body) else ""
    deps_text = " ".join([*deps, '"$@"']) if given else " ".join(deps)
    writes = "\n".join(line for out in outs for line in written(out))
    (folder / f"scripts/{name}.sh").write_text(
        SCRIPT.format(key=key, deps=deps_text, writes=writes)
    )
    words = ["sh", f"scripts/{name}.sh", *(["${key}"] if key else []), *given]
    body["cmd"] = " ".join(words)


def path(out: str | dict[str, Any]) -> str:
    """Return the path of an output, which may have options."""
    return out if isinstance(out, str) else next(iter(out))


def written(out: str) -> list[str]:
    """Return the lines of a script that write an output, a file or a folder of files."""
    files = [out] if Path(out).suffix else [f"{out}/{number}" for number in range(FILES)]
    folder = Path(files[0]).parent
    return [f"mkdir -p {folder}", *(f'echo "{file} $sum" > {file}' for file in files)]


def rows(times: Times, floor: Times, graph: Graph) -> list[Row]:
    """Return the lines of the graph of all encoders."""
    kinds = ", ".join(sorted({name.partition("@")[0] for name in graph.ran}))
    change = f"`dvc repro` after another `concepts.threshold`, {len(graph.ran)} stages"
    each = Spent(*(seconds / len(graph.ran) for seconds in times.change))
    rewrite = f"DVC reads and writes dvc.lock, {graph.lines:,} lines, after each of these"
    return [
        *compared("`dvc repro` with nothing to do", times.noop, floor.noop),
        *compared(change, times.change, floor.change),
        Row("… for each stage that ran", str(each)),
        Row("… the stages that ran", kinds),
        *compared(rewrite, times.rewrite, floor.rewrite),
    ]


def compared(what: str, own: Spent, least: Spent) -> list[Row]:
    """Return the lines of a cost and of its ratio to that of as many stages that copy a file."""
    wall, processor = own.wall / least.wall, own.processor / least.processor
    ratios = f"{wall:.2f}, {processor:.2f} of the processor"
    return [Row(what, str(own)), Row("… over that of as many that copy a file", ratios)]


if __name__ == "__main__":
    main()
