"""`make repro`: check the study, run what is stale, and list the results."""

import argparse
import subprocess
import sys

from interpreting_clip.errors import InputError


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
    uncached.prepare()
    if status := run_stale(jobs, snakemake) if snakemake else run_with_lines(["repro"]):
        sys.exit(status)
    sys.stdout.write("\n")
    outcome.report()
