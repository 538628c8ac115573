"""A run of the nano study, which the next run of the tests on this machine starts from."""

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

from filelock import FileLock

from tests.pipeline.workspace import new_workspace
from tests.reads import ROOT, STAGES

KEPT = ROOT / ".scratch/nano"
"""DVC's cache of the last run, and the records of its processes; `make clean` deletes it."""

PRINTED = ".scratch/printed"
"""The file of the clone that has what the run printed, for the workspaces of its copies."""

MOST = 500 * 2**20
"""Bytes of KEPT from which on a run starts without it: caches only grow."""


def run_nano(folder: Path) -> None:
    """Run the nano study in a new clone, record its processes, and commit the results.

    DVC runs only those stages whose code or parameters have changed since the last run, and the
    records of all others are those of that run. In continuous integration, nothing is kept.
    """
    workspace = new_workspace(folder)
    cache = folder / ".dvc/cache"
    keep = "CI" not in os.environ
    KEPT.parent.mkdir(exist_ok=True)
    with FileLock(f"{KEPT}.lock") if keep else nullcontext():
        if keep and KEPT.exists() and sum(f.stat().st_size for f in KEPT.rglob("*")) < MOST:
            shutil.copytree(KEPT / "cache", cache)
            workspace.spied.parent.mkdir(exist_ok=True)
            shutil.copy(KEPT / "spied", workspace.spied)
        run = workspace.repro(spy=True, restored=True)
        assert {name.partition("@")[0] for name in run} == set(STAGES) - {
            *("fetch_arrays", "supervise", "interpolate"),
        }
        # the last record of each process
        lines = workspace.spied.read_text().splitlines(keepends=True)
        records = {str(json.loads(line)["argv"][1:]): line for line in lines}
        workspace.spied.write_text("".join(records.values()))
        if keep:
            shutil.rmtree(KEPT, ignore_errors=True)
            shutil.copytree(cache, KEPT / "cache")
            shutil.copy(workspace.spied, KEPT / "spied")
    workspace.commit("Run the nano study")
    (folder / PRINTED).write_text(workspace.printed)
