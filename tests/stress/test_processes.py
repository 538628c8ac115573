"""Processes that share the pieces of a batch compute what one process does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

from tests.reads import ROOT


def run(folder: Path, recipe, **task) -> subprocess.CompletedProcess[str]:
    """Take a step and a short training in some processes."""
    folder.mkdir()
    task |= {"recipe": msgspec.to_builtins(recipe)}
    (folder / "task.json").write_text(json.dumps(task))
    command = [sys.executable, "-m", "tests.stress.training_step", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def halves(recipe):
    return msgspec.structs.replace(recipe, batch_size=12, epochs=3, pieces=2)


@pytest.mark.parametrize(("tower", "objective"), [("rn", "labels"), ("vit", "captions")])
def test_two_processes_compute_what_one_does(halves, tmp_path, tower, objective):
    results = []
    for name, processes in (("one", 1), ("two", 2), ("again", 2)):
        task = {"tower": tower, "objective": objective, "processes": processes}
        done = run(tmp_path / name, halves, **task)
        assert done.returncode == 0, done.stderr
        results.append(torch.load(tmp_path / name / "found.pt"))
    (one, points), (two, shared), (again, _) = results
    for name, value in one.items():
        near = 1e-6 * max(1e-6, float(value.abs().max()))
        torch.testing.assert_close(two[name], value, rtol=0, atol=near, msg=name)
    assert all(torch.equal(two[name], again[name]) for name in two)
    assert [point["loss"] for point in shared] == pytest.approx([p["loss"] for p in points])


FAULTS = {"killed": "process 2 of 2 .*SIGKILL.*checkpoint", "refused": "rn: a broken image$"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_process_that_fails_ends_all_in_one_line(halves, tmp_path, fault):
    task = {"tower": "rn", "objective": "labels", "processes": 2, "fault": fault}
    done = run(tmp_path / "task", halves, **task)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert re.match(rf"error: .*{FAULTS[fault]}", line)


def test_processes_that_do_not_divide_the_pieces_are_refused(halves, tmp_path):
    task = {"tower": "rn", "objective": "labels", "processes": 2}
    thirds = msgspec.structs.replace(halves, pieces=3)
    done = run(tmp_path / "task", thirds, **task)
    assert done.returncode == 1 and "`processes`" in done.stderr and "compute.yaml" in done.stderr
