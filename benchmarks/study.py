"""The cost of a run of the miniature study: the table of study.md.

Everything is measured in one run, in clones of the last commit: a cold run of `make repro`'s DVC,
against the trainings in it; the same with two jobs; a run with nothing to do, of plain DVC too; and
the same for as many stub stages that copy a file, which is DVC's minimum.
"""

import resource
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.floor import write_floor
from benchmarks.tables import ROOT, Row, median_seconds, run, write_table
from runner.run import SECONDS
from tools.jobs import TRAININGS

FAST = (sys.executable, "-m", "tools.fast_dvc", "repro", "--quiet")
PLAIN = ("dvc", "repro", "--quiet")
SNAKEMAKE = ".venv-snakemake"


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        clones = [Path(scratch) / name for name in ("serial", "jobs")]
        for clone in clones:
            run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        serial, jobs = clones
        cold = run(serial, *FAST)
        trainings = trained_seconds(serial)
        run(jobs, "make", "--silent", "--old-file", ".venv/ready", f"{SNAKEMAKE}/ready")
        parallel = run(jobs, sys.executable, "-m", "tools.jobs", "2", f"{SNAKEMAKE}/bin/snakemake")
        noop, plain = (median_seconds(lambda c=c: run(serial, *c)) for c in (FAST, PLAIN))
        count = stage_count(serial)
        copies = Path(scratch) / "copies"
        write_floor(copies, count)
        run(copies, *PLAIN)
        floor = median_seconds(lambda: run(copies, *PLAIN))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    table = [
        Row("cold `make repro`, install apart", f"{cold:.0f} s"),
        Row("… over the trainings in it", f"{cold / trainings:.2f}"),
        Row("cold `make repro JOBS=2`", f"{parallel:.0f} s"),
        Row("… over the same trainings", f"{parallel / trainings:.2f}"),
        Row("`make repro`'s DVC with nothing to do", f"{noop:.2f} s", "under 4 s"),
        Row("`dvc repro` with nothing to do", f"{plain:.2f} s"),
        Row(f"… over that of {count} stub stages", f"{plain / floor:.2f}"),
        Row("peak memory of a process", f"{memory:.0f} MiB", "under 2 GiB"),
    ]
    write_table("study", f"The miniature study, {count} stages", table)


def trained_seconds(folder: Path) -> float:
    """Return the time of all trainings of a run, as the runner noted it."""
    files = [file for kind in TRAININGS for file in (folder / SECONDS).glob(f"{kind}@*")]
    return sum(float(file.read_text()) for file in files)


def stage_count(folder: Path) -> int:
    """Return the number of stages of the study, all instances counted."""
    return len(yaml.safe_load((folder / "dvc.lock").read_text())["stages"])


if __name__ == "__main__":
    main()
