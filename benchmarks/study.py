"""What a run of the miniature study takes beside its trainings: the table of study.md.

Everything is measured in one run, in clones of the last commit: a cold run of `make repro`'s DVC
and the trainings in it, the same with two jobs, and a run with nothing to do.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.tables import ROOT, Row, seconds, this_python, write_table
from interpreting_clip.config.syntax import load_tree
from runner.run import SECONDS
from tools.jobs import TRAININGS

REPRO = (sys.executable, "-m", "tools.fast_dvc", "repro", "--quiet")
SNAKEMAKE = ROOT / ".venv-snakemake"


def main() -> None:
    """Measure, print and write the table."""
    ready = f"{SNAKEMAKE.name}/ready"
    run(SNAKEMAKE.parent, "make", "--silent", "--old-file", ".venv/ready", ready)
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(Path(scratch), ROOT)
    write_table("study", "The miniature study", rows)


def measure(folder: Path, source: Path) -> list[Row]:
    """Return the lines of the table, of the study in a repository."""
    serial, jobs = (folder / name for name in ("serial", "jobs"))
    for clone in (serial, jobs):
        run(folder, "git", "clone", "--quiet", str(source), str(clone))
    cold = run(serial, *REPRO)
    files = [file for kind in TRAININGS for file in (serial / SECONDS).glob(f"{kind}@*")]
    trainings = sum(float(file.read_text()) for file in files)
    two = run(jobs, sys.executable, "-m", "tools.jobs", "2", str(SNAKEMAKE / "bin/snakemake"))
    nothing = min(run(serial, *REPRO) for _ in range(3))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    stages = load_tree(serial / "dvc.lock")["stages"]
    return [
        Row("stages", f"{len(stages)}"),
        Row("cold `make repro`, install apart", f"{cold:.0f} s"),
        Row("… over the trainings in it", f"{cold / trainings:.2f}"),
        Row("cold `make repro JOBS=2`", f"{two:.0f} s"),
        Row("… over the same trainings", f"{two / trainings:.2f}"),
        Row("`make repro`'s DVC with nothing to do", f"{nothing:.2f} s", "under 4 s"),
        Row("peak memory of a process", f"{memory:.0f} MiB", "under 2 GiB"),
    ]


def run(folder: Path, *command: str) -> float:
    """Run a command in a folder and return its wall time in seconds."""
    return seconds(lambda: subprocess.run(command, cwd=folder, check=True, env=this_python()))


if __name__ == "__main__":
    main()
