"""`make repro`: check the study, run what is stale, list the results and what changed."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from interpreting_clip.config.params import PARAMS, Params
from interpreting_clip.datasets.entries import RealSet
from interpreting_clip.datasets.sources import has_changed
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from interpreting_clip.study.dataset_entries import DatasetEntry, Shifts
from runner.machine_settings import read_machine

PAGES = {
    "plots/report.html": "the page to read",
    "docs/tutorial_page.md": "how to read it, section by section",
    "plots/published.html": "published models, and where yours stand among them",
}

CHANGED = """\
  dvc metrics diff                     shows which headline numbers differ
  dvc params diff                      shows which settings and code differ
  make compare A=HEAD B=.              checks each result within a tolerance
If settings and code are the commit's, the machine makes the difference (docs/guarantees.md):
another build of torch or numpy, a GPU, native kernels, or a processor without portable ones."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--jobs", type=int, default=1, help="how many run at a time; default: 1")
    parser.add_argument("--snakemake", metavar="PROGRAM", help="which starts several jobs")


def main(*, jobs: int = 1, snakemake: str | None = None) -> None:
    """Run the study, and end as its last command ends."""
    from tools.cache import forget_wrong_records, prepare
    from tools.jobs import run_stale
    from tools.stage_lines import run_with_lines

    if jobs < 1 or (jobs > 1 and not snakemake):
        raise InputError(f"JOBS: expected 1 or more, and for several --snakemake; got {jobs}")
    forget_wrong_records()
    check(PARAMS)
    sys.stdout.writelines(folder_warnings())
    sys.stdout.flush()
    prepare()
    if status := run_stale(jobs, snakemake) if snakemake else run_with_lines(["repro"]):
        sys.exit(status)
    sys.stdout.writelines(f"{line}\n" for line in ("", *results(), *changes()))


def folder_warnings() -> Iterator[str]:
    """Yield a line for each dataset whose folder has changed since it was read, or is missing."""
    params, machine = Params(), read_machine()
    sections = (
        ("fetch", "datasets", dict[str, DatasetEntry]),
        ("fetch_shift", "shifts", Shifts),
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
                    f"it; `dvc repro -f -s {stage}@{key}` reads them again\n"
                )


def results() -> Iterator[str]:
    """Yield the lines that list what to open."""
    yield "The results of this study:"
    encoders = Params().read("browse.encoders", list[str])
    browsed = {
        f"plots/directions/{key}/index.html": "what each direction encodes" for key in encoders[:1]
    }
    for page, what in (PAGES | browsed).items():
        if Path(page).is_file():
            yield f"  {page:<45}  {what}"
    yield f"  {'dvc metrics show':<45}  headline numbers (before it: . .venv/bin/activate)"


def changes() -> Iterator[str]:
    """Yield lines that compare the results with those of the last commit, if there is one."""
    if not git("rev-parse", "--verify", "HEAD"):
        return
    status = git("status", "--porcelain", "--untracked-files=all", "--", "metrics", "plots")
    if differ := len(status.splitlines()):
        yield f"\nFiles in metrics/ and plots/ that differ from the commit's: {differ}\n{CHANGED}"
    else:
        yield "\nThe results in metrics/ and plots/ are identical to the commit's, byte for byte."


def git(*arguments: str) -> str:
    """Return what git prints; nothing without a repository or a commit."""
    command = ["git", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout
