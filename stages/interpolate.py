"""Stage `interpolate`: an encoder between a zero-shot CLIP and its finetuned version."""

from pathlib import Path

from stages.config.encoders import Interpolation, Templates, Threads
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.files.json import write_json
from stages.files.outputs import new_output, open_outputs
from stages.runtime.errors import InputError, error_context


def main(key: str) -> None:
    """Write encoder `key`'s weights, and `ready.json` in place of a training curve."""
    import torch

    from stages.encoders.encoder import load_encoder, save_encoder
    from stages.encoders.heads import classifier_from_clip, zero_shot_head
    from stages.encoders.interpolation import interpolate

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
