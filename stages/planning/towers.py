"""What an architecture costs, counted on tensors without memory: nothing is built or downloaded."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from stages.encoders.backbone import AnyBackbone, Backbone, OpenClipModel
from stages.encoders.encoder import clip_encoder, initialise
from stages.encoders.layers import layer_modules
from stages.encoders.open_clip_models import HUB
from stages.encoders.vocabulary import Vocabulary
from stages.planning.amounts import UNKNOWN, Amount, about
from stages.storage.errors import InputError

WORDS = 100
"""Words of a vocabulary that is made of captions, which nobody has read yet: a guess."""


@dataclass(frozen=True)
class Cost:
    """An architecture's sizes, and the floating-point operations of one forward pass.

    A multiplication and an addition are two operations; those of matrix products and convolutions
    are counted. `parameters` and `image` are the image tower's, `text_parameters` and `text` (of
    one prompt) the text tower's, zero without one. `layers` are those that CKA compares.
    """

    parameters: Amount
    text_parameters: Amount
    image: Amount
    text: Amount
    width: Amount
    layers: Amount


UNMEASURED = Cost(*[UNKNOWN] * 6)
"""An architecture whose configuration lies on the hub: it is known once it is downloaded."""


@cache
def cost(backbone: AnyBackbone) -> Cost:
    """Return what an architecture costs; unknown where it lies on the hub with its weights.

    Raises
    ------
    InputError
        The library has no such model, or it is not supported.
    """
    if isinstance(backbone, OpenClipModel) and backbone.model.startswith(HUB):
        return UNMEASURED
    with torch.device("meta"):
        encoder = initialise(backbone, 0)
        side = encoder.card.preprocess.size
        operations = counted(encoder.visual, torch.empty(1, 3, side, side))
        text_parameters, text = text_cost(backbone)
    return Cost(
        parameters=Amount(parameters(encoder.visual)),
        text_parameters=text_parameters,
        image=Amount(operations),
        text=text,
        width=Amount(encoder.card.feature_width),
        layers=Amount(len(layer_modules(encoder))),
    )


def text_cost(backbone: AnyBackbone) -> tuple[Amount, Amount]:
    """Return the parameters of a text tower and the operations of one prompt; of none, nothing."""
    if not isinstance(backbone, Backbone | OpenClipModel):
        return Amount(0), Amount(0)
    words = Vocabulary([f"word{i}" for i in range(WORDS)])
    clip = clip_encoder(backbone, words, 0)
    rest = parameters(clip.module) - parameters(clip.visual)
    known = Amount if isinstance(backbone, OpenClipModel) else about
    tokens = torch.zeros(1, context_length(clip.module), dtype=torch.long)
    return known(rest), Amount(counted(TextTower(clip.module), tokens))


class TextTower(nn.Module):
    """A CLIP from the side of its text."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, tokens: object) -> object:
        """Return the embeddings of tokens."""
        return self.clip.encode_text(tokens)  # pyright: ignore


def context_length(clip: nn.Module) -> int:
    """Return the tokens of a prompt, which is filled up to the text tower's full length.

    Raises
    ------
    InputError
        The CLIP does not say.
    """
    for module in (clip, getattr(clip, "text", None)):
        if (length := getattr(module, "context_length", None)) is not None:
            return int(length)
    raise InputError(f"{type(clip).__name__} does not say how many tokens its text tower sees")


def parameters(module: nn.Module) -> int:
    """Return the number of weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def counted(module: nn.Module, batch: object) -> int:
    """Return the operations of a forward pass.

    Gradients stay on, for without them torch fuses attention into one operation that is not
    counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module.eval()(batch)
    return counter.get_total_flops()
