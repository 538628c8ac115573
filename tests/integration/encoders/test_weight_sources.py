import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from stages.config.encoders import Backbone, OpenClipModel, TimmModel, TorchvisionModel
from stages.config.machine import Machine
from stages.config.weight_sources import Checkpoint, OpenClip, Timm, Torchvision, Untrained
from stages.encoders.encoder import Encoder, clip_encoder, load_encoder, save_encoder
from stages.encoders.preprocess import Preprocess
from stages.encoders.weights import build_encoder, open_clip_preprocess
from stages.runtime.errors import InputError
from tests.pipeline.zoo import pickled, training_checkpoint
from tests.unit.encoders.conftest import TINY, small_backbone

TINY_HUB = OpenClipModel(model="hf-hub:me/tiny")
SETTINGS = {"mean": [0.5, 0.5, 0.5], "resize_mode": "squash", "interpolation": "bilinear"}
CONFIG = json.dumps({"model_cfg": TINY.config, "preprocess_cfg": SETTINGS}).encode()


def saved(module: torch.nn.Module) -> bytes:
    return save({name: value.contiguous() for name, value in module.state_dict().items()})


def same(encoder: Encoder, module: torch.nn.Module) -> bool:
    state = module.state_dict()
    return all(torch.equal(state[k], t) for k, t in encoder.module.state_dict().items())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(downloads=str(tmp_path / "downloads"), folders=str(tmp_path))


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


def test_a_repository_says_how_its_clip_is_built(hub, machine, tiny_clip):
    files = {
        "open_clip_config.json": CONFIG,
        "open_clip_pytorch_model.bin": training_checkpoint(tiny_clip.module),
    }
    hub.add("me/tiny", files, "model")
    encoder = build_encoder(OpenClip(backbone="b"), TINY_HUB, machine)
    assert same(encoder, tiny_clip.module)
    std, half = (0.26862954, 0.26130258, 0.27577711), (0.5, 0.5, 0.5)
    assert encoder.card.preprocess == Preprocess(
        size=32, mean=half, std=std, interpolation="bilinear", mode="squash"
    )


@pytest.mark.parametrize("config", [b"{", b"{}", b"[]", b'{"model_cfg": {"embed_dim": 3}}'])
def test_a_repository_that_does_not_say_so_is_refused(hub, machine, tiny_clip, config):
    files = {
        "open_clip_config.json": config,
        "open_clip_model.safetensors": saved(tiny_clip.module),
    }
    hub.add("me/tiny", files, "model")
    with pytest.raises(InputError, match=r"me/tiny"):
        build_encoder(OpenClip(backbone="b"), TINY_HUB, machine)


def test_a_classifier_of_timm_comes_from_the_hub(hub, machine):
    import timm

    model = timm.create_model("resnet18").eval()
    hub.add("timm/resnet18.a1_in1k", {"model.safetensors": saved(model)}, "model")
    item, backbone = Timm(backbone="b", tag="a1_in1k"), TimmModel(model="resnet18")
    encoder = build_encoder(item, backbone, machine)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.module.eval()(images), model(images))
    assert encoder.card.architecture == TimmModel(model="resnet18.a1_in1k")


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


def test_a_checkpoint_on_this_machine(machine, tmp_path):
    backbone = OpenClipModel(model="ViT-B-32")
    weights = clip_encoder(backbone, None, 1).module
    (tmp_path / "epoch_32.pt").write_bytes(training_checkpoint(weights))
    digest = hashlib.sha256((tmp_path / "epoch_32.pt").read_bytes()).hexdigest()
    item = Checkpoint(backbone="b", file="epoch_32.pt", sha256=digest)
    encoder = build_encoder(item, backbone, machine)
    assert same(encoder, weights)
    assert encoder.card.origin is not None and encoder.card.origin.location == "epoch_32.pt"
    with pytest.raises(InputError, match=r"epoch_32\.pt: .*[Kk]ey.*another architecture"):
        build_encoder(item, TorchvisionModel(model="resnet18"), machine)


def test_a_checkpoint_elsewhere(server, machine):
    import timm

    backbone = TimmModel(model="resnet18")
    model = timm.create_model("resnet18")
    server.files["/last.pth.tar"] = content = training_checkpoint(model)
    digest = hashlib.sha256(content).hexdigest()
    item = Checkpoint(backbone="b", url=f"{server.url}/last.pth.tar", sha256=digest)
    encoder = build_encoder(item, backbone, machine)
    assert torch.equal(
        encoder.module.get_parameter("head.weight"), model.get_parameter("fc.weight")
    )


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_checkpoint_that_is_not_this_file_is_refused(machine, tmp_path, damage):
    if damage == "other":
        (tmp_path / "a.pt").write_bytes(b"something else")
    item = Checkpoint(backbone="b", file="a.pt", sha256="ab" * 32)
    message = {"missing": "no such file.*compute.yaml", "other": "expected the SHA-256 abab"}
    with pytest.raises(InputError, match=message[damage]):
        build_encoder(item, OpenClipModel(model="RN50"), machine)


def test_a_clip_by_its_sizes_takes_no_checkpoint(machine):
    backbone = small_backbone("rn")
    assert isinstance(backbone, Backbone)
    item = Checkpoint(backbone="b", file="a.pt", sha256="ab" * 32)
    with pytest.raises(InputError, match="vocabulary"):
        build_encoder(item, backbone, machine)


def test_a_repository_without_weights_is_refused(hub, machine):
    hub.add("me/tiny", {"README.md": b"", "weights.msgpack": b""}, "model")
    with pytest.raises(InputError, match=r"open_clip_model\.safetensors' or .*msgpack"):
        build_encoder(OpenClip(backbone="b"), TINY_HUB, machine)


def test_an_untrained_encoder_has_no_origin(machine):
    encoder = build_encoder(Untrained(backbone="b", seed=3), small_backbone("rn"), machine)
    assert encoder.card.origin is None


@pytest.mark.parametrize("settings", [{"resize_mode": "longest"}, {"interpolation": "nearest"}])
def test_images_prepared_in_other_ways_are_refused(settings):
    with pytest.raises(InputError, match="supported are"):
        open_clip_preprocess(settings, "mine")
