"""What the graph itself costs at the paper's size: the table of dag.md.

The real dvc.yaml on the first encoders of the paper's study, with a shell script in place of each
stage's command: it writes the outputs that the stage declares, with a checksum of its dependencies
in them, so a change spreads as it would. `methods` and `study` stay what they are, for they say how
far a change reaches. Beside it, in the same run, as many stages that copy a file, which is as fast
as DVC gets.

DVC reads and writes the whole lock file after each stage that ran, so a first run grows with the
square of the stages. It is timed with a quarter of the encoders; for all of them the lock file is
prepared, and one reading and writing of it timed.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, median_seconds, run, seconds, this_python, write_table

ENCODERS, FEW = 37, 9
REPEATS = 3
REAL = ("methods", "study")
"""Stages that run as they are."""

FILES = 2
"""Files in a folder that a stage writes: what most of the miniature's have."""

SCRIPT = """\
{key}sum=$(find {deps} -type f | LC_ALL=C sort | xargs cat | cksum)
{writes}
"""


class Graph(NamedTuple):
    """A repository with its stages run, and the names of those that another threshold ran."""

    stages: int
    lines: int
    ran: set[str]


class Times(NamedTuple):
    """Seconds of `dvc repro` with nothing to do and after a change, and of rewriting dvc.lock."""

    noop: float
    change: float
    rewrite: float


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
    """Return the lines of the first `dvc repro` of a few encoders' graph, without preparation."""
    graph, floor = folder / "few", folder / "few_copies"
    write_graph(graph, encoders)
    own = run(graph, "dvc", "repro", "--quiet")
    stages, _ = locked(graph)
    write_floor(floor, stages)
    least = run(floor, "dvc", "repro", "--quiet")
    return compared(f"first `dvc repro` of {encoders} encoders, {stages} stages", own, least)


def prepare(folder: Path) -> None:
    """Run all stages of a repository, with its lock files written once."""
    run(folder, sys.executable, str(ROOT / "benchmarks/prepare.py"))


def graph_times(folder: Path, repeats: int = REPEATS) -> tuple[Times, set[str]]:
    """Return the times of a graph that has run, and what another threshold of concepts ran."""
    noop, rewrite = noop_seconds(folder, repeats), rewrite_seconds(folder, repeats)
    params = folder / "params.yaml"
    study = yaml.safe_load(params.read_text())
    study["concepts"]["threshold"] = 0.8
    params.write_text(yaml.safe_dump(study, sort_keys=False))
    ran: set[str] = set()
    change = seconds(lambda: ran.update(reproduced(folder)))
    return Times(noop, change, rewrite), ran


def floor_times(folder: Path, repeats: int = REPEATS) -> Times:
    """Return the times of stages that copy a file, which have run."""
    noop, rewrite = noop_seconds(folder, repeats), rewrite_seconds(folder, repeats)
    (folder / "turn").write_text("turned")
    return Times(noop, seconds(lambda: reproduced(folder)), rewrite)


def rewrite_seconds(folder: Path, repeats: int = REPEATS) -> float:
    """Return the median time in which DVC reads, for an update, and writes a folder's dvc.lock."""
    from dvc.utils.serialize import modify_yaml

    def rewrite() -> None:
        with modify_yaml(str(folder / "dvc.lock")):
            pass

    return median_seconds(rewrite, repeats)


def noop_seconds(folder: Path, repeats: int = REPEATS) -> float:
    """Return the median time of a `dvc repro` with nothing to do."""
    return statistics.median(run(folder, "dvc", "repro", "--quiet") for _ in range(repeats))


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
    return {line.split("'")[1].removeprefix("stages/dvc.yaml:") for line in lines}


def locked(folder: Path) -> tuple[int, int]:
    """Return how many stages the lock files hold, all instances counted, and dvc.lock's lines."""
    texts = [(folder / name).read_text() for name in ("dvc.lock", "stages/dvc.lock")]
    return sum(len(yaml.safe_load(text)["stages"]) for text in texts), len(texts[0].splitlines())


def write_graph(folder: Path, encoders: int) -> None:
    """Make a repository of the paper's study, cut short, whose stages compute nothing."""
    run(folder.parent, "git", "clone", "--quiet", str(ROOT), str(folder))
    for name in ("dvc.lock", "stages/dvc.lock"):
        (folder / name).unlink()
    for result in (*folder.glob("metrics/**/*.json"), *folder.glob("plots/**/*.*")):
        result.unlink()
    study = short_study(yaml.safe_load((ROOT / "studies/paper.yaml").read_text()), encoders)
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
    """Leave of a study its first encoders, and the comparisons between them."""
    kept = set(list(study["encoders"])[:encoders])
    sections = ("encoders", "weights", "pretrain", "finetune", "supervise", "interpolate")
    short = {name: {k: v for k, v in study[name].items() if k in kept} for name in sections}
    pairs = {k: v for k, v in study["comparisons"].items() if {v["first"], v["second"]} <= kept}
    return {**study, **short, "comparisons": pairs}


def replace_command(folder: Path, name: str, body: dict[str, Any]) -> None:
    """Write a script that makes a stage's outputs, and let the stage run it."""
    deps = [dep for dep in body["deps"] if "${item." not in dep]
    chosen = [dep for dep in body["deps"] if "${item." in dep]
    outs = [path(out) for part in ("outs", "metrics") for out in body.get(part, ())]
    key = "key=$1\nshift\n" if "${key}" in json.dumps(body) else ""
    deps_text = " ".join([*deps, '"$@"']) if chosen else " ".join(deps)
    writes = "\n".join(line for out in outs for line in written(out))
    (folder / f"scripts/{name}.sh").write_text(
        SCRIPT.format(key=key, deps=deps_text, writes=writes)
    )
    words = ["sh", f"scripts/{name}.sh", *(["${key}"] if key else []), *chosen]
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
    rewrite = f"DVC reads and writes dvc.lock, {graph.lines:,} lines, after each of these"
    return [
        *compared("`dvc repro` with nothing to do", times.noop, floor.noop),
        *compared(change, times.change, floor.change),
        Row("… the stages that ran", kinds),
        *compared(rewrite, times.rewrite, floor.rewrite),
    ]


def compared(what: str, own: float, least: float) -> list[Row]:
    """Return the lines of a time beside that of as many stages that copy a file."""
    return [
        Row(what, f"{own:.1f} s"),
        Row("… over that of as many that copy a file", f"{own / least:.2f}"),
    ]


if __name__ == "__main__":
    main()
