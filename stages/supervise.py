"""Stage `supervise`: a classifier from scratch on labelled images."""

from pathlib import Path

from stages.config.encoders import AnyBackbone
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.trainings import Supervise, TrainingRecipe
from stages.datasets.shards import open_shards
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    from stages.encoders.encoder import save_encoder
    from stages.training.callbacks import training_callbacks
    from stages.training.supervised import supervise

    params, machine = Params(), read_machine()
    item = params.read(f"supervise.{key}", Supervise)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    with (
        open_shards(Path("data/datasets") / item.dataset) as data,
        training_callbacks(
            key, machine.device, recipe, item.label_smoothing, backbone, data.card
        ) as callbacks,
    ):
        encoder = supervise(
            recipe,
            backbone,
            data,
            data.classes,
            classes=data.card.classes,
            label_smoothing=item.label_smoothing,
            callbacks=callbacks,
            device=machine.device,
            workers=machine.workers,
        )
    save_encoder(Path("data/weights") / key, encoder)


if __name__ == "__main__":
    launch(main)
