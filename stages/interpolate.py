"""Stage `interpolate`: an encoder between a zero-shot CLIP and its finetuned version."""

from pathlib import Path

from stages.settings.heads import Templates
from stages.settings.interpolate import Interpolation
from stages.settings.threads import Threads
from stages.storage.errors import InputError, about
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params
from stages.storage.results import write_json


def main(key: str) -> None:
    """Write encoder `key`'s weights, and that it came ready: it has no training curve."""
    import torch

    from stages.encoders.clip_classifier import classifier_from_clip
    from stages.encoders.encoder import load_encoder, save_encoder
    from stages.encoders.interpolation import interpolate
    from stages.encoders.zero_shot_head import zero_shot_head

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    item = params.read(f"interpolate.{key}", Interpolation)
    templates = params.read("heads.zero_shot.templates", Templates)
    weights = Path("data/weights")
    clip, finetuned = load_encoder(weights / item.first), load_encoder(weights / item.second)
    clip.module.to(read_machine().device)
    classes = finetuned.card.classes
    if not classes:
        raise InputError(
            f"interpolate.{key}.second: '{item.second}' is no classifier; name a finetuned version "
            f"of '{item.first}'"
        )
    with about(weights / item.first):
        first = classifier_from_clip(clip, zero_shot_head(clip, classes, templates), classes)
    save_encoder(weights / key, interpolate(first, finetuned, item.alpha))
    write_json(Path("data/training") / key / "ready.json", {})


if __name__ == "__main__":
    launch(main)
