"""Encoders with published weights: from an entry of `weights:` in params.yaml to the module.

`locations` says where the weights lie and downloads them, `checkpoints` reads their file without
executing it, `state_dicts` finds tower and head in it. Here the architecture that the study names
takes them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace as with_parts
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec.structs import asdict, replace
from torch import nn

from interpreting_clip.config.machine import Machine
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.encoders.checkpoints import NOT_WEIGHTS, StateDict, read_checkpoint
from interpreting_clip.encoders.class_order import read_class_order
from interpreting_clip.encoders.encoder import (
    Classifier,
    Encoder,
    build_tower,
    clip_encoder,
    copy_state,
    initialise,
    new_card,
)
from interpreting_clip.encoders.encoder_card import Model, OpenClipConfig
from interpreting_clip.encoders.entries import HUB_MODEL, OpenClipModel, TimmModel, TorchvisionModel
from interpreting_clip.encoders.library_models import (
    DENSE_LAYER,
    build_library_model,
    classifier_weights,
    timm_preprocess,
    torchvision_preprocess,
)
from interpreting_clip.encoders.locations import (
    download_tokenizer,
    download_weights,
    locate_weights,
    torchvision_weights,
)
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.open_clip_models import named_config, needs_timm, supported_config
from interpreting_clip.encoders.state_dicts import (
    Choice,
    Found,
    Wanted,
    find_head,
    find_tower,
    misfit,
)
from interpreting_clip.encoders.weight_sources import (
    PREPROCESSING,
    BackboneEntry,
    CheckpointFile,
    Timm,
    Torchvision,
    Untrained,
    WeightsEntry,
)
from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.loading.preprocess import FILTERS, Preprocess

Published = OpenClipConfig | TorchvisionModel | TimmModel
"""The architectures that weights are published for."""


def build_encoder(entry: WeightsEntry, backbone: BackboneEntry, machine: Machine) -> Encoder:
    """Return the encoder of an entry in `weights:`, its own preprocessing on its card.

    Raises
    ------
    InputError
        The library does not know the names; or the weights cannot be had, are damaged, are not
        those of the backbone, or would have to be executed; or a `resize` that is given is smaller
        than the images that the tower sees.
    """
    return find_encoder(entry, backbone, machine)[0]


def find_encoder(
    entry: WeightsEntry, backbone: BackboneEntry, machine: Machine
) -> tuple[Encoder, Found | None]:
    """Return the encoder of an entry, and what was taken of its file; None without a file.

    Raises
    ------
    InputError
        As `build_encoder`.
    """
    location = locate_weights(entry, backbone)
    if location is None:
        return initialise(backbone, entry.seed), None  # pyright: ignore
    file, origin = download_weights(entry, location, machine)
    # The commit of the weights, so that both files come from one state of the repository.
    architecture, settings = published_settings(entry, backbone, origin.revision, machine)
    states, choice = read_checkpoint(file, origin.location), file_choice(entry, machine)
    encoder, found = load_weights(architecture, states, choice, origin.location)
    given = entry.preprocessing if isinstance(entry, CheckpointFile) else {}
    try:
        preprocess = replace(encoder.card.preprocess, **settings | given)
    except ValueError as error:
        raise InputError(
            f"weights: {error}; correct it in params.yaml, or leave it out for the architecture's"
        ) from None
    if isinstance(entry, CheckpointFile):
        # None for what is empty: the whole file, no prefix, no head.
        parts = {"state": found.state, "prefix": found.prefix, "head_name": found.head_name}
        origin = replace(origin, **{key: value or None for key, value in parts.items()})
    card, tokenizer = replace(encoder.card, preprocess=preprocess, origin=origin), None
    if card.kind == "clip" and isinstance(card.architecture, OpenClipConfig):
        got = download_tokenizer(card.architecture, origin, machine)
        if got is not None:
            tokenizer, card = got[0], replace(card, tokenizer=got[1])
    return with_parts(encoder, card=card, tokenizer=tokenizer), found


def file_choice(entry: WeightsEntry, machine: Machine) -> Choice:
    """Return what an entry says about the names in its file; nothing unless it is a checkpoint."""
    if not isinstance(entry, CheckpointFile):
        return Choice()
    prefix, rows = entry.prefix, None
    if prefix and not prefix.endswith("."):
        prefix += "."
    if entry.classes is not None:
        rows = read_class_order(entry.classes, Path(machine.folders))
    return Choice(entry.state, prefix, entry.head_name, entry.normalize_features, rows)


def describe_preprocessing(entry: WeightsEntry, preprocess: Preprocess) -> str:
    """Say in one line how images reach a tower, and who says so."""
    given = entry.preprocessing if isinstance(entry, CheckpointFile) else {}
    default = (
        "the architecture's" if isinstance(entry, CheckpointFile | Untrained) else "the weights'"
    )
    values = {key: getattr(preprocess, key) for key in PREPROCESSING}
    values["resize"] = preprocess.resize or preprocess.size
    said: dict[str, list[str]] = {}
    for key, value in values.items():
        text = " ".join(f"{number:.6g}" for number in value) if key in ("mean", "std") else value
        said.setdefault("given" if key in given else default, []).append(f"{key} {text}")
    parts = [f"{', '.join(texts)} ({who})" for who, texts in said.items()]
    return f"{'; '.join(parts)}; {preprocess.mode} to {preprocess.size} pixels"


def published_settings(
    entry: WeightsEntry, backbone: Any, commit: str | None, machine: Machine
) -> tuple[Published, dict[str, Any]]:
    """Return the architecture that weights are for, and the preprocessing that they ask for."""
    if isinstance(entry, Torchvision):
        transforms = torchvision_weights(entry, backbone).transforms()
        return backbone, asdict(torchvision_preprocess(transforms))
    if isinstance(entry, Timm):
        if backbone.model.startswith(HUB_MODEL):
            return timm_hub_settings(backbone.model, str(commit), machine)
        return TimmModel(model=f"{backbone.model}.{entry.tag}"), {}
    if not isinstance(backbone, OpenClipModel):
        return backbone, {}
    if backbone.model.startswith(HUB_MODEL):
        architecture, settings = hub_settings(backbone.model, str(commit), machine)
    else:
        architecture, tag = named_config(backbone), getattr(entry, "tag", None) or ""
        settings = import_open_clip().pretrained.get_pretrained_cfg(backbone.model, tag)
    return architecture, open_clip_preprocess(settings, backbone.model)


CONFIG, TIMM_CONFIG = "open_clip_config.json", "config.json"
"""The files of a hub's repository that configure a model of open_clip or timm and the preprocessing
of its images."""


def hub_settings(
    name: str, commit: str, machine: Machine
) -> tuple[OpenClipConfig, Mapping[str, Any]]:
    """Return a model's architecture and preprocessing from its repository, at the weights' commit.

    Raises
    ------
    InputError
        The repository has no such file, or the file is no configuration of open_clip.
    """
    with hub_config(name, commit, CONFIG, machine) as tree:
        return supported_config(name, tree["model_cfg"]), tree.get("preprocess_cfg", {})


def timm_hub_settings(name: str, commit: str, machine: Machine) -> tuple[TimmModel, dict[str, Any]]:
    """Return a model of timm and its preprocessing from its repository, at the weights' commit.

    The model is that of the installed timm by the name in the file, with its tag if timm knows it.

    Raises
    ------
    InputError
        The repository has no such file, the file is no configuration of timm, or the model is built
        with arguments or pooled otherwise than timm's own of that name.
    """
    import timm
    from timm.data.config import resolve_data_config

    with hub_config(name, commit, TIMM_CONFIG, machine) as tree:
        settings = tree["pretrained_cfg"]
        plain, tag = str(tree["architecture"]), settings.get("tag", "")
        known = timm.is_model(plain) and f"{plain}.{tag}" in timm.list_pretrained(f"{plain}.*")
        model = TimmModel(model=f"{plain}.{tag}" if known else plain)
        arguments = set(tree.get("model_args") or {}) - {"num_classes"}
        own = getattr(build_library_model(model, 0).module, "global_pool", None)
        pool = tree.get("global_pool") or own
        if arguments or pool != own:
            changed = sorted(arguments) or [f"global_pool {pool}"]
            raise InputError(
                f"weights: '{name}' is timm's {plain} built with {', '.join(changed)}, which is "
                "not supported; choose a repository with a model as timm builds it"
            )
        preprocess = asdict(timm_preprocess(name, resolve_data_config(pretrained_cfg=settings)))
        # JSON has no tuples, which all other preprocessing has.
        return model, preprocess | {key: tuple(preprocess[key]) for key in ("mean", "std")}


@contextmanager
def hub_config(name: str, commit: str, config: str, machine: Machine) -> Iterator[Any]:
    """Give what a JSON file of a model's repository holds to a block that looks into it.

    Raises
    ------
    InputError
        There is no such file, or it is not JSON or lacks what the block looks for.
    """
    repository = open_repository(name.removeprefix(HUB_MODEL), commit, "model")
    (path,) = repository.matching(config)
    file = download_file(repository, path, Path(machine.downloads))
    library = "timm" if config == TIMM_CONFIG else "open_clip"
    try:
        yield msgspec.json.decode(file.read_bytes())
    except InputError:
        raise
    except (*DAMAGED_JSON, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{repository.name}@{commit}: {config} is no configuration of {library} "
            f"({type(error).__name__}: {error}); choose another repository"
        ) from None


def open_clip_preprocess(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the preprocessing that open_clip names for weights, in our terms.

    What it leaves out is as for a model without weights.

    Raises
    ------
    InputError
        Images would be padded, or scaled by another filter than ours.
    """
    modes = {"shortest": "crop", "squash": "squash"}
    mode = settings.get("resize_mode") or "shortest"
    interpolation = settings.get("interpolation") or "bicubic"
    if mode not in modes or interpolation not in FILTERS:
        raise InputError(
            f"weights: '{name}' prepares images with resize_mode {mode!r} and interpolation "
            f"{interpolation!r}; supported are {', '.join(modes)} and {', '.join(FILTERS)}"
        )
    scaling = {key: tuple(settings[key]) for key in ("mean", "std") if settings.get(key)}
    return {"mode": modes[mode], "interpolation": interpolation, **scaling}


def load_state_dict(architecture: Published, weights: StateDict, source: str) -> Encoder:
    """Return an encoder of an architecture with the weights of a state dict."""
    return load_weights(architecture, {"": weights}, Choice(), source)[0]


def load_weights(
    architecture: Published, states: Mapping[str, StateDict], choice: Choice, source: str
) -> tuple[Encoder, Found]:
    """Return an encoder of an architecture with weights of a file, and what was taken of the file.

    `states` are the file's state dicts. An image tower with a linear head is a classifier; a whole
    CLIP without a head is a CLIP; a tower without either is an encoder without a head.

    Raises
    ------
    InputError
        The file has no image tower of the architecture, several to choose from, a head for other
        classes than ImageNet's, or only a part of a text tower.
    """
    if isinstance(architecture, OpenClipConfig):
        return load_clip(architecture, states, choice, source)
    return load_library_classifier(architecture, states, choice, source)


def load_clip(
    architecture: OpenClipConfig, states: Mapping[str, StateDict], choice: Choice, source: str
) -> tuple[Encoder, Found]:
    """Return a CLIP of open_clip, or a classifier with its image tower.

    If the file has a head, its text tower is ignored. The head is on features of unit length if it
    has no bias, as a zero-shot head, or is called `classification_head`, as WiSE-FT and model soups
    call theirs, which normalise features and have a bias (Wortsman et al. 2022).
    """
    model = build_tower(architecture, 0)
    wanted = Wanted(source, architecture.model, model.module.state_dict(), model.width)

    def renamed(weights: StateDict) -> StateDict:
        return open_clip_names(architecture, weights)

    found = find_tower(states, wanted, choice, renamed)
    name = find_head(found, wanted, choice)
    found = with_parts(found, head_name=name)
    text = {} if name is not None else text_arrays(found)
    if text:
        encoder = clip_encoder(architecture, None, 0)
        copy_clip(encoder.module, found, text, wanted)
        return encoder, with_parts(found, prefix=found.prefix.removesuffix("visual."))
    head = found.head() if name is not None else {}
    unit = choice.normalize_features
    if unit is None:
        unit = bool(head) and ("bias" not in head or is_wise_ft(str(name)))
    return classifier(model, found, choice, wanted, unit=unit), found


def is_wise_ft(head_name: str) -> bool:
    """Say whether a head has the name that WiSE-FT and model soups give to theirs."""
    return head_name.rpartition(".")[2] == "classification_head"


SCALES = ("logit_scale", "logit_bias")
"""What a CLIP has besides its towers."""


def text_arrays(found: Found) -> dict[str, torch.Tensor]:
    """Return what a file has beside an image tower `visual`, by names in the CLIP; {} if no text.

    The temperature alone is no text tower.
    """
    parent = found.prefix.removesuffix("visual.")
    if parent == found.prefix:
        return {}
    beside = {
        name.removeprefix(parent): value
        for name, value in found.weights.items()
        if name.startswith(parent) and not name.startswith(found.prefix)
    }
    beside = {name: value for name, value in beside.items() if name not in NOT_WEIGHTS}
    return beside if beside.keys() - set(SCALES) else {}


TEXT_ADVICE = (
    "A zero-shot head needs the whole text tower: get the file of the whole CLIP, or name the "
    "backbone that the text tower belongs to"
)


def copy_clip(
    module: nn.Module, found: Found, text: dict[str, torch.Tensor], wanted: Wanted
) -> None:
    """Copy both towers into a CLIP.

    Raises
    ------
    InputError
        An array of either tower is missing, has another shape, or is unknown.
    """
    if not hasattr(module, "positional_embedding"):
        text = import_open_clip().model.convert_to_custom_text_state_dict(text)
    tower = {f"visual.{name}": value for name, value in found.tower().items()}
    try:
        copy_state(module, tower | text, wanted.source, "")
    except InputError:
        if found.tower().keys() != wanted.arrays.keys():
            raise InputError(misfit(found, wanted)) from None
        state = {k: v for k, v in module.state_dict().items() if not k.startswith("visual.")}
        beside = Found(text, found.state, "")
        told = misfit(beside, with_parts(wanted, arrays=state), "text tower", TEXT_ADVICE)
        raise InputError(told) from None


def classifier(
    model: Model, found: Found, choice: Choice, wanted: Wanted, *, unit: bool
) -> Encoder:
    """Return a tower with a file's weights, and with its head if it has one.

    Raises
    ------
    InputError
        The head has another number of rows than ImageNet has classes, or an array of the tower is
        missing, has another shape, or is unknown.
    """
    head = found.head() if found.head_name is not None else {}
    classes = imagenet_classes(len(head["weight"]), wanted.source) if head else []
    if choice.rows is not None and not head:
        raise InputError(
            f"{wanted.source}: `classes` orders the rows of a head, and the file has none"
        )
    if choice.rows is not None:
        head = {part: value[choice.rows] for part, value in head.items()}
    if head and not unit:
        # Of a library's classifier; on unit features a head without a bias is a zero-shot head.
        head.setdefault("bias", torch.zeros(len(classes)))
    module = Classifier(model.module, model.width, len(classes), unit, "bias" in head)
    named = classifier_weights(model, found.tower())
    named |= {f"head.{part}": value for part, value in head.items()}
    try:
        # Without the versions that the file may hold, modules accept the names of older releases.
        module.load_state_dict(named)
    except (RuntimeError, ValueError):
        try:
            # MNASNets need their versions.
            copy_state(module, named, wanted.source, "")
        except InputError:
            raise InputError(misfit(found, wanted)) from None
    card = new_card(model, kind="classifier", normalize_features=unit, classes=classes)
    return Encoder(card, module)


def open_clip_names(architecture: OpenClipConfig, weights: StateDict) -> StateDict:
    """Return weights under the names of open_clip's module if they have Apple's for MobileCLIPs.

    open_clip's own loading does the same, and would also fit weights to another image size.
    """
    if not any(name.startswith("image_encoder.model.patch_emb") for name in weights):
        return weights
    module = clip_encoder(architecture, None, 0).module
    open_clip = import_open_clip(timm=needs_timm(architecture.config))
    return open_clip.convert.convert_state_dict(module, dict(weights))


def newer_names(weights: StateDict) -> StateDict:
    """Return weights under the names that torchvision's DenseNets have now."""
    return {DENSE_LAYER.sub(r"\1\2", name): value for name, value in weights.items()}


def load_library_classifier(
    architecture: TorchvisionModel | TimmModel,
    states: Mapping[str, StateDict],
    choice: Choice,
    source: str,
) -> tuple[Encoder, Found]:
    """Return a model of torchvision or timm with its own head, or without if the file has none.

    Older files are read as their library reads them: torchvision's ViTs and DenseNets were
    published under names that their modules no longer have, and its oldest files lack the counters
    of batch norms.
    """
    model = build_library_model(architecture, 0)
    arrays = model.module.state_dict()
    wanted = Wanted(source, architecture.model, arrays, model.width, model.head_name)
    found = find_tower(states, wanted, choice, newer_names)
    found = with_parts(found, head_name=find_head(found, wanted, choice))
    unit = bool(choice.normalize_features)
    return classifier(model, found, choice, wanted, unit=unit), found


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
