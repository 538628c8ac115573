"""Stage `supervise`: a classifier from scratch on labelled images."""

from pathlib import Path

from stages.datasets.shards import open_shards
from stages.encoders.backbone import AnyBackbone
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params
from stages.training.recipes import Supervise, TrainingRecipe


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    from stages.encoders.encoder import save_encoder
    from stages.training.supervised import supervise
    from stages.training.watched import watched

    params, machine = Params(), read_machine()
    item = params.read(f"supervise.{key}", Supervise)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    with (
        open_shards(Path("data/datasets") / item.dataset) as data,
        watched(key, recipe, item.label_smoothing, backbone, data.card) as watch,
    ):
        encoder = supervise(
            recipe,
            backbone,
            data,
            data.classes,
            classes=data.card.classes,
            label_smoothing=item.label_smoothing,
            watch=watch,
            device=machine.device,
            workers=machine.workers,
        )
    save_encoder(Path("data/weights") / key, encoder)


if __name__ == "__main__":
    launch(main)
