"""A training step and a short training, in one of several processes; started by the tests."""

import json
import os
import signal
import sys
from pathlib import Path

import msgspec
import numpy as np
import torch

from interpreting_clip.errors import InputError
from interpreting_clip.loading.processes import add_up, is_first, place
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.loop import gradients, train
from interpreting_clip.training.pieces import add_up_in_buckets, averaged_statistics, cut, own_rows
from interpreting_clip.training.recipes import TrainingRecipe
from runner.machine_settings import Machine
from runner.process import launch, leave
from runner.torchrun import run_in_processes
from tests.unit.training.conftest import IMAGES, small_case


def main(folder: str) -> None:
    """Compute a batch's gradient, then train; the first process writes its results."""
    task = json.loads((Path(folder) / "task.json").read_text())
    if task["processes"] > 1 and run_in_processes(
        Machine(processes=task["processes"]), "tests.stress.training_step", folder, resumes=True
    ):
        return
    if task.get("fault"):
        add_up([torch.zeros(1)])  # all are connected, or torch itself would report who is missing
    if place().rank == 1 and task.get("fault") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if place().rank == 1 and task.get("fault") == "refused":
        raise InputError("rn: a broken image")
    recipe = msgspec.convert(task["recipe"], TrainingRecipe)
    encoder, objective = small_case(task["tower"], task["objective"])
    module = encoder.module.train()
    own = IMAGES[own_rows(12, recipe.pieces)]
    with averaged_statistics(module, recipe.pieces):
        found = objective(cut(np.arange(12), own, recipe, 0))
    add_up_in_buckets(gradients(module))
    tensors = {f"gradient {name}": p.grad for name, p in module.named_parameters()}
    tensors |= {f"buffer {name}": buffer.clone() for name, buffer in module.named_buffers()}
    tensors |= {"loss": found[0], "correct": found[1]}
    module.zero_grad()
    points = []
    callbacks = Callbacks(log=points.append if is_first() else None)
    train(module, objective, IMAGES, encoder.card.preprocess, recipe, callbacks=callbacks)
    tensors |= {f"trained {name}": value for name, value in module.state_dict().items()}
    if is_first():
        torch.save((tensors, points), Path(folder) / "found.pt")
    if place().size > 1:
        leave()  # as a stage's processes do


if __name__ == "__main__":
    launch(main, *sys.argv[1:])
