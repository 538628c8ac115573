"""Stage `weights`: one encoder that needs no training here, downloaded or untrained."""

import sys

from interpreting_clip.encoders.encoder import save_encoder
from interpreting_clip.encoders.entries import AnyBackbone
from interpreting_clip.encoders.import_folder import import_folder
from interpreting_clip.encoders.state_dicts import describe_found
from interpreting_clip.encoders.weight_sources import ActivationsFolder, WeightsEntry
from interpreting_clip.encoders.weights import describe_preprocessing, find_encoder
from interpreting_clip.errors import one_line
from interpreting_clip.formats.json import write_json
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s weights or given activations; `ready.json` instead of a curve."""
    item = params.read(f"weights.{key}", WeightsEntry)
    write_json(outputs[f"data/training/{key}"] / "ready.json", {})
    if isinstance(item, ActivationsFolder):
        import_folder(item, read_machine(), outputs[f"data/weights/{key}"])
        return
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    encoder, found = find_encoder(item, backbone, read_machine())
    if found is not None:
        sys.stdout.write(f"weights: {one_line(describe_found(found))}\n")
    said = describe_preprocessing(item, encoder.card.preprocess)
    sys.stdout.write(f"preprocessing: {said}\n")
    save_encoder(outputs[f"data/weights/{key}"], encoder)
