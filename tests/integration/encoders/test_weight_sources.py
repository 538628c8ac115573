import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from interpreting_clip.config.params import convert
from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.encoder import Encoder, load_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import OpenClipModel, TimmModel, TorchvisionModel
from interpreting_clip.encoders.weight_sources import (
    CheckpointFile,
    OpenClip,
    Timm,
    Torchvision,
    WeightsEntry,
)
from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import Preprocess
from runner.machine_settings import Machine
from tests.integration.encoders.conftest import same, saved
from tests.pipeline.zoo import pickled, training_checkpoint
from tests.unit.encoders.conftest import TINY, build_encoder

TINY_HUB = OpenClipModel(model="hf-hub:me/tiny")
SETTINGS = {"mean": [0.5, 0.5, 0.5], "resize_mode": "squash", "interpolation": "bilinear"}
CONFIG = json.dumps({"model_cfg": TINY.config, "preprocess_cfg": SETTINGS}).encode()


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


def test_a_classifier_of_timm_comes_from_the_hub(hub, machine):
    import timm

    model = timm.create_model("resnet18").eval()
    content = saved(model)
    commit = hub.add("timm/resnet18.a1_in1k", {"model.safetensors": content}, "model")
    item, backbone = Timm(backbone="b", tag="a1_in1k"), TimmModel(model="resnet18")
    encoder = build_encoder(item, backbone, machine)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.module.eval()(images), model(images))
    assert encoder.card.architecture == TimmModel(model="resnet18.a1_in1k")
    origin = encoder.card.origin
    assert origin is not None
    assert (origin.source, origin.tag, origin.revision) == ("timm", "a1_in1k", commit)
    assert origin.location == "timm/resnet18.a1_in1k/model.safetensors"
    assert origin.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("tag", ["fcmae", ""])
def test_self_supervised_weights_of_timm_have_no_head(hub, machine, tmp_path, tag):
    """With a tag of timm's or by a repository's name, with or without the tag in its file."""
    import timm

    model = timm.create_model("convnextv2_atto", num_classes=0).eval()
    if tag:
        name, files = "timm/convnextv2_atto.fcmae", {}
        item, backbone = Timm(backbone="b", tag=tag), TimmModel(model="convnextv2_atto")
    else:
        name, files = "me/atto", {"config.json": timm_config("convnextv2_atto", "mine")}
        item, backbone = Timm(backbone="b"), TimmModel(model="hf-hub:me/atto")
    hub.add(name, {"model.safetensors": saved(model), **files}, "model")
    encoder = build_encoder(item, backbone, machine)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.visual.eval()(images), model(images))
    assert encoder.head is None and encoder.card.classes == []
    assert encoder.card.preprocess.mean == ((0.485, 0.456, 0.406) if tag else (0.5, 0.4, 0.3))
    save_encoder(tmp_path / "saved", encoder)
    again = load_encoder(tmp_path / "saved")
    torch.testing.assert_close(again.visual(images), model(images))
    with pytest.raises(InputError, match=r"no trained head.*`probe`"):
        again.trained_head(["a"])


def timm_config(architecture: str, tag: str, **changes: Any) -> bytes:
    """Return the `config.json` that timm's `push_to_hf_hub` writes for a model without a head."""
    settings = {
        "tag": tag,
        "input_size": [3, 64, 64],
        "interpolation": "bilinear",
        "crop_pct": 0.9,
        "crop_mode": "center",
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.2],
        "num_classes": 0,
    }
    config = {"architecture": architecture, "num_classes": 0, "pretrained_cfg": settings}
    return json.dumps(config | changes).encode()


def test_a_classifier_of_torchvision_comes_from_its_url(server, machine, monkeypatch):
    from torchvision import models

    model = models.resnet18()
    content = pickled(model.state_dict())
    url = f"{server.url}/resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[url.removeprefix(server.url)] = content
    weights = models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setattr(type(weights), "url", property(lambda _: url), raising=False)
    item = Torchvision(backbone="b", tag="IMAGENET1K_V1")
    encoder = build_encoder(item, TorchvisionModel(model="resnet18"), machine)
    assert torch.equal(encoder.module.get_parameter("head.weight"), model.fc.weight)
    assert encoder.card.preprocess.resize == 256
    assert encoder.card.origin is not None and encoder.card.origin.location == url


RESNET = TimmModel(model="test_resnet")
"""A tower of 160 pixels, which timm prepares at 95 % of what it is cut from, bicubic."""

OTHER = {
    "mean": (0.5, 0.4, 0.3),
    "std": (0.1, 0.2, 0.5),
    "resize": 200,
    "interpolation": "bilinear",
}


def checkpoint(folder: Path, **preprocessing: Any) -> CheckpointFile:
    import timm

    (folder / "mine.pt").write_bytes(pickled(timm.create_model(RESNET.model).state_dict()))
    digest = hashlib.sha256((folder / "mine.pt").read_bytes()).hexdigest()
    entry = {"source": "checkpoint", "backbone": "b", "file": "mine.pt", "sha256": digest}
    return convert(entry | preprocessing, WeightsEntry, "weights.mine")


def seen_by_the_tower(encoder: Encoder, image: np.ndarray) -> np.ndarray:
    """Return the pixels of one image as they reach the tower when its activations are computed."""
    seen = []
    hook = encoder.visual.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    list(streamed_activations(encoder, [image], Machine(workers=0), "float32"))
    hook.remove()
    return seen[0].numpy()


def by_hand(image: np.ndarray, mean: Any, std: Any, resize: int, interpolation: str) -> np.ndarray:
    """Return what torchvision's own transforms make of an image, cut to 160 pixels."""
    from PIL import Image
    from torchvision.transforms import v2

    mode = v2.InterpolationMode(interpolation)
    steps = v2.Resize(resize, mode), v2.CenterCrop(160), v2.PILToTensor()
    pixels = v2.Compose(steps)(Image.fromarray(image)).double() / 255
    return v2.Normalize(list(mean), list(std))(pixels)[None].numpy()


@pytest.mark.parametrize("given", [(), ("mean", "resize"), tuple(OTHER)], ids="-".join)
def test_a_checkpoint_s_own_preprocessing_reaches_the_tower_and_the_card(machine, tmp_path, given):
    image = np.random.default_rng(0).integers(0, 256, (210, 260, 3), dtype=np.uint8)
    default = build_encoder(checkpoint(tmp_path), RESNET, machine).card.preprocess
    own = {key: OTHER[key] for key in given}
    entry = checkpoint(
        tmp_path, **{k: list(v) if k in ("mean", "std") else v for k, v in own.items()}
    )
    encoder = build_encoder(entry, RESNET, machine)
    assert encoder.card.preprocess == msgspec.structs.replace(default, **own)
    expected = {key: getattr(default, key) for key in OTHER} | own
    np.testing.assert_allclose(
        seen_by_the_tower(encoder, image), by_hand(image, **expected), atol=1e-5
    )
    save_encoder(tmp_path / "saved", encoder)
    assert load_encoder(tmp_path / "saved").card.preprocess == encoder.card.preprocess


def test_a_checkpoint_that_is_not_this_file_is_refused(machine, tmp_path):
    item = CheckpointFile(backbone="b", file="a.pt", sha256="ab" * 32)
    (tmp_path / "a.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match="SHA-256 abab"):
        build_encoder(item, OpenClipModel(model="RN50"), machine)
