"""The modules that open_clip builds of a backbone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from stages.encoders.backbone import Backbone, ModifiedResNet
from stages.encoders.open_clip_classes import import_open_clip


def build_clip(backbone: Backbone, words: int, seed: int) -> nn.Module:
    """Return open_clip's `CLIP` of a backbone with a vocabulary of `words` tokens, initialised."""
    open_clip = import_open_clip()
    text = open_clip.CLIPTextCfg(
        context_length=backbone.text.context,
        vocab_size=words,
        width=backbone.text.width,
        heads=backbone.text.heads,
        layers=backbone.text.layers,
    )
    with seeded(seed):
        return open_clip.CLIP(
            backbone.embedding, vision_config(backbone), text, quick_gelu=backbone.quick_gelu
        )


def build_visual(backbone: Backbone, seed: int) -> nn.Module:
    """Return the image tower of a backbone alone, initialised as `build_clip` initialises it."""
    build = import_open_clip().model._build_vision_tower
    with seeded(seed):
        return build(backbone.embedding, vision_config(backbone), backbone.quick_gelu)


def vision_config(backbone: Backbone) -> object:
    """Return the image tower's configuration in open_clip's terms."""
    vision = backbone.vision
    sizes = (
        {"layers": list(vision.layers)}
        if isinstance(vision, ModifiedResNet)
        else {"layers": vision.layers, "patch_size": vision.patch}
    )
    return import_open_clip().CLIPVisionCfg(
        image_size=backbone.image_size, width=vision.width, head_width=vision.head_width, **sizes
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator for a block and put its state back after it.

    `torch.manual_seed` would import TorchDynamo, 0.7 s; the generator's own method does not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
