"""What a run of the miniature study takes beside its trainings: the table of study.md.

Everything is measured in one run, in clones of the last commit: a cold `make repro` and the
trainings in it, the same with two jobs, and a run with nothing to do.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.tables import ROOT, Row, this_python, write_table
from tools.jobs import TRAININGS

REPRO = (sys.executable, "-m", "tools", "repro")


def main() -> None:
    """Measure, print and write the table."""
    snakemake = ROOT / ".venv-snakemake"
    run(ROOT, "make", "--silent", "--old-file", ".venv/ready", f"{snakemake.name}/ready")
    two_jobs = ("--jobs", "2", "--snakemake", str(snakemake / "bin/snakemake"))
    with tempfile.TemporaryDirectory() as scratch:
        serial, jobs = (Path(scratch, name) for name in ("serial", "jobs"))
        for clone in (serial, jobs):
            run(Path(scratch), "git", "clone", "--quiet", str(ROOT), str(clone))
        cold, said = run(serial, *REPRO)
        lines = re.findall(rf"\] (?:{'|'.join(TRAININGS)})@\S+ +([\d.]+) s", said)
        trainings = sum(map(float, lines))
        two, _ = run(jobs, *REPRO, *two_jobs)
        nothing = min(run(serial, *REPRO)[0] for _ in range(3))
    rows = [
        Row("cold `make repro` over the trainings in it", f"{cold / trainings:.2f}"),
        Row("cold `make repro JOBS=2` over the same trainings", f"{two / trainings:.2f}"),
        Row("with nothing to do, over the cold run", f"{nothing / cold:.3f}", "under 0.02"),
    ]
    write_table("study", "The miniature study", rows)


def run(folder: Path, *command: str) -> tuple[float, str]:
    """Run a command in a folder; return its wall time in seconds and what it printed."""
    start = time.perf_counter()
    ended = subprocess.run(
        command, cwd=folder, check=True, env=this_python(), stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - start, ended.stdout


if __name__ == "__main__":
    main()
