"""A training whose process is killed goes on where it was, and ends in the very same bytes."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.training.callbacks import FILE, SCRATCH
from tests.pipeline.refusals import change
from tests.reads import folder_digests, run_stage

KEY = "killed"

STAGE = """
import runpy, sys
from functools import partial
import interpreting_clip.kernels as kernels

def use_kernels(chosen, use=kernels.use_kernels):
    use(chosen)  # before torch is imported
    import interpreting_clip.training.callbacks as callbacks
    callbacks.Checkpoint = partial(callbacks.Checkpoint, seconds=0.0)  # at every point of the curve

kernels.use_kernels = use_kernels
sys.argv[1:] = ["pretrain", "killed"]
runpy.run_module("stages", run_name="__main__", alter_sys=True)
"""
"""Does what `python -m stages pretrain killed` does."""


def start() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STAGE]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def results() -> dict[str, dict[str, str]]:
    """Return the digests of the weights and of the curve."""
    return {name: folder_digests(Path("data") / name / KEY) for name in ("weights", "training")}


def remove_results() -> None:
    """Do as DVC does before it runs a stage."""
    for name in ("weights", "training"):
        for folder in (KEY, f"{KEY}.partial"):
            shutil.rmtree(Path("data") / name / folder, ignore_errors=True)


def declare(**recipe: Any) -> None:
    """Write the training into the study, with a recipe of 40 steps."""
    shared = load_tree(Path("params.yaml"))["recipes"]["pretraining"]
    change(recipes={KEY: shared | recipe | {"batch_size": 16, "epochs": 20}})
    change(pretrain={KEY: {"recipe": KEY, "backbone": "rn", "dataset": "web_broad"}})


def kill() -> None:
    """Start the training and kill it once it has a checkpoint."""
    killed = start()
    while not list(SCRATCH.glob(f"*/{FILE}")) and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    assert list(SCRATCH.glob(f"*/{FILE}"))
    assert not (Path("data/weights") / KEY).exists()
    remove_results()


def go_on() -> None:
    """Start the training again, which takes not all of its steps and leaves no checkpoint."""
    again = start()
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "/40 " in said and "| 0/40 " not in said
    assert {path.name for path in SCRATCH.iterdir()} <= {"computed", "seconds", "tmp"}


def test_a_killed_training_goes_on_bit_for_bit(study):
    declare(augmentation={"smallest_crop": 0.8, "flip": 0.5})
    run_stage("pretrain", KEY)
    whole = results()
    assert all(whole.values())
    remove_results()
    kill()
    go_on()
    assert results() == whole


def test_a_killed_training_goes_on_in_more_processes(study, monkeypatch):
    declare(pieces=2)
    run_stage("pretrain", KEY)
    file = Path("data/weights") / KEY / "weights.safetensors"
    whole = load_file(file)
    remove_results()
    kill()
    monkeypatch.setenv("INTERPRETING_CLIP_PROCESSES", "2")
    go_on()
    for name, weight in load_file(file).items():
        torch.testing.assert_close(weight, whole[name], rtol=1e-3, atol=1e-4)
