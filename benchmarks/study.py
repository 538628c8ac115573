"""The cost of a run of the miniature study: the table of study.md.

Everything is measured in one run, in a clone of the last commit: the cold `dvc repro`; how much of
it renders, trains or passes images through encoders; a `dvc repro` with nothing to do; and the same
for as many stub stages that copy a file, which is DVC's minimum.
"""

import json
import resource
import tempfile
from pathlib import Path

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, median_seconds, run, write_table

SPY = ROOT / "benchmarks/spy"


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        clone, times = Path(scratch) / "clone", Path(scratch) / "times.jsonl"
        run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        spied = {"STAGE_TIMES": str(times), "PYTHONPATH": str(SPY)}
        cold = run(clone, "dvc", "repro", "--quiet", **spied)
        noop = noop_repro(clone)
        stages = [json.loads(line) for line in times.read_text().splitlines()]
        count = stage_count(clone)
        copies = Path(scratch) / "copies"
        write_floor(copies, count)
        run(copies, "dvc", "repro", "--quiet")
        floor = noop_repro(copies)
    title = f"The miniature study, {count} stages"
    write_table("study", title, rows(count, cold, noop, floor, stages))


def noop_repro(folder: Path) -> float:
    """Return the time of a `dvc repro` with nothing to do."""
    return median_seconds(lambda: run(folder, "dvc", "repro", "--quiet"))


def stage_count(folder: Path) -> int:
    """Return the number of stages of the study, all instances counted."""
    return len(yaml.safe_load((folder / "dvc.lock").read_text())["stages"])


def rows(count: int, cold: float, noop: float, floor: float, stages: list[dict]) -> list[Row]:
    """Return the lines of the table."""
    compute = sum(stage["compute"] for stage in stages)
    inside = sum(stage["seconds"] for stage in stages)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        Row("cold `dvc repro`", f"{cold:.0f} s"),
        Row("… over its rendering, training and forward passes", f"{cold / compute:.2f}"),
        Row(
            "time of the stages that is none of these, of the whole",
            f"{(inside - compute) / cold:.0%}",
            "under 35 %",
        ),
        Row("… of the stages' own time", f"{(inside - compute) / inside:.0%}"),
        Row("`dvc repro` with nothing to do", f"{noop:.2f} s", "under 4 s"),
        Row(f"… over that of {count} stub stages", f"{noop / floor:.2f}"),
        Row("peak memory of a process", f"{memory:.0f} MiB", "under 2 GiB"),
    ]


if __name__ == "__main__":
    main()
