"""Stages and DVC itself killed at random moments of a run: nothing is lost, nothing is stale."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.workspace import Workspace, new_workspace
from tests.processes import PATIENCE, processes, wait_for
from tests.stress.conftest import LONG

SEED, KILLS = 0, 20 if LONG else 4

PREPARE = (sys.executable, "-c", "from tools.cache import prepare; prepare()")

LEFT = 8
"""The last stages, in which no moment lies: a kill may let several pass, and some must remain."""

COME_TO = re.compile(rb"^(Running stage|Stage '.*' (didn't change|is cached))", re.MULTILINE)
"""What DVC prints of each stage that it comes to, which are as many in every run."""

SHELLS = [shell for name in ("sh", "bash", "zsh") if (shell := shutil.which(name))]
"""What DVC starts stages with is the user's shell."""

SURROUNDINGS = {
    **{"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    **{"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "4711", "INTERPRETING_CLIP_WORKERS": "7"},
}
"""Another locale, whose characters are ASCII's, time zone, order of sets, number of workers."""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="prctl(2) and /proc are Linux's"
)


@dataclass(frozen=True)
class Moment:
    """When to kill: at which stage of the graph, how long after its start, in stages, and whom."""

    stage: int
    after: float
    victim: str


def moments(stages: int) -> list[Moment]:
    """Return moments of a run in order; stages and DVC are killed in turn."""
    rng = np.random.default_rng(SEED)
    where = sorted(rng.choice(stages - LEFT, KILLS, replace=False).tolist())
    victims = ("stage", "dvc") * (KILLS // 2)
    return [Moment(*x) for x in zip(where, rng.uniform(0, 1.2, KILLS), victims, strict=True)]


def stage_processes(workspace: Workspace, dvc: subprocess.Popen[bytes]) -> list[int]:
    """Return what runs in a workspace below DVC: a stage, where it is at one."""
    own = processes(workspace.folder)
    return [pid for pid, command in own.items() if pid != dvc.pid and b"stages\0" in command]


def run_and_kill(workspace: Workspace, moment: Moment) -> str:
    """Run the study until a moment, kill who is meant, and return what DVC has printed."""
    log, started = workspace.folder.with_name("log"), time.monotonic()
    with log.open("wb") as stream:
        dvc = workspace.start("dvc", "repro", output=stream)
        while dvc.poll() is None and len(COME_TO.findall(log.read_bytes())) <= moment.stage:
            time.sleep(0.005)
        stages_run = log.read_bytes().count(b"Running stage")
        time.sleep(moment.after * (time.monotonic() - started) / (stages_run + 1))
        kill(workspace, dvc, moment.victim)
    assert dvc.returncode, "it had ended before"
    return log.read_text()


def kill(workspace: Workspace, dvc: subprocess.Popen[bytes], victim: str) -> None:
    """Kill DVC, or the stage that it is at and, where that was just ending, the next one."""
    if victim == "dvc" or not stage_processes(workspace, dvc):
        dvc.kill()
        dvc.wait(PATIENCE)
    while dvc.poll() is None:
        for process in stage_processes(workspace, dvc):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.005)


def mend(workspace: Workspace) -> None:
    """Start as `make repro` does, which mends what the kill has left, and follow its advice."""
    if "`git checkout HEAD dvc.lock`, or delete it" in workspace.run(*PREPARE, ok=False):
        (workspace.folder / "dvc.lock").unlink()
        workspace.run(*PREPARE)


def test_kills_and_other_surroundings_change_nothing(nano: Workspace, tmp_path: Path):
    workspace = new_workspace(tmp_path / "clone")
    workspace.surroundings, workspace.umask = {**SURROUNDINGS}, 0o077
    for number, moment in enumerate(moments(len(nano.lock()))):
        workspace.surroundings["SHELL"] = SHELLS[number // 2 % len(SHELLS)]
        said = run_and_kill(workspace, moment)
        sys.stdout.write(f"seed {SEED}, {moment}: {said[-300:]}")
        assert wait_for(lambda: not processes(workspace.folder)), processes(workspace.folder)
        mend(workspace)
    assert workspace.repro()
    assert workspace.lock() == nano.lock()
    assert workspace.results() == nano.results()
    workspace.run(sys.executable, "-m", "tools", "fsck")
    assert workspace.repro() == set()


def test_dvc_and_its_stage_end_with_make(tmp_path: Path):
    workspace = new_workspace(tmp_path / "clone")
    make = workspace.start("make", "--old-file", ".venv/ready", "repro", output=subprocess.DEVNULL)

    def stage_of_dvc() -> list[int]:
        own = processes(workspace.folder)
        dvc = any(b"tools\0repro" in command for command in own.values())
        return [pid for pid, command in own.items() if dvc and b"stages\0" in command]

    assert wait_for(stage_of_dvc)
    make.kill()
    make.wait(PATIENCE)
    assert wait_for(lambda: not processes(workspace.folder)), processes(workspace.folder)
