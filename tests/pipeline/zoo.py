"""Random weights of real architectures, in the places where libraries look for trained ones."""

import hashlib
import io
from typing import Any

import pytest
import torch

from interpreting_clip.encoders.encoder import clip_encoder
from interpreting_clip.encoders.encoder_entries import OpenClipModel, TimmModel
from interpreting_clip.encoders.sources.source import AtHub
from interpreting_clip.encoders.weight_sources import OpenClip, Timm
from tests.integration.downloads.loopback import FileServer, HubServer

Tensors = dict[str, torch.Tensor]


def put_open_clip(hub: HubServer, model: str, tag: str) -> None:
    """Put random weights in place of a tag of open_clip's zoo, in half precision like OpenAI's."""
    backbone = OpenClipModel(model=model)
    weights = clip_encoder(backbone, None, 1).module.state_dict()
    halves = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    put(hub, OpenClip(backbone="x", tag=tag).location(backbone), halves)


def put_timm(hub: HubServer, model: str, tag: str) -> None:
    """Put random weights in place of a tag of timm's."""
    import timm

    item, backbone = Timm(backbone="x", tag=tag), TimmModel(model=model)
    put(hub, item.location(backbone), timm.create_model(model).state_dict())


def put(hub: HubServer, location: Any, weights: Tensors) -> None:
    from safetensors.torch import save

    assert isinstance(location, AtHub)
    data = save({name: value.contiguous() for name, value in weights.items()})
    hub.add(location.repository, {location.files[0]: data}, kind="model")


def put_torchvision(server: FileServer, patch: pytest.MonkeyPatch) -> None:
    """Put a random ResNet-50 in place of torchvision's weights, for this process.

    The name contains the start of the file's digest, so random weights cannot have the real name.
    """
    from torchvision.models import ResNet50_Weights, resnet50

    data = pickled(resnet50().state_dict())
    name = f"/models/resnet50-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    server.files[name] = data
    patch.setattr(ResNet50_Weights.IMAGENET1K_V1.value, "url", f"{server.url}{name}")


def training_checkpoint(module: torch.nn.Module) -> bytes:
    """Return what a distributed open_clip training saves, with its prefix, epoch and optimiser."""
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    optimizer = {"state": {}, "param_groups": [{"lr": 5e-4, "betas": (0.9, 0.98)}]}
    return pickled({"epoch": 3, "name": "run", "state_dict": state, "optimizer": optimizer})


def pickled(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()
