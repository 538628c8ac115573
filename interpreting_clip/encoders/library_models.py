"""Models of torchvision and timm: an image tower, and the linear head taken off it."""

import math
from contextlib import ExitStack
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from interpreting_clip.encoders.encoder_card import Model, Representation
from interpreting_clip.encoders.encoder_entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.open_clip_models import seeded
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.loading.preprocess import FILTERS, Preprocess

TRANSFORM_INPUT = ("googlenet", "inception_v3")
"""torchvision's classifiers that scale their input only if they are built with weights."""


def build_library_model(architecture: TorchvisionModel | TimmModel, seed: int) -> Model:
    """Return a classifier's tower and head with fresh weights, as its library initialises them.

    Images are preprocessed as for the first weights that the library lists for the model. A name
    of timm may carry the tag of weights (`resnet50.a1_in1k`): then as for these.

    Raises
    ------
    InputError
        The library has no such classifier, it does not end in one linear layer, or it prepares
        images in a way that is not supported.
    """
    name = architecture.model
    with seeded(seed):
        if isinstance(architecture, TorchvisionModel):
            model, head, preprocess = torchvision_classifier(name)
        else:
            model, head, preprocess = timm_classifier(name)
    if not isinstance(head, nn.Linear):
        raise InputError(
            f"backbones: '{name}' does not end in one linear layer, so it has no activations that "
            "feed a head; choose another model"
        )
    head_name = next(key for key, module in model.named_modules() if module is head)
    model.set_submodule(head_name, nn.Identity())
    return Model(model, architecture, head.in_features, preprocess, head, head_name)


def torchvision_classifier(name: str) -> tuple[nn.Module, Any, Preprocess]:
    """Return a classifier of torchvision, its last linear layer, and how it prepares images."""
    from torchvision import models

    require_torchvision_classifier(name)
    if name in TRANSFORM_INPUT:
        raise InputError(
            f"backbones: torchvision's '{name}' is another model with its weights than without "
            "(`transform_input`), which is not supported; timm has it too"
        )
    model = models.get_model(name, weights=None)
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    # The first weights that torchvision lists; an untrained tower has no preprocessing of its own.
    transforms = next(iter(models.get_model_weights(name))).transforms()
    return model, linear[-1] if linear else None, torchvision_preprocess(transforms)


def timm_classifier(name: str) -> tuple[nn.Module, Any, Preprocess]:
    """Return a model of timm, its head (drawn if its weights have none), and its preprocessing."""
    import timm
    from timm.data.config import resolve_model_data_config

    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise InputError(f"backbones: timm has no model '{name}'; {close_names(name, known)}")
    model: Any = timm.create_model(name, pretrained=False)
    if not model.num_classes:
        # Self-supervised weights have no head. One is made, to be taken off like any other: it
        # shows where a tower's features are and how many.
        model = timm.create_model(name, pretrained=False, num_classes=1)
    preprocess = timm_preprocess(name, resolve_model_data_config(model))
    return model, model.get_classifier(), preprocess


def require_torchvision_classifier(name: str) -> None:
    """Refuse a name that is not a classifier of torchvision.

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


def timm_preprocess(name: str, config: dict[str, Any]) -> Preprocess:
    """Return timm's data configuration (`resolve_model_data_config`) in our terms.

    It is the preprocessing in timm's model cards, at the training size; the larger
    `test_input_size` of some weights is not used.

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


ACTIVATIONS = ("torch.nn.modules.activation", "timm.layers.activations")
"""The modules whose classes are activations."""


def measured_representation(tower: nn.Module, size: int) -> Representation:
    """Find out how the features of a tower end, from a forward pass of two random images.

    Features are `rectified` when the last module that is not mere pooling, reshaping or dropout
    is an activation (ReLU, SiLU, Hardswish, …), or when none of them is below zero, which reveals
    a ReLU that is called as a function. They are `linear` when that module has weights: a norm, a
    projection, a convolution. On the meta device there are no numbers, and only the modules count.
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
        # In evaluation mode, since batch norms would otherwise move their statistics.
        features = tower.eval()(torch.from_numpy(images).to(device))
    tower.train(training)
    # A ReLU that is called as a function leaves no module; only its output shows it.
    if not features.is_meta and bool((features >= 0).all()):
        return "rectified"
    for module in reversed(calls):
        if type(module).__module__ in ACTIVATIONS:
            return "rectified"
        if any(True for _ in module.parameters()):
            break
    return "linear"
