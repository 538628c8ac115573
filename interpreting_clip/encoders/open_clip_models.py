"""CLIPs of open_clip: by their sizes in params.yaml, or by the name of a model of its zoo."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from interpreting_clip.encoders.encoder_card import Architecture, Model, OpenClipConfig
from interpreting_clip.encoders.encoder_entries import (
    HUB_MODEL,
    AnyBackbone,
    Backbone,
    ModifiedResNet,
    OpenClipModel,
    VisionTransformer,
)
from interpreting_clip.encoders.hub_tokenizer import tokenizer_settings
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError, close_names, error_context
from interpreting_clip.loading.preprocess import Preprocess


def architecture_of(backbone: AnyBackbone | OpenClipConfig) -> Architecture:
    """Return a backbone as an architecture: a name of open_clip's zoo becomes its configuration."""
    return named_config(backbone) if isinstance(backbone, OpenClipModel) else backbone


def named_config(backbone: OpenClipModel) -> OpenClipConfig:
    """Return the configuration of a model that open_clip knows by name.

    Raises
    ------
    InputError
        open_clip knows no such model, the model lies in a repository of the hub, or it has parts
        that are not supported here.
    """
    name = backbone.model
    if name.startswith(HUB_MODEL):
        raise InputError(
            f"backbones: the configuration of '{name}' lies on the hub, so only `weights:` can "
            "have this backbone; name the model of open_clip that it is"
        )
    open_clip = import_open_clip()
    known = open_clip.list_models()
    if name not in known:
        raise InputError(f"backbones: open_clip has no model '{name}'; {close_names(name, known)}")
    return supported_config(name, open_clip.get_model_config(name))


def supported_config(name: str, config: Mapping[str, Any]) -> OpenClipConfig:
    """Return a model's configuration.

    Raises
    ------
    InputError
        The configuration is incomplete, or of a model whose text tower comes from `transformers`,
        whose tokenizer might run code, or that writes captions.
    """
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in config:
            raise InputError(f"open_clip's model '{name}': its configuration has no '{key}'")
    text = config["text_cfg"]
    if text.get("hf_model_name"):
        raise InputError(
            f"open_clip's model '{name}': its text tower is '{text['hf_model_name']}' of the "
            "package transformers, expected open_clip's own; choose another"
        )
    if text.get("hf_tokenizer_name"):
        with error_context(f"open_clip's model '{name}'"):
            tokenizer_settings(text)
    if "multimodal_cfg" in config:
        raise InputError(f"open_clip's model '{name}' writes captions (CoCa), expected a CLIP")
    return OpenClipConfig(model=name, config=dict(config))


TOWER_KEYS = {"embed_dim", "vision_cfg", "quick_gelu"}
"""The parts of a CLIP's configuration that its image tower is built from."""


def build_clip(
    architecture: Backbone | OpenClipConfig,
    vocabulary: Vocabulary | None,
    seed: int,
    *,
    text: bool = True,
) -> Model:
    """Return open_clip's `CLIP` or `CustomTextCLIP` with fresh weights, both towers.

    A CLIP given by its sizes has a token for each word of the vocabulary. Without `text` the result
    is only the image tower, with the weights that it has in the whole CLIP. A configuration of
    open_clip says only how large images are; their mean and standard deviation are OpenAI's.

    Raises
    ------
    InputError
        open_clip cannot build this configuration, or its images are not square.
    """
    config = build_config(architecture, vocabulary.size if vocabulary else 0)
    open_clip = import_open_clip(timm=needs_timm(config))
    kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    if not text:
        # Both of open_clip's CLIPs draw the image tower first, so by itself it gets the weights it
        # has in the whole.
        kind = open_clip.model._build_vision_tower
        config = {key: config[key] for key in config.keys() & TOWER_KEYS}
    try:
        with seeded(seed):
            module: nn.Module = kind(**config)
        tower = module.get_submodule("visual") if text else module
        vision = architecture.vision if isinstance(architecture, Backbone) else None
        if isinstance(vision, VisionTransformer) and vision.stem == "convolutions":
            # Seeded anew, so that the stem does not depend on how many numbers the towers drew.
            with seeded(seed):
                tower.conv1 = convolutional_stem(vision.patch, vision.width)
    # open_clip and torch raise any exception, depending on what is illegal
    except Exception as error:
        raise InputError(
            f"open_clip's model '{getattr(architecture, 'model', 'clip')}': the installed "
            f"open_clip cannot build its configuration ({error}); install the version that it was "
            "written for"
        ) from None
    if isinstance(architecture, Backbone):
        size, mean, std = architecture.image_size, architecture.mean, architecture.std
    else:
        size = square_side(architecture, tower)
        constants = open_clip.constants
        mean, std = constants.OPENAI_DATASET_MEAN, constants.OPENAI_DATASET_STD
    preprocess = Preprocess(size=size, mean=mean, std=std)
    return Model(module, architecture, config["embed_dim"], preprocess)


def convolutional_stem(patch: int, width: int) -> nn.Sequential:
    """Return a module that turns each patch of `patch` × `patch` pixels into `width` features.

    3×3 convolutions of stride 2 whose channels double up to `width`, each with a batch
    normalisation and a ReLU, then a 1×1 convolution (Xiao et al. 2021, "Early convolutions help
    transformers see better", section 4).
    """
    halvings = patch.bit_length() - 1
    channels = [3, *(width >> further for further in reversed(range(halvings)))]
    stem: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        stem += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*stem, nn.Conv2d(channels[-1], width, 1, bias=False))


def build_config(architecture: Backbone | OpenClipConfig, words: int = 0) -> dict[str, Any]:
    """Return an architecture in open_clip's keys; one given by its sizes has `words` tokens."""
    if isinstance(architecture, OpenClipConfig):
        # A copy, since building takes keys out of it.
        return deepcopy(architecture.config)
    vision, text = architecture.vision, architecture.text
    layers = (
        {"layers": list(vision.layers)}
        if isinstance(vision, ModifiedResNet)
        else {"layers": vision.layers, "patch_size": vision.patch}
    )
    return {
        "embed_dim": architecture.embedding,
        "quick_gelu": architecture.quick_gelu,
        "vision_cfg": {
            "image_size": architecture.image_size,
            "width": vision.width,
            "head_width": vision.head_width,
            **layers,
        },
        "text_cfg": {
            "context_length": text.context,
            "vocab_size": words,
            "width": text.width,
            "heads": text.heads,
            "layers": text.layers,
        },
    }


def needs_timm(config: Mapping[str, Any]) -> bool:
    """Return whether the image tower of a configuration is timm's."""
    return bool(config["vision_cfg"].get("timm_model_name"))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator, which initialises weights, inside a `with` block."""
    # Only the CPU's generator: weights are drawn there, whatever the device.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def square_side(architecture: OpenClipConfig, visual: nn.Module) -> int:
    """Return the side in pixels of the square images that a tower sees.

    Raises
    ------
    InputError
        Its images are not square.
    """
    size = visual.image_size
    sides = {size} if isinstance(size, int) else set(size)  # pyright: ignore
    if len(sides) != 1:
        raise InputError(f"open_clip's model '{architecture.model}' sees {size} pixels, no square")
    return int(sides.pop())  # pyright: ignore
