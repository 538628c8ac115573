"""Models of open_clip, built from their configuration."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from torch import nn

from stages.encoders.architecture import OpenClipConfig
from stages.encoders.backbone import OpenClipModel
from stages.encoders.open_clip_classes import import_open_clip
from stages.encoders.preprocess import Preprocess
from stages.encoders.suggestions import close_names
from stages.encoders.towers import seeded
from stages.storage.errors import InputError

HUB = "hf-hub:"
"""What the names of models begin with whose configuration lies in a repository of the hub."""


def resolve(backbone: OpenClipModel) -> OpenClipConfig:
    """Return the configuration of a model that open_clip knows by name.

    Raises
    ------
    InputError
        open_clip knows no such model, the model lies in a repository of the hub, or it has parts
        that are not supported here.
    """
    name = backbone.model
    if name.startswith(HUB):
        raise InputError(
            f"backbones: the configuration of '{name}' lies on the hub, so only `weights:` can "
            "have this backbone; name the model of open_clip that it is"
        )
    open_clip = import_open_clip()
    known = open_clip.list_models()
    if name not in known:
        raise InputError(f"backbones: open_clip has no model '{name}'; {close_names(name, known)}")
    return supported(name, open_clip.get_model_config(name))


def supported(name: str, config: Mapping[str, Any]) -> OpenClipConfig:
    """Return a model's configuration.

    Raises
    ------
    InputError
        The configuration is incomplete, or of a model whose text tower or tokenizer comes from
        `transformers`, or of a captioner.
    """
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in config:
            raise InputError(f"open_clip's model '{name}': its configuration has no '{key}'")
    text = config["text_cfg"]
    for key in ("hf_model_name", "hf_tokenizer_name"):
        if text.get(key):
            raise InputError(
                f"open_clip's model '{name}': its text needs '{text[key]}' of the package "
                "transformers, expected open_clip's own text tower and tokenizer; choose another"
            )
    if "multimodal_cfg" in config:
        raise InputError(f"open_clip's model '{name}' writes captions (CoCa), expected a CLIP")
    return OpenClipConfig(model=name, config=dict(config))


def build_open_clip(architecture: OpenClipConfig, seed: int) -> nn.Module:
    """Return open_clip's `CLIP` or `CustomTextCLIP` of a configuration, initialised.

    Raises
    ------
    InputError
        open_clip cannot build this configuration.
    """
    open_clip = import_open_clip(timm=needs_timm(architecture))
    config = deepcopy(architecture.config)
    kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    try:
        with seeded(seed):
            return kind(**config)
    except TypeError as error:
        raise unbuildable(architecture, error) from None


def build_open_clip_visual(architecture: OpenClipConfig, seed: int) -> nn.Module:
    """Return the image tower alone, initialised as `build_open_clip` initialises it.

    Raises
    ------
    InputError
        open_clip cannot build this configuration.
    """
    open_clip = import_open_clip(timm=needs_timm(architecture))
    config = deepcopy(architecture.config)
    quick_gelu = config.get("quick_gelu", False)
    try:
        with seeded(seed):
            return open_clip.model._build_vision_tower(
                config["embed_dim"], config["vision_cfg"], quick_gelu
            )
    except TypeError as error:
        raise unbuildable(architecture, error) from None


def needs_timm(architecture: OpenClipConfig) -> bool:
    """Say whether the image tower is one of timm's."""
    return bool(architecture.config["vision_cfg"].get("timm_model_name"))


def unbuildable(architecture: OpenClipConfig, error: TypeError) -> InputError:
    """Return the refusal of a configuration with keys or values that open_clip does not know."""
    return InputError(
        f"open_clip's model '{architecture.model}': the installed open_clip cannot build its "
        f"configuration ({error}); install the version that it was written for"
    )


def default_preprocess(architecture: OpenClipConfig, visual: nn.Module) -> Preprocess:
    """Return how open_clip prepares images for a model without weights.

    Raises
    ------
    InputError
        The tower does not see squares.
    """
    constants = import_open_clip().constants
    return Preprocess(
        size=square_side(architecture, visual),
        mean=constants.OPENAI_DATASET_MEAN,
        std=constants.OPENAI_DATASET_STD,
    )


def square_side(architecture: OpenClipConfig, visual: nn.Module) -> int:
    """Return the side of the square that an image tower sees.

    Raises
    ------
    InputError
        It sees no square.
    """
    size = visual.image_size
    sides = {size} if isinstance(size, int) else set(size)  # pyright: ignore
    if len(sides) != 1:
        raise InputError(f"open_clip's model '{architecture.model}' sees {size} pixels, no square")
    return int(sides.pop())  # pyright: ignore
