"""Classifiers of torchvision and timm: an image tower, and the linear head taken off it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from stages.config.encoders import TimmModel, TorchvisionModel
from stages.encoders.open_clip_models import seeded
from stages.encoders.preprocess import FILTERS, Preprocess
from stages.runtime.errors import InputError, close_names

CHANGED = ("googlenet", "inception_v3")
"""The classifiers of torchvision that scale their input where they have weights."""


@dataclass(frozen=True)
class HeadlessModel:
    """A classifier whose last linear layer was taken off, and that layer, by its name."""

    tower: nn.Module
    head: nn.Linear
    head_name: str
    preprocess: Preprocess


def build_library_model(architecture: TorchvisionModel | TimmModel, seed: int) -> HeadlessModel:
    """Return a classifier's tower and head with fresh weights, as its library initialises them.

    Raises
    ------
    InputError
        The library has no such classifier, it has no linear head, or it prepares images in a way
        that is not supported.
    """
    if isinstance(architecture, TorchvisionModel):
        return build_torchvision(architecture.model, seed)
    return build_timm(architecture.model, seed)


def build_torchvision(name: str, seed: int) -> HeadlessModel:
    """Return a classifier of torchvision; it prepares images as for its first weights.

    Raises
    ------
    InputError
        As `build_library_model`.
    """
    from torchvision import models

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
    return take_head_off(
        model, linear[-1] if linear else "", name, torchvision_preprocess(transforms)
    )


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


def build_timm(name: str, seed: int) -> HeadlessModel:
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

    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise InputError(f"backbones: timm has no model '{name}'; {close_names(name, known)}")
    with seeded(seed):
        model: Any = timm.create_model(name, pretrained=False)
    head = model.get_classifier()
    names = [key for key, part in model.named_modules() if part is head]
    preprocess = timm_preprocess(name, resolve_model_data_config(model))
    return take_head_off(model, names[0] if names else "", name, preprocess)


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
    model: nn.Module, head_name: str, name: str, preprocess: Preprocess
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
            f"backbones: '{name}' does not end in one linear layer, so it has no activations "
            "that feed a head; choose another model"
        )
    parent, _, last = head_name.rpartition(".")
    setattr(model.get_submodule(parent), last, nn.Identity())
    return HeadlessModel(model, head, head_name, preprocess)
