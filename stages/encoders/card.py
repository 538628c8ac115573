"""What an encoder is, beside its weights: `encoder.json`."""

from contextlib import ExitStack
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import nn

from stages.config.encoders import Backbone, TimmModel, TorchvisionModel
from stages.config.quantities import Count
from stages.encoders.preprocess import Preprocess


class OpenClipConfig(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="open_clip_config",
):
    """A model of open_clip by its configuration, in open_clip's own keys.

    A later open_clip may change what a name of its zoo stands for; the configuration beside the
    weights does not change. `model` is the name that it was found under.
    """

    model: str
    config: dict[str, Any]


Architecture = Backbone | OpenClipConfig | TorchvisionModel | TimmModel
"""The architecture of an encoder; its `kind` says which."""


Representation = Literal["linear", "rectified"]
"""How features end; the kurtoses of the two kinds are never ranked in one list."""

ACTIVATIONS = ("torch.nn.modules.activation", "timm.layers.activations")
"""The modules whose classes are activations, but for the attention among the first."""


def measured_representation(tower: nn.Module, size: int) -> Representation:
    """Say how the features of a tower end, from a forward pass of two random images.

    Features are `rectified` when the last module that is not mere pooling, reshaping or dropout
    is an activation (ReLU, SiLU, Hardswish, …), or when none of them is below zero, which
    betrays a ReLU that is called as a function. They are `linear` when that module has weights:
    a norm, a projection, a convolution. On the meta device there are no numbers to look at, and
    only the modules count.
    """
    calls: list[nn.Module] = []
    device = next(tower.parameters()).device
    images = np.random.default_rng(0).standard_normal((2, 3, size, size), np.float32)
    training = tower.training
    with ExitStack() as hooks, torch.inference_mode():
        for module in tower.modules():
            if not any(True for _ in module.children()):
                hook = module.register_forward_hook(lambda module, *_: calls.append(module))
                hooks.callback(hook.remove)
        features = tower.eval()(torch.from_numpy(images).to(device))
    tower.train(training)
    positive = not features.is_meta and bool((features >= 0).all())
    return "rectified" if positive or ends_in_activation(calls) else "linear"


def ends_in_activation(calls: list[nn.Module]) -> bool:
    """Say whether an activation was called after the last module that has weights."""
    for module in reversed(calls):
        if is_activation(module):
            return True
        if any(True for _ in module.parameters()):
            return False
    return False


def is_activation(module: nn.Module) -> bool:
    """Say whether a module is an activation of torch or timm."""
    return type(module).__module__ in ACTIVATIONS and not isinstance(module, nn.MultiheadAttention)


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Where weights came from that were not made here, and the SHA-256 of the file they were in.

    `source` is the source of the entry in `weights:`, `tag` its tag; `location` the URL, the path
    or the hub's repository and file; `revision` the commit of a repository.
    """

    source: Literal["open_clip", "torchvision", "timm", "checkpoint"]
    location: str
    sha256: str
    tag: str | None = None
    revision: str | None = None


class EncoderCard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`encoder.json`: all of an encoder that is not a weight.

    `representation` says whether the features end in a linear layer or in an activation, whose
    kurtosis is high of itself. `vocabulary` is that of a CLIP trained here; one of open_clip's
    models has open_clip's tokenizer and none. `classes` are the classifier's, in the order of its
    head; an untrained encoder is a classifier without classes.
    """

    kind: Literal["clip", "classifier"]
    architecture: Architecture
    representation: Representation
    feature_width: Count
    preprocess: Preprocess
    normalize_features: bool
    vocabulary: list[str] | None
    classes: list[str] | None
    origin: Origin | None = None
