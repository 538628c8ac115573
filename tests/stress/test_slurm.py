"""Stages that a real SLURM runs: the same bytes, and never two writers of one output."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreting_clip.training.callbacks import FILE, SCRATCH
from tests.pipeline.workspace import Workspace, new_workspace
from tests.processes import PATIENCE, processes, wait_for
from tests.stress.slurm import Cluster, slurm_cluster

LAUNCHERS = "launchers: {others: srun -u -n1 -c1}\n"

KEY = "rn_web_broad"
TRAINING = ("dvc", "repro", "--single-item", "--force", f"pretrain@{KEY}")
STEPS = 25

EDITS = (
    ("interpreting_clip/training/callbacks.py", "seconds: float = 60.0", "seconds: float = 0.0"),
    (
        "interpreting_clip/training/callbacks.py",
        "        ended = time.monotonic()\n",
        "        while (SCRATCH / 'hold').exists():\n            time.sleep(0.01)\n"
        "        ended = time.monotonic()\n",
    ),
    ("runner/launcher.py", "INTERVAL = 5.0", "INTERVAL = 0.1"),
)
"""A checkpoint at every point of the curve, where a training can be held so that it is not done
before it is killed; a job soon sees its successor."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


def edited(folder: Path) -> Workspace:
    """Return a clone with the nano study in which trainings often save checkpoints."""
    workspace = new_workspace(folder)
    for name, before, after in EDITS:
        file = workspace.folder / name
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))
    return workspace


@pytest.fixture(scope="module")
def trained(nano: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a clone with a training of some seconds, which was done here."""
    workspace = edited(tmp_path_factory.mktemp("training") / "clone")
    workspace.change("recipes.pretraining.batch_size", 48)
    for name in (".dvc/cache", "data/datasets", "data/study", "dvc.lock"):
        workspace.run("cp", "-r", str(nano.folder / name), str(workspace.folder / name))
    workspace.run("dvc", "repro", "--single-item", "code")
    workspace.run(*TRAINING)
    return workspace


@pytest.fixture
def training(trained: Workspace, cluster: Cluster) -> Iterator[Workspace]:
    """Lend a test the clone with the cluster as its launcher."""
    trained.surroundings = dict(cluster.surroundings)
    (trained.folder / "compute.yaml").write_text(LAUNCHERS)
    yield trained
    release(trained)
    for process in processes(trained.folder):
        os.kill(process, signal.SIGKILL)
    cluster.clear()


def jobs(workspace: Workspace, stage: str) -> list[int]:
    """Return the processes of a stage that a launcher has started in a workspace."""
    start = f"{sys.executable}\0-m\0stages\0{stage}\0".encode()
    found = processes(workspace.folder).items()
    return [pid for pid, line in found if line.startswith(start) and b"--launched" in line]


def has_checkpoint(workspace: Workspace) -> bool:
    return bool(list((workspace.folder / SCRATCH).glob(f"*/{FILE}")))


def log_of(workspace: Workspace) -> str:
    return workspace.folder.with_name("log").read_text()


def hold(workspace: Workspace) -> None:
    """Let trainings wait after each checkpoint, until `release`."""
    file = workspace.folder / SCRATCH / "hold"
    file.parent.mkdir(exist_ok=True)
    file.touch()


def release(workspace: Workspace) -> None:
    (workspace.folder / SCRATCH / "hold").unlink(missing_ok=True)


def begin(workspace: Workspace) -> tuple[subprocess.Popen[bytes], int]:
    """Start the training; return DVC and the job, which waits at its first checkpoint."""
    hold(workspace)
    with workspace.folder.with_name("log").open("wb") as log:
        dvc = workspace.start(*TRAINING, output=log)
    assert wait_for(lambda: has_checkpoint(workspace)), log_of(workspace)
    (job,) = jobs(workspace, "pretrain")
    return dvc, job


def go_on(workspace: Workspace) -> None:
    """Run the training again, which takes not all of its steps and ends in the same bytes."""
    whole = workspace.lock()
    release(workspace)
    require_resumed(workspace.run(*TRAINING))
    assert workspace.lock() == whole


def require_resumed(said: str) -> None:
    assert f"/{STEPS} " in said and f"| 0/{STEPS} " not in said, said


@pytest.mark.parametrize("victim", ["dvc", "srun"])
def test_a_job_ends_with_dvc_and_with_srun(cluster, training, victim):
    dvc, _ = begin(training)
    if victim == "srun":  # its own child, which looks after it, is younger
        here = processes(training.folder).items()
        os.kill(min(pid for pid, line in here if line.startswith(b"srun\0")), signal.SIGKILL)
    else:
        dvc.kill()
    assert dvc.wait(PATIENCE)
    assert wait_for(lambda: not processes(training.folder)), processes(training.folder)
    assert wait_for(lambda: not cluster.ask("squeue", "--noheader"))
    go_on(training)


def test_a_job_that_outlives_its_host_gives_way_to_the_next_run(cluster, training):
    """A host that fails takes `srun` with it, which cannot tell the job any more."""
    dvc, job = begin(training)
    os.kill(job, signal.SIGSTOP)  # it cannot see yet that the next run comes
    whole, here = training.lock(), processes(training.folder).keys() - {job}
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in here:
            os.kill(process, number)
    dvc.wait(PATIENCE)
    log = training.folder.with_name("log")
    with log.open("wb") as stream:
        again = training.start(*TRAINING, output=stream)
    waiting = f"pretrain@{KEY}: waiting for the end of process {job} on ".encode()
    assert wait_for(lambda: waiting in log.read_bytes()), log.read_text()
    os.kill(job, signal.SIGCONT)
    while job in processes(training.folder):
        assert again.poll() is None and b"step" not in log.read_bytes()
        time.sleep(0.01)
    release(training)
    assert again.wait(PATIENCE) == 0
    require_resumed(log.read_text())
    assert training.lock() == whole
