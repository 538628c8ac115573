"""What a run of the miniature study costs: `make bench` prints the table and writes study.md.

Everything is measured in one run, in a clone of the last commit: the cold `dvc repro`, how much of
it renders, trains or passes images forward, a `dvc repro` that has nothing to do, and, beside it,
the same for as many stub stages that copy a file, which is as fast as DVC gets.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SPY = ROOT / "benchmarks/spy"
REPEATS = 5


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        clone, times = Path(scratch) / "clone", Path(scratch) / "times.jsonl"
        run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        spied = {"STAGE_TIMES": str(times), "PYTHONPATH": str(SPY)}
        cold = run(clone, "dvc", "repro", "--quiet", **spied)
        noop = repeated(clone, "dvc", "repro", "--quiet")
        stages = [json.loads(line) for line in times.read_text().splitlines()]
        count = stage_count(clone)
        floor = stub_noop(Path(scratch) / "stub", count)
    table = report(count, cold, noop, floor, stages)
    sys.stdout.write(table)
    (ROOT / "benchmarks/study.md").write_text(table)


def run(folder: Path, *command: str, **environment: str) -> float:
    """Run a command in a folder and return its wall time in seconds."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "PATH": path, **environment})
    return time.perf_counter() - start


def repeated(folder: Path, *command: str) -> float:
    """Return the median wall time of a command."""
    return statistics.median(run(folder, *command) for _ in range(REPEATS))


def stage_count(folder: Path) -> int:
    """Return how many stages the study has, all instances counted."""
    locks = (folder / "dvc.lock", folder / "stages/dvc.lock")
    return sum(len(yaml.safe_load(lock.read_text())["stages"]) for lock in locks)


def stub_noop(folder: Path, count: int) -> float:
    """Return the time of a `dvc repro` with nothing to do for `count` stages that copy a file."""
    folder.mkdir()
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    (folder / "in").write_text("in")
    stages = {
        f"stub{i}": {"cmd": f"cp in out{i}", "deps": ["in"], "outs": [f"out{i}"]}
        for i in range(count)
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    run(folder, "dvc", "repro", "--quiet")
    return repeated(folder, "dvc", "repro", "--quiet")


def report(count: int, cold: float, noop: float, floor: float, stages: list[dict]) -> str:
    """Return the table in Markdown."""
    compute = sum(stage["compute"] for stage in stages)
    inside = sum(stage["seconds"] for stage in stages)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = [
        ("cold `dvc repro`", f"{cold:.0f} s", "under 300 s"),
        ("… over its rendering, training and forward passes", f"{cold / compute:.2f}", ""),
        (
            "time of the stages that is none of these, of the whole",
            f"{(inside - compute) / cold:.0%}",
            "under 35 %",
        ),
        ("… of the stages' own time", f"{(inside - compute) / inside:.0%}", ""),
        ("`dvc repro` with nothing to do", f"{noop:.2f} s", "under 2 s"),
        (f"… over that of {count} stub stages", f"{noop / floor:.2f}", ""),
        ("peak memory of a process", f"{memory:.0f} MiB", "under 2 GiB"),
    ]
    lines = [f"| {name} | {value} | {bound} |" for name, value, bound in rows]
    head = f"# The miniature study, {count} stages on {os.cpu_count()} CPU cores\n\n"
    return f"{head}| what | measured | bound |\n|---|---|---|\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
