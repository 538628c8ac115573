"""Weights of the published architectures, from where a study finds them."""

import hashlib

import pytest
import torch

from interpreting_clip.config.encoders import OpenClipModel, TorchvisionModel
from interpreting_clip.config.weight_sources import CheckpointFile, OpenClip, Torchvision
from interpreting_clip.encoders.encoder import clip_encoder, load_encoder, save_encoder
from interpreting_clip.encoders.weights import build_encoder
from interpreting_clip.errors import InputError
from tests.integration.encoders.conftest import machine, same, saved
from tests.pipeline.zoo import pickled, training_checkpoint

__all__ = ["machine"]


def test_a_clip_of_the_zoo_comes_from_the_hub(hub, machine, tmp_path):
    backbone = OpenClipModel(model="RN50-quickgelu")
    weights = clip_encoder(backbone, None, 1).module
    files = {"open_clip_model.safetensors": saved(weights), "model.safetensors": b"of timm"}
    commit = hub.add("timm/resnet50_clip.openai", files, "model")
    encoder = build_encoder(OpenClip(backbone="b", tag="openai"), backbone, machine)
    assert same(encoder, weights)
    origin = encoder.card.origin
    assert origin is not None and origin.source == "open_clip"
    assert (origin.tag, origin.revision) == ("openai", commit)
    assert origin.location == "timm/resnet50_clip.openai/open_clip_model.safetensors"
    assert origin.sha256 == hashlib.sha256(files["open_clip_model.safetensors"]).hexdigest()
    save_encoder(tmp_path / "rn50", encoder)
    assert load_encoder(tmp_path / "rn50").card == encoder.card


def test_a_checkpoint_on_this_machine(machine, tmp_path):
    backbone = OpenClipModel(model="ViT-B-32")
    weights = clip_encoder(backbone, None, 1).module
    (tmp_path / "epoch_32.pt").write_bytes(training_checkpoint(weights))
    digest = hashlib.sha256((tmp_path / "epoch_32.pt").read_bytes()).hexdigest()
    item = CheckpointFile(backbone="b", file="epoch_32.pt", sha256=digest)
    encoder = build_encoder(item, backbone, machine)
    assert same(encoder, weights)
    assert encoder.card.origin is not None and encoder.card.origin.location == "epoch_32.pt"
    with pytest.raises(InputError, match=r"epoch_32\.pt: .*resnet18.*another architecture"):
        build_encoder(item, TorchvisionModel(model="resnet18"), machine)


def test_a_classifier_of_torchvision_comes_from_its_url(server, machine, monkeypatch):
    from torchvision import models

    model = models.resnet50()
    content = pickled(model.state_dict())
    digest = hashlib.sha256(content).hexdigest()[:8]
    weights = models.ResNet50_Weights.IMAGENET1K_V2
    server.files[f"/host/resnet50-{digest}.pth"] = content
    url = f"{server.url}/host/resnet50-{digest}.pth"
    monkeypatch.setattr(type(weights), "url", property(lambda _: url), raising=False)
    item = Torchvision(backbone="b", tag="IMAGENET1K_V2")
    encoder = build_encoder(item, TorchvisionModel(model="resnet50"), machine)
    assert torch.equal(encoder.module.get_parameter("head.weight"), model.fc.weight)
    assert encoder.card.preprocess.resize == 232
    assert encoder.card.origin is not None and encoder.card.origin.location == url
