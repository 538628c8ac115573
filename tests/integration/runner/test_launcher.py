"""Stages that a launcher of compute.yaml starts, any that runs a command and waits."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree

STAGE = """
import os, sys, time
def main(key: str, params, inputs, outputs) -> None:
    print(os.getpid(), key, os.environ.get("PLACE"), flush=True)
    (outputs[f"data/probe/{{key}}"] / "written").touch()
    {}
"""

LOCK = Path(".scratch/locks/probe@rn")
SLOW = "time.sleep(60)"
CHILD = """sh -c '"$@"; exit $?' sh"""
"""A launcher that does not become the stage's process; what is killed here leaves it alive."""

Probe = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def probe(code_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """Return what starts a stage that tells its process, in a folder with all code."""
    monkeypatch.chdir(code_copy)
    Path("params.yaml").write_text("kernels: native\nprobes: {rn: {}}\n")
    source = Path("runner/launcher.py")
    text = source.read_text()
    source.write_text(text.replace("INTERVAL = 5.0", "INTERVAL = 0.2"))
    assert source.read_text() != text
    started = []

    def start(
        body: str, launcher: str, *arguments: str, stage: str = "probe", **variables: str
    ) -> subprocess.Popen[str]:
        Path(f"stages/{stage}.py").write_text(STAGE.format(body))
        graph = load_tree(Path("dvc.yaml"))
        graph["stages"][stage] = {"foreach": "${probes}", "do": {"outs": ["data/probe/${key}"]}}
        Path("dvc.yaml").write_text(yaml.safe_dump(graph))
        Path("compute.yaml").write_text(
            f"launchers:\n  {stage}: {launcher}\n" if launcher else "{}"
        )
        command = [sys.executable, "-m", "stages", stage, "rn", *arguments]
        process = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> list[str]:
    """Return what the stage says of itself, once it computes."""
    assert process.stdout
    return process.stdout.readline().split()


def ends(pid: int) -> bool:
    """Wait for the end of a process that is nobody's child here."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 30)[0])
    finally:
        os.close(process)


def test_a_launcher_runs_the_stage_and_passes_on_what_it_says(probe):
    done = probe("print('error: x', file=sys.stderr); sys.exit(7)", "env PLACE=there")
    out, err = done.communicate()
    pid, *rest = out.split()
    assert (int(pid) != done.pid, rest) == (True, ["rn", "there"])
    assert (done.returncode, err) == (7, "error: x\n")
    killed = probe("os.kill(os.getpid(), 9)", "env PLACE=there")
    killed.communicate()
    assert killed.returncode == 128 + signal.SIGKILL


def test_the_stage_ends_with_the_process_here(probe):
    here = probe(SLOW, CHILD)
    there = int(told(here)[0])
    here.kill()
    assert ends(there)


def test_the_last_that_is_launched_takes_the_place_of_one_that_was_left(probe):
    left = probe(SLOW, """sh -c '"$@" < /dev/null; exit $?' sh""")
    there = int(told(left)[0])
    left.kill()
    done = probe("pass", CHILD)
    assert done.stderr
    assert f"waiting for the end of process {there} on " in done.stderr.readline()
    assert ends(there)
    assert done.communicate()[0].split()[0] != str(there)
    assert done.returncode == 0
