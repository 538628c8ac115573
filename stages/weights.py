"""Stage `weights`: one encoder that needs no training here, downloaded or untrained."""

import sys

from interpreting_clip.encoders.encoder import save_encoder
from interpreting_clip.encoders.encoder_entries import AnyBackbone
from interpreting_clip.encoders.weight_sources import WeightsEntry
from interpreting_clip.encoders.weights import find_encoder
from interpreting_clip.errors import one_line
from interpreting_clip.formats.json import write_json
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s weights or given activations; `ready.json` instead of a curve."""
    item = params.read(f"weights.{key}", WeightsEntry)
    machine, out = read_machine(), outputs[f"data/weights/{key}"]
    write_json(outputs[f"data/training/{key}"] / "ready.json", {})
    if item.write_arrays(machine, out):
        return
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    encoder, remarks = find_encoder(item, backbone, machine)
    for subject, text in remarks.items():
        sys.stdout.write(f"{subject}: {one_line(text)}\n")
    save_encoder(out, encoder)
