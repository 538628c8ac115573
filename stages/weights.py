"""Stage `weights`: bring in one encoder that needs no training here."""

from pathlib import Path

from stages.encoders.backbone import Backbone
from stages.settings.weights import Untrained
from stages.storage.launch import launch
from stages.storage.params import Params
from stages.storage.results import write_json


def main(key: str) -> None:
    """Write encoder `key`'s weights, and that it came ready: it has no training curve."""
    from stages.encoders.encoder import initialise, save_encoder

    params = Params()
    item = params.read(f"weights.{key}", Untrained)
    backbone = params.read(f"backbones.{item.backbone}", Backbone)
    save_encoder(Path("data/weights") / key, initialise(backbone, item.seed))
    write_json(Path("data/training") / key / "ready.json", {})


if __name__ == "__main__":
    launch(main)
