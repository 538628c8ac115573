"""Stage `weights`: bring in one encoder that needs no training here."""

from pathlib import Path

from stages.encoders.backbone import AnyBackbone
from stages.settings.weights import WeightsEntry
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params
from stages.storage.results import write_json


def main(key: str) -> None:
    """Write encoder `key`'s weights, and that it came ready: it has no training curve."""
    from stages.encoders.encoder import save_encoder
    from stages.encoders.sources import bring_encoder

    params, machine = Params(), read_machine()
    item = params.read(f"weights.{key}", WeightsEntry)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    save_encoder(Path("data/weights") / key, bring_encoder(item, backbone, machine))
    write_json(Path("data/training") / key / "ready.json", {})


if __name__ == "__main__":
    launch(main)
