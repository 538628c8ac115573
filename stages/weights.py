"""Stage `weights`: bring in one encoder that needs no training here."""

from pathlib import Path

from stages.config.encoders import AnyBackbone, WeightsEntry
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.files.json import write_json
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Write encoder `key`'s weights, and that it came ready: it has no training curve."""
    from stages.encoders.encoder import save_encoder
    from stages.encoders.weights import bring_encoder

    params, machine = Params(), read_machine()
    item = params.read(f"weights.{key}", WeightsEntry)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    save_encoder(Path("data/weights") / key, bring_encoder(item, backbone, machine))
    write_json(Path("data/training") / key / "ready.json", {})


if __name__ == "__main__":
    launch(main)
