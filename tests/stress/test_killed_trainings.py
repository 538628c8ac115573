"""A training whose process is killed goes on where it was, and ends in the very same bytes."""

import importlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages import pretrain
from stages.config.syntax import load_tree
from stages.training.callbacks import FILE, SCRATCH
from tests.pipeline.refusals import change
from tests.reads import folder_digests

KEY, START = "killed", "rn_web_broad"

STAGE = """
from functools import partial
import stages.training.callbacks as callbacks
from stages.runtime.launch import launch
callbacks.Checkpoint = partial(callbacks.Checkpoint, seconds=0.0)  # one at every point of the curve
from stages.{stage} import main
launch(main, "{key}")
"""

ENTRIES = {
    "pretrain": {"backbone": "rn", "dataset": "web_broad"},
    "finetune": {"start": START, "dataset": "imagenet_val"},
    "supervise": {"backbone": "rn", "dataset": "imagenet_val", "label_smoothing": 0.1},
}


def start(stage: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STAGE.format(stage=stage, key=KEY)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def results() -> dict[str, dict[str, str]]:
    """Return the digests of the weights and of the curve."""
    return {name: folder_digests(Path("data") / name / KEY) for name in ("weights", "training")}


def remove_results() -> None:
    """Do as DVC does before it runs a stage."""
    for name in ("weights", "training"):
        shutil.rmtree(Path("data") / name / KEY, ignore_errors=True)


@pytest.mark.parametrize("stage", ENTRIES)
def test_a_killed_training_goes_on_bit_for_bit(study, stage):
    shared = load_tree(Path("params.yaml"))["recipes"]["pretraining"]
    crops = {"augmentation": {"smallest_crop": 0.8, "flip": 0.5}, "batch_size": 16}
    change(recipes={KEY: shared | crops | {"epochs": 20}})
    change(**{stage: {KEY: {"recipe": KEY} | ENTRIES[stage]}})
    if stage == "finetune":
        pretrain.main(START)
    importlib.import_module(f"stages.{stage}").main(KEY)
    whole = results()
    assert all(whole.values())
    remove_results()
    killed = start(stage)
    while not list(SCRATCH.glob(f"*/{FILE}")) and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    assert list(SCRATCH.glob(f"*/{FILE}"))
    assert not (Path("data/weights") / KEY).exists()
    remove_results()
    again = start(stage)
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "/40 " in said  # steps, of which it did not take all
    assert "| 0/40 " not in said
    assert results() == whole
    assert not list(SCRATCH.iterdir())
