"""Encoders with published weights: from an entry of `weights:` in params.yaml to the module.

`locations` says where the weights lie; here the file is downloaded, `weight_files` reads its state
dict, and the architecture that the study names takes it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_parts
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from stages.config.encoders import (
    HUB_MODEL,
    AnyBackbone,
    Backbone,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from stages.config.machine import Machine
from stages.config.weight_sources import (
    OpenClip,
    Timm,
    Torchvision,
    Untrained,
    WeightsEntry,
)
from stages.downloads.http import download
from stages.downloads.hub import download_file, repository_files
from stages.encoders.card import OpenClipConfig, Origin
from stages.encoders.encoder import (
    Classifier,
    Encoder,
    build_tower,
    clip_encoder,
    copy_state,
    initialise,
    new_card,
)
from stages.encoders.library_models import build_library_model, torchvision_preprocess
from stages.encoders.locations import (
    AtHub,
    AtPath,
    AtUrl,
    Location,
    locate_weights,
    torchvision_weights,
)
from stages.encoders.open_clip_models import named_config, needs_timm, supported_config
from stages.encoders.preprocess import FILTERS, Preprocess
from stages.encoders.weight_files import StateDict, read_state_dict
from stages.files.folders import file_digest
from stages.runtime.errors import InputError
from stages.runtime.imports import import_open_clip


def build_encoder(entry: WeightsEntry, backbone: AnyBackbone, machine: Machine) -> Encoder:
    """Return the encoder of an entry in `weights:`, its own preprocessing on its card.

    Raises
    ------
    InputError
        The library does not know the names; or the weights cannot be had, are damaged, are not
        those of the backbone, or would have to be executed.
    """
    location = locate_weights(entry, backbone)
    if isinstance(entry, Untrained) or location is None:
        return initialise(backbone, entry.seed)  # pyright: ignore
    if isinstance(backbone, Backbone):
        raise InputError(
            "weights: a CLIP by its sizes (`kind: clip`) has a vocabulary, which no checkpoint "
            "holds; name a backbone of the kind open_clip, torchvision or timm"
        )
    weights = download_weights(location, machine)
    if isinstance(backbone, OpenClipModel):
        encoder = load_from_open_clip(entry, backbone, weights, machine)
    else:
        encoder = load_from_library(entry, backbone, weights)
    origin = Origin(
        source=str(entry.__struct_config__.tag),
        location=weights.location,
        sha256=weights.sha256,
        tag=getattr(entry, "tag", None),
        revision=weights.revision,
    )
    return with_parts(encoder, card=replace(encoder.card, origin=origin))


@dataclass(frozen=True)
class DownloadedWeights:
    """A file of weights on this machine, and what its encoder's card says of it.

    `location` is the same on every machine: it names no folder of this one.
    """

    file: Path
    location: str
    sha256: str
    revision: str | None = None


def download_weights(location: Location, machine: Machine) -> DownloadedWeights:
    """Return the file at a location, downloaded if it is not on this machine.

    Raises
    ------
    InputError
        It cannot be had, or it is another file than its checksum says.
    """
    if isinstance(location, AtHub):
        return download_from_hub(location, machine)
    if isinstance(location, AtUrl):
        downloads = Path(machine.downloads)
        file = download(location.url, location.sha256, downloads, mirror=machine.mirror)
        return DownloadedWeights(file, location.url, file_digest(file))
    return verify_local_file(location, machine)


def download_from_hub(location: AtHub, machine: Machine) -> DownloadedWeights:
    """Download the first of a location's files that the repository has.

    Raises
    ------
    InputError
        It has none of them, or the file cannot be had.
    """
    listed = repository_files(location.repository, location.revision, "*", "model")
    there = {file.path: file for file in listed}
    name = next((name for name in location.files if name in there), None)
    if name is None:
        raise InputError(
            f"{location.repository}@{location.revision}: expected {' or '.join(location.files)}, "
            f"found {', '.join(list(there)[:8])}; download the weights and use `source: checkpoint`"
        )
    file = download_file(there[name], Path(machine.downloads))
    sha256, commit = file_digest(file), there[name].commit
    return DownloadedWeights(file, f"{location.repository}/{name}", sha256, commit)


def verify_local_file(location: AtPath, machine: Machine) -> DownloadedWeights:
    """Return a file of this machine once its checksum is verified.

    Raises
    ------
    InputError
        There is no such file, or it is another.
    """
    file = Path(machine.folders) / location.file
    if not file.is_file():
        raise InputError(
            f"{file}: no such file of weights; put it there, or let `folders` in compute.yaml name "
            "the folder that it is in"
        )
    digest = file_digest(file)
    if digest != location.sha256:
        raise InputError(
            f"{file}: expected the SHA-256 {location.sha256}, got {digest}; it is another file or "
            "damaged: correct `sha256` in params.yaml, or get the file again"
        )
    return DownloadedWeights(file, location.file.as_posix(), digest)


def load_from_open_clip(
    entry: WeightsEntry, backbone: OpenClipModel, weights: DownloadedWeights, machine: Machine
) -> Encoder:
    """Return a CLIP of open_clip with downloaded weights, or its image tower with a trained head.

    Raises
    ------
    InputError
        As `build_encoder`.
    """
    if backbone.model.startswith(HUB_MODEL):
        architecture, settings = hub_settings(backbone.model, weights, machine)
    else:
        tag = entry.tag if isinstance(entry, OpenClip) else None
        settings = import_open_clip().pretrained.get_pretrained_cfg(backbone.model, tag or "")
        architecture = named_config(backbone)
    state = read_state_dict(weights.file, weights.location)
    encoder = load_state_dict(architecture, state, weights.location)
    preprocess = open_clip_preprocess(settings, encoder.card.preprocess.size, backbone.model)
    return with_parts(encoder, card=replace(encoder.card, preprocess=preprocess))


def load_from_library(
    entry: WeightsEntry, backbone: TorchvisionModel | TimmModel, weights: DownloadedWeights
) -> Encoder:
    """Return a classifier of torchvision or timm with downloaded weights.

    Raises
    ------
    InputError
        As `build_encoder`.
    """
    if isinstance(entry, Timm):
        backbone = TimmModel(model=f"{backbone.model}.{entry.tag}")
    state = read_state_dict(weights.file, weights.location)
    encoder = load_state_dict(backbone, state, weights.location)
    if isinstance(entry, Torchvision) and isinstance(backbone, TorchvisionModel):
        preprocess = torchvision_preprocess(torchvision_weights(entry, backbone).transforms())
        return with_parts(encoder, card=replace(encoder.card, preprocess=preprocess))
    return encoder


CONFIG = "open_clip_config.json"
"""What a repository of the hub says of its model: how it is built, and how images are prepared."""


def hub_settings(
    name: str, weights: DownloadedWeights, machine: Machine
) -> tuple[OpenClipConfig, Mapping[str, Any]]:
    """Return a model's architecture and preprocessing from its repository, at the weights' commit.

    Raises
    ------
    InputError
        The repository says nothing of them, or nothing legal.
    """
    if weights.revision is None:
        raise InputError(f"weights: '{name}' lies on the hub; use `source: open_clip` for it")
    repository = name.removeprefix(HUB_MODEL)
    (listed,) = repository_files(repository, weights.revision, CONFIG, "model")
    file = download_file(listed, Path(machine.downloads))
    try:
        tree = json.loads(file.read_bytes())
        return supported_config(name, tree["model_cfg"]), tree.get("preprocess_cfg", {})
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{repository}@{weights.revision}: {CONFIG} is no configuration of open_clip "
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


ADVICE = "the weights are of another architecture: name the backbone that they belong to"


def load_state_dict(
    architecture: OpenClipConfig | TorchvisionModel | TimmModel, weights: StateDict, source: str
) -> Encoder:
    """Return an encoder of an architecture with the weights of a state dict.

    Weights of a CLIP's image tower with a linear `head` are a classifier, as `finetune` writes it;
    whole CLIPs have open_clip's names, classifiers those of their library.

    Raises
    ------
    InputError
        The weights are not of this architecture: names the first that differs.
    """
    if not isinstance(architecture, OpenClipConfig):
        return load_library_classifier(architecture, weights, source)
    if "head.weight" in weights:
        return load_clip_classifier(architecture, weights, source)
    encoder = clip_encoder(architecture, None, 0)
    named = open_clip_names(encoder.module, architecture, weights)
    copy_state(encoder.module, named, source, ADVICE)
    return encoder


def open_clip_names(
    module: Any, architecture: OpenClipConfig, weights: StateDict
) -> dict[str, torch.Tensor]:
    """Return weights under the names of open_clip's module, from older or other names.

    open_clip's own loading does the same; what it does beyond that, to fit weights to another
    size, is left out.
    """
    open_clip = import_open_clip(timm=needs_timm(architecture.config))
    named = dict(open_clip.convert.convert_state_dict(module, dict(weights)))
    if "positional_embedding" in named and not hasattr(module, "positional_embedding"):
        named = open_clip.model.convert_to_custom_text_state_dict(named)
    return named


def load_clip_classifier(architecture: OpenClipConfig, weights: StateDict, source: str) -> Encoder:
    """Return the image tower of a CLIP with a linear head; one without bias is on unit features."""
    model = build_tower(architecture, 0)
    classes = imagenet_classes(len(weights["head.weight"]), source)
    module = Classifier(model.module, model.width, len(classes), "head.bias" not in weights)
    card = new_card(model, kind="classifier", normalize_features=module.normalize, classes=classes)
    copy_state(module, weights, source, ADVICE)
    return Encoder(card, module)


def load_library_classifier(
    architecture: TorchvisionModel | TimmModel, weights: StateDict, source: str
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
    module = Classifier(model.module, model.width, len(classes), normalize=False)
    copy_library_state(module, named, source)
    card = new_card(model, kind="classifier", normalize_features=False, classes=classes)
    return Encoder(card, module)


DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""What the names in torchvision's files of DenseNets have where its modules have no dot."""


def copy_library_state(module: Classifier, weights: StateDict, source: str) -> None:
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
        copy_state(module, named, source, ADVICE)  # whose error names what differs


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
