"""The cost of a run of the miniature study: the table of study.md.

Everything is measured in one run, in a clone of the last commit: the cold `dvc repro`; a `dvc
repro` with nothing to do; and the same for as many stub stages that copy a file, which is DVC's
minimum.
"""

import resource
import tempfile
from pathlib import Path

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, median_seconds, run, write_table


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        cold = run(clone, "dvc", "repro", "--quiet")
        noop = noop_repro(clone)
        count = stage_count(clone)
        copies = Path(scratch) / "copies"
        write_floor(copies, count)
        run(copies, "dvc", "repro", "--quiet")
        floor = noop_repro(copies)
    title = f"The miniature study, {count} stages"
    write_table("study", title, rows(count, cold, noop, floor))


def noop_repro(folder: Path) -> float:
    """Return the time of a `dvc repro` with nothing to do."""
    return median_seconds(lambda: run(folder, "dvc", "repro", "--quiet"))


def stage_count(folder: Path) -> int:
    """Return the number of stages of the study, all instances counted."""
    return len(yaml.safe_load((folder / "dvc.lock").read_text())["stages"])


def rows(count: int, cold: float, noop: float, floor: float) -> list[Row]:
    """Return the lines of the table."""
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        Row("cold `dvc repro`", f"{cold:.0f} s"),
        Row("`dvc repro` with nothing to do", f"{noop:.2f} s", "under 4 s"),
        Row(f"… over that of {count} stub stages", f"{noop / floor:.2f}"),
        Row("peak memory of a process", f"{memory:.0f} MiB", "under 2 GiB"),
    ]


if __name__ == "__main__":
    main()
