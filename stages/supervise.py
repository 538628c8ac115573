"""Stage `supervise`: a classifier from scratch on labelled images."""

from pathlib import Path

from interpreting_clip.config.encoders import AnyBackbone
from interpreting_clip.config.params import Params
from interpreting_clip.config.trainings import Supervise, TrainingRecipe
from interpreting_clip.datasets.shards import open_shards
from runner.machine import read_machine
from runner.outputs import open_outputs


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    from interpreting_clip.encoders.encoder import classifier_encoder
    from interpreting_clip.loading.processes import own_machine, run_in_processes
    from interpreting_clip.training.callbacks import save_training, training_callbacks
    from interpreting_clip.training.supervised import train_classifier

    params, machine = Params(), read_machine()
    if run_in_processes(machine, "stages", "supervise", key):
        return
    machine = own_machine(machine)
    item = params.read(f"supervise.{key}", Supervise)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    folder = Path("data/datasets") / item.dataset
    inputs = open_outputs(folder)
    with (
        open_shards(folder) as data,
        training_callbacks(
            key, machine.device, recipe, item.label_smoothing, backbone, inputs.outputs
        ) as callbacks,
    ):
        # The tower is a CLIP's, so that encoders differ only in their training (Crabbé et al.
        # 2024). Its features go into the head as they are, not normalised.
        encoder = classifier_encoder(
            backbone, data.card.classes, recipe.seed, normalize_features=False
        )
        train_classifier(
            encoder,
            recipe,
            data,
            data.classes,
            label_smoothing=item.label_smoothing,
            callbacks=callbacks,
            device=machine.device,
            workers=machine.workers,
        )
    save_training(key, encoder, inputs)
