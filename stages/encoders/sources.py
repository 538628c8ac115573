"""Encoders that need no training here, from each source."""

import json
from collections.abc import Mapping
from dataclasses import replace as with_parts
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from stages.encoders.adoption import adopt
from stages.encoders.architecture import OpenClipConfig
from stages.encoders.arrival import Arrived, arrive
from stages.encoders.backbone import AnyBackbone, Backbone, OpenClipModel, TimmModel
from stages.encoders.card import Origin
from stages.encoders.encoder import Encoder, initialise
from stages.encoders.library_models import torchvision_preprocess
from stages.encoders.locations import location_of, torchvision_weights
from stages.encoders.open_clip_classes import import_open_clip
from stages.encoders.open_clip_models import HUB, resolve, supported
from stages.encoders.preprocess import FILTERS, Preprocess
from stages.encoders.weight_files import read_weights
from stages.settings.weights import OpenClip, Timm, Torchvision, Untrained, WeightsEntry
from stages.storage.errors import InputError
from stages.storage.machine import Machine
from stages.transfer.hub import fetch_file

CONFIG = "open_clip_config.json"
"""What a repository of the hub says of its model: how it is built, and how images are prepared."""


def bring_encoder(item: WeightsEntry, backbone: AnyBackbone, machine: Machine) -> Encoder:
    """Return the encoder of an entry in `weights:`, its own preprocessing on its card.

    Raises
    ------
    InputError
        The library does not know the names; or the weights cannot be had, are damaged, are not
        those of the backbone, or would have to be executed.
    """
    location = location_of(item, backbone)
    if isinstance(item, Untrained) or location is None:
        return initialise(backbone, item.seed)  # pyright: ignore
    if isinstance(backbone, Backbone):
        raise InputError(
            "weights: a CLIP by its sizes (`kind: clip`) has a vocabulary, which no checkpoint "
            "holds; name a backbone of the kind open_clip, torchvision or timm"
        )
    arrived = arrive(location, machine)
    encoder = arrived_encoder(item, backbone, arrived, machine)
    origin = Origin(
        source=item.__struct_config__.tag,  # pyright: ignore
        location=arrived.location,
        sha256=arrived.sha256,
        tag=getattr(item, "tag", None),
        revision=arrived.revision,
    )
    return with_parts(encoder, card=replace(encoder.card, origin=origin))


def arrived_encoder(
    item: WeightsEntry, backbone: Any, arrived: Arrived, machine: Machine
) -> Encoder:
    """Return the encoder of weights that are here, its images prepared as its source says."""
    weights = read_weights(arrived.file, arrived.location)
    if isinstance(item, Timm):
        tagged = TimmModel(model=f"{backbone.model}.{item.tag}")
        return adopt(tagged, weights, arrived.location)
    if isinstance(item, Torchvision):
        encoder = adopt(backbone, weights, arrived.location)
        transforms = torchvision_weights(item, backbone).transforms()
        return prepared(encoder, torchvision_preprocess(transforms))
    if not isinstance(backbone, OpenClipModel):
        return adopt(backbone, weights, arrived.location)
    architecture, settings = open_clip_settings(item, backbone, arrived, machine)
    encoder = adopt(architecture, weights, arrived.location)
    size = encoder.card.preprocess.size
    return prepared(encoder, open_clip_preprocess(settings, size, backbone.model))


def prepared(encoder: Encoder, preprocess: Preprocess) -> Encoder:
    """Return an encoder that sees images prepared so."""
    return with_parts(encoder, card=replace(encoder.card, preprocess=preprocess))


def open_clip_settings(
    item: WeightsEntry, backbone: OpenClipModel, arrived: Arrived, machine: Machine
) -> tuple[OpenClipConfig, Mapping[str, Any]]:
    """Return a model's configuration and what open_clip says of its images."""
    if backbone.model.startswith(HUB):
        return hub_settings(backbone.model, arrived, machine)
    tag = item.tag if isinstance(item, OpenClip) else None
    found = import_open_clip().pretrained.get_pretrained_cfg(backbone.model, tag or "")
    return resolve(backbone), found


def hub_settings(
    name: str, arrived: Arrived, machine: Machine
) -> tuple[OpenClipConfig, Mapping[str, Any]]:
    """Return what a repository of the hub says of its model, at the commit of its weights.

    Raises
    ------
    InputError
        It says nothing, or nothing legal.
    """
    if arrived.revision is None:
        raise InputError(f"weights: '{name}' lies on the hub; use `source: open_clip` for it")
    repository = name.removeprefix(HUB)
    downloads = Path(machine.downloads)
    file = fetch_file(repository, CONFIG, arrived.revision, "model", downloads)
    try:
        tree = json.loads(file.read_bytes())
        return supported(name, tree["model_cfg"]), tree.get("preprocess_cfg", {})
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{repository}@{arrived.revision}: {CONFIG} is no configuration of open_clip "
            f"({type(error).__name__}: {error}); choose another repository"
        ) from None


def open_clip_preprocess(settings: Mapping[str, Any], size: int, name: str) -> Preprocess:
    """Return how open_clip prepares images for weights; it fills gaps with OpenAI's values.

    Raises
    ------
    InputError
        Images would be padded, or scaled by another filter than ours.
    """
    constants = import_open_clip().constants
    modes = {"shortest": "crop", "squash": "squash"}
    mode = settings.get("resize_mode") or "shortest"
    interpolation = settings.get("interpolation") or "bicubic"
    if mode not in modes or interpolation not in FILTERS:
        raise InputError(
            f"weights: '{name}' prepares images with resize_mode {mode!r} and interpolation "
            f"{interpolation!r}; supported are {', '.join(modes)} and {', '.join(FILTERS)}"
        )
    return Preprocess(
        size=size,
        mean=tuple(settings.get("mean") or constants.OPENAI_DATASET_MEAN),
        std=tuple(settings.get("std") or constants.OPENAI_DATASET_STD),
        interpolation=interpolation,
        mode=modes[mode],  # pyright: ignore
    )
