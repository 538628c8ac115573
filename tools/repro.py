"""`make repro`: check the study, run what is stale, and list the results."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from interpreting_clip.config.params import Params
from interpreting_clip.datasets.entries import RealSet
from interpreting_clip.datasets.sources import has_changed
from interpreting_clip.errors import InputError
from interpreting_clip.study.dataset_entries import DatasetEntry, Shifts
from runner.machine_settings import read_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--jobs", type=int, default=1, help="how many run at a time; default: 1")
    parser.add_argument("--snakemake", metavar="PROGRAM", help="which starts several jobs")


def main(*, jobs: int = 1, snakemake: str | None = None) -> None:
    """Run the study, and end as its last command ends."""
    from tools import outcome, uncached
    from tools.jobs import run_stale
    from tools.stage_lines import run_with_lines

    if jobs < 1 or (jobs > 1 and not snakemake):
        raise InputError(f"JOBS: expected 1 or more, and for several --snakemake; got {jobs}")
    if status := subprocess.run([sys.executable, "-m", "stages", "study"], check=False).returncode:
        sys.exit(status)
    sys.stdout.writelines(folder_warnings())
    sys.stdout.flush()
    uncached.prepare()
    if status := run_stale(jobs, snakemake) if snakemake else run_with_lines(["repro"]):
        sys.exit(status)
    sys.stdout.write("\n")
    outcome.report()


def folder_warnings() -> Iterator[str]:
    """Yield a line for each dataset whose folder has changed since it was read, or is missing."""
    params, machine = Params(), read_machine()
    sections = (
        ("fetch@{}", "datasets", dict[str, DatasetEntry]),
        ("fetch_shifts", "shifts", Shifts),
    )
    for stage, section, kind in sections:
        for key, entry in params.read(section, kind).items():
            out = Path("data", section, key)
            if not (isinstance(entry, RealSet) and entry.folder):
                continue
            if not (out.exists() or Path(machine.folders, entry.folder).exists()):
                yield (
                    f"{entry.folder}: no such folder below `folders`, and '{section}.{key}' has to "
                    "be read from it, unless DVC's cache has the dataset\n"
                )
            elif has_changed(entry, out, machine):
                yield (
                    f"{entry.folder}: its files have changed since '{section}.{key}' was read from "
                    f"it; `dvc repro -f -s {stage.format(key)}` reads them again\n"
                )
