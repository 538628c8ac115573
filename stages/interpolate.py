"""Stage `interpolate`: an encoder between a zero-shot CLIP and its finetuned version."""

from pathlib import Path

from interpreting_clip.config.encoders import Interpolation, Templates, Threads
from interpreting_clip.config.params import Params
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import write_json
from runner.machine import read_machine
from runner.outputs import new_output, open_outputs


def main(key: str) -> None:
    """Write encoder `key`'s weights, and `ready.json` in place of a training curve."""
    import torch

    from interpreting_clip.encoders.encoder import load_encoder, save_encoder
    from interpreting_clip.encoders.heads import classifier_from_clip, zero_shot_head
    from interpreting_clip.encoders.interpolation import interpolate

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    item = params.read(f"interpolate.{key}", Interpolation)
    templates = params.read("heads.zero_shot.templates", Templates)
    weights = Path("data/weights")
    inputs = open_outputs(weights / item.first, weights / item.second)
    clip, finetuned = load_encoder(weights / item.first), load_encoder(weights / item.second)
    clip.module.to(read_machine().device)
    classes = finetuned.card.classes
    if not classes:
        raise InputError(
            f"interpolate.{key}.second: '{item.second}' is no classifier; name a finetuned version "
            f"of '{item.first}'"
        )
    with error_context(weights / item.first):
        first = classifier_from_clip(clip, zero_shot_head(clip, classes, templates), classes)
    save_encoder(weights / key, interpolate(first, finetuned, item.alpha), inputs)
    with new_output(Path("data/training") / key) as out:
        write_json(out / "ready.json", {})
