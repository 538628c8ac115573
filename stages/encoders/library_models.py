"""Classifiers of torchvision and timm: an image tower, and the linear head taken off it."""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from stages.config.encoders import TimmModel, TorchvisionModel
from stages.encoders.card import Model, Representation
from stages.encoders.open_clip_models import seeded
from stages.encoders.preprocess import FILTERS, Preprocess
from stages.runtime.errors import InputError, close_names

CHANGED = ("googlenet", "inception_v3")
"""The classifiers of torchvision that scale their input where they have weights."""


@dataclass(frozen=True)
class HeadlessModel(Model):
    """A classifier without its last linear layer, and that layer with its name."""

    head: nn.Linear
    head_name: str


def build_library_model(architecture: TorchvisionModel | TimmModel, seed: int) -> HeadlessModel:
    """Return a classifier's tower and head with fresh weights, as its library initialises them.

    Raises
    ------
    InputError
        The library has no such classifier, it has no linear head, or it prepares images in a way
        that is not supported.
    """
    if isinstance(architecture, TorchvisionModel):
        return build_torchvision(architecture, seed)
    return build_timm(architecture, seed)


def build_torchvision(architecture: TorchvisionModel, seed: int) -> HeadlessModel:
    """Return a classifier of torchvision; it prepares images as for its first weights.

    Raises
    ------
    InputError
        As `build_library_model`.
    """
    from torchvision import models

    name = architecture.model
    require_torchvision_classifier(name)
    if name in CHANGED:
        raise InputError(
            f"backbones: torchvision's '{name}' is another model with its weights than without "
            "(`transform_input`), which is not supported; timm has it too"
        )
    transforms = next(iter(models.get_model_weights(name))).transforms()
    with seeded(seed):
        model = models.get_model(name, weights=None)
    linear = [key for key, part in model.named_modules() if isinstance(part, nn.Linear)]
    preprocess = torchvision_preprocess(transforms)
    return take_head_off(model, linear[-1] if linear else "", architecture, preprocess)


def require_torchvision_classifier(name: str) -> None:
    """Refuse a name that torchvision has no classifier of.

    Raises
    ------
    InputError
        Names the classifiers whose names are close.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(
            f"backbones: torchvision has no classifier '{name}'; {close_names(name, known)}"
        )


def torchvision_preprocess(transforms: Any) -> Preprocess:
    """Return the preset `ImageClassification` of torchvision's weights in our terms."""
    return Preprocess(
        size=transforms.crop_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        resize=transforms.resize_size[0],
        interpolation=transforms.interpolation.value,
    )


def build_timm(architecture: TimmModel, seed: int) -> HeadlessModel:
    """Return a classifier of timm; it prepares images as for its first weights.

    With the tag of weights after the name (`resnet50.a1_in1k`) it is built and prepares images as
    for those.

    Raises
    ------
    InputError
        As `build_library_model`.
    """
    import timm
    from timm.data.config import resolve_model_data_config

    name, known = architecture.model, timm.list_models()
    if name.partition(".")[0] not in known:
        raise InputError(f"backbones: timm has no model '{name}'; {close_names(name, known)}")
    with seeded(seed):
        model: Any = timm.create_model(name, pretrained=False)
    head = model.get_classifier()
    names = [key for key, part in model.named_modules() if part is head]
    preprocess = timm_preprocess(name, resolve_model_data_config(model))
    return take_head_off(model, names[0] if names else "", architecture, preprocess)


def timm_preprocess(name: str, config: dict[str, Any]) -> Preprocess:
    """Return timm's data configuration (`resolve_model_data_config`) in our terms.

    It is that of timm's model cards, at the size of the training. A larger `test_input_size`,
    which some weights have besides, is not used.

    Raises
    ------
    InputError
        Images would be padded, no squares, or scaled by another filter than ours.
    """
    channels, height, width = config["input_size"]
    modes: dict[str, Literal["crop", "squash"]] = {"center": "crop", "squash": "squash"}
    mode, interpolation = config["crop_mode"], config["interpolation"]
    square, padded = channels == 3 and height == width, config["crop_pct"] > 1
    if mode not in modes or interpolation not in FILTERS or not square or padded:
        raise InputError(
            f"timm's model '{name}' prepares images in a way that is not supported: {config}; "
            f"expected RGB squares, crop_mode in {', '.join(modes)}, crop_pct of 1 or less, "
            f"interpolation in {', '.join(FILTERS)}"
        )
    return Preprocess(
        size=height,
        mean=config["mean"],
        std=config["std"],
        resize=math.floor(height / config["crop_pct"]),
        interpolation=interpolation,
        mode=modes[mode],
    )


def take_head_off(
    model: nn.Module,
    head_name: str,
    architecture: TorchvisionModel | TimmModel,
    preprocess: Preprocess,
) -> HeadlessModel:
    """Put an identity in the place of a model's head.

    Raises
    ------
    InputError
        The head is no linear layer.
    """
    head = model.get_submodule(head_name)
    if not isinstance(head, nn.Linear):
        raise InputError(
            f"backbones: '{architecture.model}' does not end in one linear layer, so it has no "
            "activations that feed a head; choose another model"
        )
    parent, _, last = head_name.rpartition(".")
    setattr(model.get_submodule(parent), last, nn.Identity())
    return HeadlessModel(model, architecture, head.in_features, preprocess, head, head_name)


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
