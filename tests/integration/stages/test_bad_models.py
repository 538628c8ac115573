"""Models, weights and activations that a library does not have, or not together."""

import re
from typing import Any

import pytest

from stages import weights
from stages.config.encoders import OpenClipModel
from stages.config.weight_sources import OpenClip
from stages.encoders.locations import locate_weights
from stages.runtime.imports import import_open_clip
from tests.integration.downloads.loopback import TOKEN
from tests.pipeline.refusals import refused, write_weights
from tests.pipeline.zoo import put
from tests.unit.encoders.conftest import TINY

pytestmark = pytest.mark.usefixtures("place")

VIT, RN50 = "ViT-B-32", {"kind": "torchvision", "model": "resnet50"}
Entry = dict[str, Any]


def clip(model: str) -> dict[str, str]:
    """Return a backbone of open_clip."""
    return {"kind": "open_clip", "model": model}


UNKNOWN: dict[str, tuple[Entry, Entry, str]] = {
    "open_clip model": (
        clip("ViT-B-33"),
        {"source": "open_clip", "tag": "openai"},
        r"backbones: open_clip has no model 'ViT-B-33'; .*ViT-B-32",
    ),
    "open_clip tag": (
        clip(VIT),
        {"source": "open_clip", "tag": "laion2b_s34b_b79"},
        r"weights: open_clip has no weights 'laion2b_s34b_b79' of 'ViT-B-32'; .*laion2b_s34b_b79k",
    ),
    "torchvision model": (
        {"kind": "torchvision", "model": "resnet51"},
        {"source": "torchvision", "tag": "IMAGENET1K_V1"},
        r"backbones: torchvision has no classifier 'resnet51'; .*resnet50",
    ),
    "torchvision tag": (
        RN50,
        {"source": "torchvision", "tag": "IMAGENET1K_V3"},
        r"weights: torchvision has no weights 'IMAGENET1K_V3' of 'resnet50'; legal values: ",
    ),
    "moving torchvision tag": (
        RN50,
        {"source": "torchvision", "tag": "DEFAULT"},
        r"weights: torchvision has no weights 'DEFAULT' of 'resnet50'; legal values: ",
    ),
    "timm tag": (
        {"kind": "timm", "model": "test_vit"},
        {"source": "timm", "tag": "in1k"},
        r"weights: timm has no weights 'in1k' of 'test_vit'; legal values: r160_in1k",
    ),
    "a tag beside a repository": (
        clip("hf-hub:me/tiny"),
        {"source": "open_clip", "tag": "openai"},
        r"weights: 'hf-hub:me/tiny' names its weights itself; leave out the key `tag`",
    ),
    "weights of another library": (
        RN50,
        {"source": "open_clip", "tag": "openai"},
        r"weights: the source 'open_clip' needs a backbone of the kind 'open_clip', got 'torchvisi",
    ),
    "another tokenizer": (
        clip("ViT-B-16-SigLIP"),
        {"source": "open_clip", "tag": "webli"},
        r"open_clip's model 'ViT-B-16-SigLIP': its text needs .* of the package transformers, exp",
    ),
    "another text tower": (
        clip("roberta-ViT-B-32"),
        {"source": "open_clip", "tag": "laion2b_s12b_b32k"},
        r"open_clip's model 'roberta-ViT-B-32': its text needs 'roberta-base' of the package trans",
    ),
    "a model that writes captions": (
        clip("coca_ViT-B-32"),
        {"source": "open_clip", "tag": "laion2b_s13b_b90k"},
        r"open_clip's model 'coca_ViT-B-32' writes captions \(CoCa\), expected a CLIP",
    ),
    "QuickGELU left out": (
        clip(VIT),
        {"source": "open_clip", "tag": "openai"},
        r"weights: 'openai' was trained with QuickGELU, .*; write `model: ViT-B-32-quickgelu`$",
    ),
    "QuickGELU too much": (
        clip(f"{VIT}-quickgelu"),
        {"source": "open_clip", "tag": "laion2b_s34b_b79k"},
        r"weights: 'laion2b_s34b_b79k' was trained without QuickGELU, .*; write `model: ViT-B-32`$",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_a_library_does_not_have(hub, case):
    backbone, entry, expected = UNKNOWN[case]
    write_weights(backbone, entry)
    assert re.match(expected, refused(weights.main, "mine"))
    assert hub.requests == []


@pytest.fixture
def small_zoo(monkeypatch: pytest.MonkeyPatch, hub):
    """Put a small CLIP into open_clip's zoo, with weights of both activations on the hub."""
    open_clip = import_open_clip()
    models, tags = open_clip.factory._MODEL_CONFIGS, open_clip.pretrained._PRETRAINED
    plain = {**TINY.config, "quick_gelu": False}
    quick = {"hf_hub": "me/quick/", "quick_gelu": True}
    monkeypatch.setitem(models, "small", plain)
    monkeypatch.setitem(models, "small-quickgelu", TINY.config)
    monkeypatch.setitem(tags, "small", {"quick": quick, "plain": {"hf_hub": "me/plain/"}})
    monkeypatch.setitem(tags, "small-quickgelu", {"quick": quick})
    from stages.encoders.encoder import clip_encoder

    state = clip_encoder(TINY, None, 0).module.state_dict()
    for tag, model in (("quick", "small-quickgelu"), ("plain", "small")):
        put(hub, locate_weights(OpenClip(backbone="x", tag=tag), OpenClipModel(model=model)), state)
    return hub


@pytest.mark.parametrize(
    ("tag", "wrong", "right"),
    [("quick", "small", "small-quickgelu"), ("plain", "small-quickgelu", "small")],
)
def test_the_model_that_is_named_instead_is_right(small_zoo, tag, wrong, right):
    write_weights(clip(wrong), {"source": "open_clip", "tag": tag})
    assert refused(weights.main, "mine").endswith(f"write `model: {right}`")
    write_weights(clip(right), {"source": "open_clip", "tag": tag})
    weights.main("mine")


def test_weights_on_the_hub_that_break_off_come_with_the_next_run(small_zoo):
    write_weights(clip("small"), {"source": "open_clip", "tag": "plain"})
    place = small_zoo.place("me/plain", "open_clip_model.safetensors", "model")
    small_zoo.cdn.drops[place] = [100_000] + [0] * 100
    assert "open_clip_model.safetensors: no connection" in refused(weights.main, "mine")
    small_zoo.cdn.drops.clear()
    weights.main("mine")


def test_gated_weights_and_a_revision_that_is_not_there(small_zoo, monkeypatch):
    files = small_zoo.repositories["model", "me/plain"].files
    small_zoo.add("me/plain", files, "model", gated=True)
    write_weights(clip("small"), {"source": "open_clip", "tag": "plain", "revision": "v2"})
    said = refused(weights.main, "mine")
    assert said.startswith(
        "me/plain@v2: there is no revision 'v2'; check `revision` in params.yaml"
    )
    write_weights(clip("small"), {"source": "open_clip", "tag": "plain"})
    said = refused(weights.main, "mine")
    assert re.match(
        r"me/plain@\w+: open_clip_model.safetensors: gated, and no valid token was", said
    )
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    weights.main("mine")
