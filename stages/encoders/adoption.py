"""Encoders made of weights that were trained elsewhere."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from stages.encoders.architecture import OpenClipConfig
from stages.encoders.backbone import TimmModel, TorchvisionModel
from stages.encoders.classifier import Classifier
from stages.encoders.encoder import Encoder, clip_encoder, new_card
from stages.encoders.library_models import build_library_model
from stages.encoders.open_clip_classes import import_open_clip
from stages.encoders.open_clip_models import needs_timm
from stages.encoders.representation import measured_representation
from stages.encoders.state import copy_state
from stages.encoders.tower import Facts, build_tower
from stages.storage.errors import InputError

WHY = "the weights are of another architecture: name the backbone that they belong to"

DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""What the names in torchvision's files of DenseNets have where its modules have no dot."""

Weights = Mapping[str, torch.Tensor]


def adopt(
    architecture: OpenClipConfig | TorchvisionModel | TimmModel, weights: Weights, source: str
) -> Encoder:
    """Return an encoder of an architecture with given weights.

    Weights of a CLIP's image tower with a linear `head` are a classifier, as `finetune` writes it;
    whole CLIPs have open_clip's names, classifiers those of their library.

    Raises
    ------
    InputError
        The weights are not of this architecture: names the first that differs.
    """
    if not isinstance(architecture, OpenClipConfig):
        return library_classifier(architecture, weights, source)
    if "head.weight" in weights:
        return clip_classifier(architecture, weights, source)
    return whole_clip(architecture, weights, source)


def whole_clip(architecture: OpenClipConfig, weights: Weights, source: str) -> Encoder:
    """Return a CLIP of open_clip with both its towers."""
    encoder = clip_encoder(architecture, None, 0)
    copy_state(encoder.module, open_clip_names(encoder.module, architecture, weights), source, WHY)
    return encoder


def open_clip_names(
    module: Any, architecture: OpenClipConfig, weights: Weights
) -> dict[str, torch.Tensor]:
    """Return weights under the names of open_clip's module, from older or other names.

    open_clip's own loading does the same; what it does beyond that, to fit weights to another
    size, is left out.
    """
    open_clip = import_open_clip(timm=needs_timm(architecture))
    named = dict(open_clip.convert.convert_state_dict(module, dict(weights)))
    if "positional_embedding" in named and not hasattr(module, "positional_embedding"):
        named = open_clip.model.convert_to_custom_text_state_dict(named)
    return named


def clip_classifier(architecture: OpenClipConfig, weights: Weights, source: str) -> Encoder:
    """Return the image tower of a CLIP with a linear head; one without bias is on unit features."""
    visual, facts = build_tower(architecture, 0)
    classes = imagenet_classes(len(weights["head.weight"]), source)
    module = Classifier(visual, facts.width, len(classes), "head.bias" not in weights)
    card = new_card(facts, kind="classifier", normalize_features=module.normalize, classes=classes)
    copy_state(module, weights, source, WHY)
    return Encoder(card, module)


def library_classifier(
    architecture: TorchvisionModel | TimmModel, weights: Weights, source: str
) -> Encoder:
    """Return a classifier of torchvision or timm with its own head."""
    model = build_library_model(architecture, 0)
    prefix = f"{model.head_name}."
    named = {
        f"head.{name.removeprefix(prefix)}" if name.startswith(prefix) else f"visual.{name}": value
        for name, value in weights.items()
    }
    rows = named.get("head.weight", model.head.weight)
    classes = imagenet_classes(len(rows), source)
    if model.head.bias is None:
        named.setdefault("head.bias", torch.zeros(len(rows)))
    module = Classifier(model.tower, model.head.in_features, len(classes), normalize=False)
    copy_library_state(module, named, source)
    representation = measured_representation(model.tower, model.preprocess.size)
    facts = Facts(architecture, model.head.in_features, representation, model.preprocess)
    card = new_card(facts, kind="classifier", normalize_features=False, classes=classes)
    return Encoder(card, module)


def copy_library_state(module: Classifier, weights: Weights, source: str) -> None:
    """Copy weights of torchvision or timm as their own loading does, older forms included.

    torchvision's ViTs and DenseNets were published under names that their modules no longer have,
    its oldest files lack the counters of batch norms, and timm's Swins hold buffers that are now
    computed. Modules that know their older names take them.

    Raises
    ------
    InputError
        As `copy_state`.
    """
    computed = dict(module.named_buffers()).keys() - module.state_dict().keys()
    named = {
        DENSE_LAYER.sub(r"\1\2", name): value
        for name, value in weights.items()
        if name not in computed
    }
    try:
        module.load_state_dict(named)
    except (RuntimeError, ValueError):
        copy_state(module, named, source, WHY)  # which says what differs, in our words


def imagenet_classes(rows: int, source: str) -> list[str]:
    """Return open_clip's names of ImageNet's classes, in the order of every ImageNet classifier.

    Raises
    ------
    InputError
        The head has another number of rows than ImageNet has classes.
    """
    names = import_open_clip().IMAGENET_CLASSNAMES
    if rows != len(names):
        raise InputError(
            f"{source}: expected a head with a row for each of ImageNet's {len(names):,} classes, "
            f"got {rows:,}; choose a classifier of ImageNet-1k"
        )
    return list(names)
