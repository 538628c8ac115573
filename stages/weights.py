"""Stage `weights`: one encoder that needs no training here, downloaded or untrained."""

from pathlib import Path

from stages.config.encoders import AnyBackbone
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.weight_sources import WeightsEntry
from stages.files.json import write_json
from stages.files.outputs import new_output
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Write encoder `key`'s weights, and `ready.json` in place of a training curve."""
    from stages.encoders.encoder import save_encoder
    from stages.encoders.weights import build_encoder

    params, machine = Params(), read_machine()
    item = params.read(f"weights.{key}", WeightsEntry)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    save_encoder(Path("data/weights") / key, build_encoder(item, backbone, machine))
    with new_output(Path("data/training") / key) as out:
        write_json(out / "ready.json", {})


if __name__ == "__main__":
    launch(main)
