"""The cost of the graph itself at the paper's size: the table of dag.md.

The real dvc.yaml on the paper's study, with a shell script in place of each stage's command: it
writes the outputs that the stage declares, with a checksum of its dependencies and of params.yaml
in them, so that a change spreads as it would in a study. `code` and `study` stay as they are, since
they decide how far a change reaches. For comparison, the same run has as many stages that copy a
file, which is plain DVC's minimum. Beside each wall time is the processor time, user and system,
which other programs on the machine disturb less.

Plain DVC reads and writes the whole lock file after each stage that ran, so a first run grows with
the square of the stages. It is timed with a fifth of the encoders; `make repro`, which runs
tools/fast_dvc.py, with all.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, run, this_python, write_table
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.check_datasets import NEEDED

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


PLAIN, FAST = ("dvc", "repro"), (sys.executable, "-m", "tools.fast_dvc", "repro")
"""Plain DVC, and what `make repro` runs."""


class Spent(NamedTuple):
    """Wall time and processor time in seconds, child processes included."""

    wall: float
    processor: float

    def __str__(self) -> str:
        """Return both times as text."""
        return f"{self.wall:.2f} s, {self.processor:.2f} s of the processor"


class Times(NamedTuple):
    """The costs of a graph of all encoders, and the stages that another threshold re-ran.

    They are those of a first run, of runs with nothing to do, plain and fast, and of the change.
    """

    first: Spent
    plain_noop: Spent
    noop: Spent
    change: Spent
    ran: set[str]


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = first_run(Path(scratch), FEW)
        graph, floor = Path(scratch) / "graph", Path(scratch) / "floor"
        write_graph(graph, ENCODERS)
        times = graph_times(graph)
        stages, length = locked(graph)
        write_floor(floor, stages)
        repro(floor, FAST)
        least = median_cost(lambda: repro(floor, PLAIN), REPEATS)
        lines += [*rows(times, least), rewriting(graph, length)]
    write_table("dag", f"The graph of {ENCODERS} encoders, {stages} stages without work", lines)


def first_run(folder: Path, encoders: int) -> list[Row]:
    """Return the lines of the first run of a few encoders."""
    plain, fast, floor = (folder / name for name in ("plain", "fast", "copies"))
    for graph in (plain, fast):
        write_graph(graph, encoders)
    first = spent(lambda: repro(plain, PLAIN))
    own = spent(lambda: repro(fast, FAST))
    stages, _ = locked(plain)
    write_floor(floor, stages)
    least = spent(lambda: repro(floor, PLAIN))
    return compared(f"a first run of {encoders} encoders, {stages} stages,", first, own, least)


def graph_times(folder: Path, repeats: int = REPEATS) -> Times:
    """Return the times of a graph that has not run yet."""
    first = spent(lambda: repro(folder, FAST))
    plain_noop = median_cost(lambda: repro(folder, PLAIN), repeats)
    noop = median_cost(lambda: repro(folder, FAST), repeats)
    params = folder / "params.yaml"
    study = yaml.safe_load(params.read_text())
    study["concepts"]["threshold"] = 0.8
    params.write_text(yaml.safe_dump(study, sort_keys=False))
    ran: set[str] = set()
    change = spent(lambda: ran.update(reproduced(folder)))
    return Times(first, plain_noop, noop, change, ran)


def repro(folder: Path, how: Sequence[str]) -> float:
    """Run a folder's stages in one of both ways."""
    return run(folder, *how, "--quiet", PYTHONPATH=str(ROOT))


def rewriting(folder: Path, lines: int) -> Row:
    """Return the line for plain DVC's reading and writing of a lock file."""
    from dvc.utils.serialize import modify_yaml

    def rewrite() -> None:
        with modify_yaml(str(folder / "dvc.lock")):
            pass

    what = f"plain DVC reads and writes dvc.lock, {lines:,} lines, after each stage"
    return Row(what, str(median_cost(rewrite, 1)))


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
    """Run all that is stale and return the names of these stages."""
    done = subprocess.run(
        FAST,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=this_python() | {"PYTHONPATH": str(ROOT)},
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
    nulls = chosen(study["untrained"], {one["backbone"] for one in short["encoders"].values()})
    return {**study, **short, "comparisons": pairs, "untrained": nulls}


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


def rows(times: Times, least: Spent) -> list[Row]:
    """Return the lines of the graph of all encoders."""
    kinds = ", ".join(sorted({name.partition("@")[0] for name in times.ran}))
    each = Spent(*(seconds / len(times.ran) for seconds in times.change))
    return [
        Row("a first run of all encoders, `make repro`", str(times.first)),
        *compared("nothing to do,", times.plain_noop, times.noop, least),
        Row(f"another `concepts.threshold`, {len(times.ran)} stages", str(times.change)),
        Row("… for each stage that ran", str(each)),
        Row("… the stages that ran", kinds),
    ]


def compared(what: str, plain: Spent, own: Spent, least: Spent) -> list[Row]:
    """Return the lines of what plain DVC and `make repro` cost, and copying as many files."""
    return [
        Row(f"{what} `dvc repro`", str(plain)),
        Row("… `make repro`", str(own)),
        Row("… processor time over that of `dvc repro`", f"{own.processor / plain.processor:.2f}"),
        Row(
            "… over that of `dvc repro` for as many copies",
            f"{own.processor / least.processor:.2f}",
        ),
    ]


if __name__ == "__main__":
    main()
