"""Models of open_clip, built from their configuration."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from types import ModuleType
from typing import Any

import torch
from torch import nn

from stages.config.encoders import Backbone, ModifiedResNet, OpenClipModel
from stages.encoders.card import OpenClipConfig
from stages.encoders.preprocess import Preprocess
from stages.runtime.errors import InputError, close_names
from stages.runtime.stand_ins import stand_ins


def import_open_clip(*, timm: bool = False) -> Any:
    """Return the module `open_clip`, imported without its optional company and TorchDynamo.

    Every stage is a process of its own, so its imports are paid once per encoder and stage. Of the
    2.4 s that `import open_clip` adds to `import torch`, 2 s go to timm, which most towers do not
    use and open_clip treats as optional, and to TorchDynamo, which `torchvision.ops.roi_align`
    imports only to look one function up; transformers, where it is installed, takes longer still.
    huggingface_hub, another 0.2 s, is there for downloads, which `stages.downloads` makes itself.
    All are kept out while open_clip is imported; a later `import timm` finds the real one.

    In this process open_clip then believes that there is no hub, and no timm until this is called
    for a tower that comes from it: `timm=True`. What is imported already is left alone.
    """
    if "open_clip" not in sys.modules:
        import torch  # noqa: F401 - all of it, before anything is put in the place of a part

        dynamo = {"torch._dynamo": None, "torch._dynamo.utils": dynamo_utils()}
        # A torchvision that wants more of it fails here and is imported plainly by open_clip.
        with suppress(ImportError), stand_ins(dynamo):
            importlib.import_module("torchvision.ops")
        with stand_ins({"timm": None, "transformers": None, "huggingface_hub": None}):
            importlib.import_module("open_clip")
    open_clip = sys.modules["open_clip"]
    if timm and open_clip.timm_model.timm is None:
        open_clip.model.TimmModel = importlib.reload(open_clip.timm_model).TimmModel
    return open_clip


def dynamo_utils() -> ModuleType:
    """Return what `torchvision.ops.roi_align` needs of `torch._dynamo.utils`, imported on call."""
    module = ModuleType("torch._dynamo.utils")
    vars(module)["is_compile_supported"] = is_compile_supported
    return module


def is_compile_supported(device_type: str) -> Any:
    """Ask the real TorchDynamo whether it can compile for a kind of device."""
    return importlib.import_module("torch._dynamo.utils").is_compile_supported(device_type)


def build_clip(backbone: Backbone, words: int, seed: int) -> nn.Module:
    """Return open_clip's `CLIP` of a backbone with a vocabulary of `words` tokens, initialised."""
    open_clip = import_open_clip()
    text = open_clip.CLIPTextCfg(
        context_length=backbone.text.context,
        vocab_size=words,
        width=backbone.text.width,
        heads=backbone.text.heads,
        layers=backbone.text.layers,
    )
    with seeded(seed):
        return open_clip.CLIP(
            backbone.embedding, vision_config(backbone), text, quick_gelu=backbone.quick_gelu
        )


def build_visual(backbone: Backbone, seed: int) -> nn.Module:
    """Return the image tower of a backbone alone, initialised as `build_clip` initialises it."""
    build = import_open_clip().model._build_vision_tower
    with seeded(seed):
        return build(backbone.embedding, vision_config(backbone), backbone.quick_gelu)


def vision_config(backbone: Backbone) -> object:
    """Return the image tower's configuration in open_clip's terms."""
    vision = backbone.vision
    sizes = (
        {"layers": list(vision.layers)}
        if isinstance(vision, ModifiedResNet)
        else {"layers": vision.layers, "patch_size": vision.patch}
    )
    return import_open_clip().CLIPVisionCfg(
        image_size=backbone.image_size, width=vision.width, head_width=vision.head_width, **sizes
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator for a block and put its state back after it.

    `torch.manual_seed` would import TorchDynamo, 0.7 s; the generator's own method does not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


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
