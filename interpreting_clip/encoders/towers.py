"""From the state dicts in a file to an encoder: its image tower with its head or text tower."""

import re
from collections.abc import Mapping
from dataclasses import replace as with_parts
from functools import partial
from pathlib import Path

import torch
from torch import nn

from interpreting_clip.encoders.checkpoints import NOT_WEIGHTS, StateDict
from interpreting_clip.encoders.encoder import (
    Classifier,
    Encoder,
    build_tower,
    clip_encoder,
    copy_state,
    new_card,
)
from interpreting_clip.encoders.encoder_card import Model, OpenClipConfig
from interpreting_clip.encoders.encoder_entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.file_heads import (
    find_head,
    imagenet_names,
    is_on_unit_features,
    ordered_rows,
    refuse_patch_heads,
    without_head,
    without_probe_norm,
)
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.open_clip_models import needs_timm
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.state_dicts import (
    MatchedTower,
    TowerSpec,
    alike,
    find_tower,
    misfit,
    unused_arrays,
)
from interpreting_clip.encoders.transformers_names import library_names
from interpreting_clip.errors import InputError

Published = OpenClipConfig | TorchvisionModel | TimmModel
"""The architectures that weights are published for."""


def load_weights(
    architecture: Published,
    states: Mapping[str, StateDict],
    choice: Choice,
    source: str,
    folders: Path = Path(),
) -> tuple[Encoder, MatchedTower]:
    """Return an encoder of an architecture with weights of a file, and what was taken of the file.

    `states` are the file's state dicts. An image tower with a linear head is a classifier, and a
    text tower next to it is ignored; a whole CLIP without a head is a CLIP; a tower without either
    is an encoder without a head, as is a tower whose head has other classes than ImageNet's. Older
    files are read as their library reads them, transformers' files under other names.

    Raises
    ------
    InputError
        The file has no image tower of the architecture, several to choose from, a head that is not
        on its features, or only a part of a text tower; or the head that the entry names has other
        classes than ImageNet's.
    """
    model, inner = build_tower(architecture, 0), ""
    if isinstance(architecture, TimmModel) and needs_average_pooling(model.module, states):
        model, inner = pooling_averages(model), "trunk."
    arrays = {k.removeprefix(inner): v for k, v in model.module.state_dict().items()}
    spec = TowerSpec(source, architecture.model, arrays, model.width, model.head_name, inner)
    if choice.head_name is None:
        refuse_patch_heads(states, source)
    without_norms = {state: without_probe_norm(weights) for state, weights in states.items()}
    matched = find_tower(without_norms, spec, choice, partial(current_names, architecture, arrays))
    matched = with_parts(matched, head_name=find_head(matched, spec, choice))
    pooling = getattr(model.module.get_submodule(inner.rstrip(".")), "global_pool", "")
    matched = with_parts(
        matched,
        unused=unused_arrays(matched, spec),
        averaged=bool(inner),
        pooling=pooling if isinstance(pooling, str) else "",
        folded=f"{matched.head_name}.0.running_mean" in states[matched.state],
    )
    if any(
        name in arrays and not alike(value, arrays[name]) for name, value in matched.tower().items()
    ):
        raise InputError(misfit(matched, spec))
    if isinstance(architecture, OpenClipConfig) and (text := text_arrays(matched)):
        encoder = clip_encoder(architecture, None, 0)
        copy_clip(encoder.module, matched, text, spec)
        return encoder, with_parts(matched, prefix=matched.prefix.removesuffix("visual."))
    head = matched.head()
    if choice.classes is not None:
        head = ordered_rows(head, folders / choice.classes.file, choice.classes.sha256, source)
    elif head and len(head["weight"]) != len(imagenet_names()):
        matched, head = without_head(matched, choice, source), {}
    unit = choice.normalize_features
    if unit is None:
        unit = isinstance(architecture, OpenClipConfig) and is_on_unit_features(matched)
    return classifier(model, matched, head, spec, unit=unit), matched


def needs_average_pooling(tower: nn.Module, states: Mapping[str, StateDict]) -> bool:
    """Say whether weights of a vision transformer have `fc_norm` where timm's model has `norm`.

    That is how timm calls the last norm if it comes after the average of the patch tokens, as in
    MAE's finetuning (He et al. 2022).
    """
    norm, arrays = "fc_norm.weight", tower.state_dict()
    return "norm.weight" in arrays and any(
        name.endswith(norm) and name.removesuffix(norm) + "norm.weight" not in weights
        for weights in states.values()
        for name in weights
    )


def pooling_averages(model: Model) -> Model:
    """Return a model of timm with `global_pool='avg'`, without its head.

    Cards have no such argument of timm's models, so it is built as open_clip builds them.
    """
    name, size = model.architecture.model, model.preprocess.size  # pyright: ignore
    tower = {"timm_model_name": name, "timm_pool": "avg", "timm_proj": "none", "image_size": size}
    config = {"embed_dim": model.width, "vision_cfg": tower}
    built = build_tower(OpenClipConfig(model=name, config=config), 0)
    return with_parts(built, preprocess=model.preprocess)


def text_arrays(matched: MatchedTower) -> dict[str, torch.Tensor]:
    """Return the arrays outside the tower `visual` in a file without a head, by names in the CLIP.

    Nothing if there is no text tower; a temperature does not count as a text tower.
    """
    parent = matched.prefix.removesuffix("visual.")
    if parent == matched.prefix or matched.head_name is not None:
        return {}
    others = {
        name.removeprefix(parent): value
        for name, value in matched.weights.items()
        if name.startswith(parent) and not name.startswith(matched.prefix)
    }
    others = {name: value for name, value in others.items() if name not in NOT_WEIGHTS}
    return others if others.keys() - {"logit_scale", "logit_bias"} else {}


def copy_clip(
    module: nn.Module, matched: MatchedTower, text: dict[str, torch.Tensor], spec: TowerSpec
) -> None:
    """Copy both towers into a CLIP."""
    if not hasattr(module, "positional_embedding"):
        text = import_open_clip().model.convert_to_custom_text_state_dict(text)
    tower = {f"visual.{name}": value for name, value in matched.tower().items()}
    try:
        copy_state(module, tower | text, spec.source, "")
    except InputError:
        if matched.tower().keys() != spec.arrays.keys():
            raise InputError(misfit(matched, spec)) from None
        state = {k: v for k, v in module.state_dict().items() if not k.startswith("visual.")}
        others, whole = MatchedTower(text, matched.state, ""), with_parts(spec, arrays=state)
        advice = (
            "A zero-shot head needs the whole text tower: get the file of the whole CLIP, or name "
            "the backbone that the text tower belongs to"
        )
        raise InputError(misfit(others, whole, "text tower", advice)) from None


def classifier(
    model: Model,
    matched: MatchedTower,
    head: dict[str, torch.Tensor],
    spec: TowerSpec,
    *,
    unit: bool,
) -> Encoder:
    """Return a tower with a file's weights, and with its head unless that is empty.

    Raises
    ------
    InputError
        An array of the tower is missing, has another shape, or is unknown.
    """
    classes = imagenet_names() if head else []
    if head and not unit:
        # Of a library's classifier; on unit features a head without a bias is a zero-shot head.
        head.setdefault("bias", torch.zeros(len(classes)))
    module = Classifier(model.module, model.width, len(classes), unit, "bias" in head)
    # Files may hold buffers that the installed library computes, as timm's Swins do.
    tower = {f"{spec.inner}{name}": value for name, value in matched.tower().items()}
    computed = dict(model.module.named_buffers()).keys() - model.module.state_dict().keys()
    named = {f"visual.{name}": value for name, value in tower.items() if name not in computed}
    named |= {f"head.{part}": value for part, value in head.items()}
    try:
        # Without the versions that the file may hold, modules accept the names of older releases.
        module.load_state_dict(named)
    except (RuntimeError, ValueError):
        try:
            # MNASNets need their versions.
            copy_state(module, named, spec.source, "")
        except InputError:
            raise InputError(misfit(matched, spec)) from None
    card = new_card(model, kind="classifier", normalize_features=unit, classes=classes)
    return Encoder(card, module)


def current_names(architecture: Published, tower: StateDict, weights: StateDict) -> StateDict:
    """Return weights under the names that the modules of the architecture's library have now.

    Files of torchvision's DenseNets have a dot where the modules have none. Of MobileCLIPs, Apple's
    names become open_clip's; open_clip's own loading does the same, and would also fit weights to
    another image size. Names of transformers become those of `tower`.
    """
    weights = library_names(weights, tower)
    if not isinstance(architecture, OpenClipConfig):
        dense = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
        return {dense.sub(r"\1\2", name): value for name, value in weights.items()}
    if not any(name.startswith("image_encoder.model.patch_emb") for name in weights):
        return weights
    module = clip_encoder(architecture, None, 0).module
    open_clip = import_open_clip(timm=needs_timm(architecture.config))
    return open_clip.convert.convert_state_dict(module, dict(weights))
