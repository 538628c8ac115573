"""Stage `interpolate`: an encoder between a zero-shot CLIP and its finetuned version."""

import torch

from interpreting_clip.encoders.encoder import load_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import Interpolation, Templates, Threads
from interpreting_clip.encoders.heads import classifier_from_clip, interpolate, zero_shot_head
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import write_json
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s weights, and `ready.json` in place of a training curve."""
    torch.set_num_threads(params.read("threads", Threads).inference)
    item = params.read(f"interpolate.{key}", Interpolation)
    templates = params.read("heads.zero_shot.templates", Templates)
    first, second = inputs[f"data/weights/{item.first}"], inputs[f"data/weights/{item.second}"]
    clip, finetuned = load_encoder(first), load_encoder(second)
    clip.module.to(read_machine().device)
    classes = finetuned.card.classes
    if not classes:
        raise InputError(
            f"interpolate.{key}.second: '{item.second}' is no classifier; name a finetuned version "
            f"of '{item.first}'"
        )
    with error_context(first):
        start = classifier_from_clip(clip, zero_shot_head(clip, classes, templates), classes)
    save_encoder(outputs[f"data/weights/{key}"], interpolate(start, finetuned, item.alpha))
    write_json(outputs[f"data/training/{key}"] / "ready.json", {})
