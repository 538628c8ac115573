"""The image tower of any architecture, and what the architecture says of it."""

from dataclasses import dataclass

from torch import nn

from stages.config.encoders import AnyBackbone, Backbone, OpenClipModel
from stages.encoders.card import (
    Architecture,
    OpenClipConfig,
    Representation,
    measured_representation,
)
from stages.encoders.library_models import build_library_model
from stages.encoders.open_clip_models import (
    build_clip,
    build_open_clip,
    build_open_clip_visual,
    build_visual,
    default_preprocess,
    resolve,
)
from stages.encoders.preprocess import Preprocess
from stages.encoders.vocabulary import Vocabulary
from stages.runtime.errors import InputError


@dataclass(frozen=True)
class Facts:
    """What is known of an image tower without its weights."""

    architecture: Architecture
    width: int
    representation: Representation
    preprocess: Preprocess


def architecture_of(backbone: AnyBackbone | OpenClipConfig) -> Architecture:
    """Return a backbone with the names of open_clip's models looked up.

    Raises
    ------
    InputError
        As `open_clip_models.resolve`.
    """
    return resolve(backbone) if isinstance(backbone, OpenClipModel) else backbone


def build_tower(backbone: AnyBackbone | OpenClipConfig, seed: int) -> tuple[nn.Module, Facts]:
    """Return an image tower with fresh weights: images in, activations out.

    Raises
    ------
    InputError
        The library has no such model, it is not supported, or its sizes do not fit.
    """
    architecture = architecture_of(backbone)
    if isinstance(architecture, Backbone):
        return build_visual(architecture, seed), backbone_facts(architecture)
    if isinstance(architecture, OpenClipConfig):
        visual = build_open_clip_visual(architecture, seed)
        return visual, open_clip_facts(architecture, visual)
    model = build_library_model(architecture, seed)
    representation = measured_representation(model.tower, model.preprocess.size)
    facts = Facts(architecture, model.head.in_features, representation, model.preprocess)
    return model.tower, facts


def build_towers(
    backbone: AnyBackbone | OpenClipConfig, vocabulary: Vocabulary | None, seed: int
) -> tuple[nn.Module, Facts]:
    """Return a CLIP with fresh weights, both towers.

    Raises
    ------
    InputError
        The backbone is no CLIP, or a CLIP by its sizes comes without a vocabulary.
    """
    architecture = architecture_of(backbone)
    if isinstance(architecture, Backbone):
        if vocabulary is None:
            raise InputError("a CLIP of the kind 'clip' needs its vocabulary, got none")
        return build_clip(architecture, vocabulary.size, seed), backbone_facts(architecture)
    if isinstance(architecture, OpenClipConfig):
        module = build_open_clip(architecture, seed)
        return module, open_clip_facts(architecture, module.get_submodule("visual"))
    raise InputError(
        f"backbones: '{architecture.model}' has no text tower, expected a CLIP: a backbone of the "
        "kind clip or open_clip"
    )


def backbone_facts(backbone: Backbone) -> Facts:
    """Return what the sizes of a CLIP say; its towers end in a linear layer."""
    preprocess = Preprocess(size=backbone.image_size, mean=backbone.mean, std=backbone.std)
    return Facts(backbone, backbone.embedding, "linear", preprocess)


def open_clip_facts(architecture: OpenClipConfig, visual: nn.Module) -> Facts:
    """Return what a configuration of open_clip says; a CLIP's towers end in a linear layer."""
    preprocess = default_preprocess(architecture, visual)
    return Facts(architecture, architecture.config["embed_dim"], "linear", preprocess)
