"""Stage `pretrain`: a CLIP from scratch on captioned images."""

from pathlib import Path

from stages.config.encoders import AnyBackbone
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.trainings import Pretrain, TrainingRecipe
from stages.datasets.shards import open_shards
from stages.files.outputs import open_outputs
from stages.runtime.errors import InputError


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    from stages.encoders.processes import own_machine, run_in_processes
    from stages.training.callbacks import save_training, training_callbacks
    from stages.training.contrastive import pretrain

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
