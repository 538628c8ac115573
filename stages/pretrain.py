"""Stage `pretrain`: a CLIP from scratch on captioned images."""

from pathlib import Path

from interpreting_clip.config.encoders import AnyBackbone
from interpreting_clip.config.params import Params
from interpreting_clip.config.trainings import Pretrain, TrainingRecipe
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import InputError
from runner.machine import read_machine
from runner.outputs import open_outputs


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    from interpreting_clip.loading.processes import own_machine, run_in_processes
    from interpreting_clip.training.callbacks import save_training, training_callbacks
    from interpreting_clip.training.contrastive import pretrain

    params, machine = Params(), read_machine()
    if run_in_processes(machine, "stages", "pretrain", key):
        return
    machine = own_machine(machine)
    item = params.read(f"pretrain.{key}", Pretrain)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    folder = Path("data/datasets") / item.dataset
    inputs = open_outputs(folder)
    with (
        open_shards(folder) as data,
        training_callbacks(key, machine.device, recipe, backbone, inputs.outputs) as callbacks,
    ):
        if data.captions is None:
            raise InputError(
                f"{folder}: pretrain.{key} needs a captioned dataset, this has no captions"
            )
        encoder = pretrain(
            recipe,
            backbone,
            data,
            data.captions,
            callbacks=callbacks,
            device=machine.device,
            workers=machine.workers,
        )
    save_training(key, encoder, inputs)
