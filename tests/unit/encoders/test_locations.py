from pathlib import Path

import pytest

from interpreting_clip.encoders.entries import (
    ExternalModel,
    OpenClipModel,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.encoders.sources.source import AtHub, AtPath, AtUrl
from interpreting_clip.encoders.sources.zoo import url_location
from interpreting_clip.encoders.weight_sources import (
    ActivationsFolder,
    CheckpointFile,
    OpenClip,
    Timm,
    Torchvision,
    Untrained,
)
from interpreting_clip.errors import InputError

DIGEST, URL = "ab" * 32, "https://example.org/a.pt"


FOLDER = ActivationsFolder(
    backbone="b", folder="mine", sha256=DIGEST, representation="linear", normalize_features=True
)


def open_clip(model: str, tag: str | None) -> object:
    return OpenClip(backbone="b", tag=tag).location(OpenClipModel(model=model))


RN50, RESNET50 = OpenClipModel(model="RN50-quickgelu"), TorchvisionModel(model="resnet50")
TORCHVISION = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
LAION = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"


@pytest.mark.parametrize(
    ("item", "backbone", "expected"),
    [
        (
            OpenClip(backbone="b", tag="cc12m"),
            RN50,
            AtHub("timm/resnet50_clip.cc12m", OpenClip.files, "main"),
        ),
        (
            OpenClip(backbone="b", tag="laion2b_s34b_b79k", revision="v1"),
            OpenClipModel(model="ViT-B-32"),
            AtHub(LAION, OpenClip.files, "v1"),
        ),
        (Torchvision(backbone="b", tag="IMAGENET1K_V1"), RESNET50, AtUrl(TORCHVISION, "0676ba61")),
        (
            Timm(backbone="b", tag="a1_in1k"),
            TimmModel(model="resnet18"),
            AtHub("timm/resnet18.a1_in1k", Timm.files, "main"),
        ),
        (
            Timm(backbone="b", revision="v1"),
            TimmModel(model="hf-hub:me/mine"),
            AtHub("me/mine", Timm.files, "v1"),
        ),
        (
            CheckpointFile(backbone="b", file="a.pt", sha256=DIGEST),
            RN50,
            AtPath(Path("a.pt"), DIGEST),
        ),
        (CheckpointFile(backbone="b", url=URL, sha256=DIGEST), RN50, AtUrl(URL, DIGEST)),
        (Untrained(backbone="b", seed=0), RN50, None),
        (FOLDER, ExternalModel(model="in JAX"), AtPath(Path("mine/manifest.json"), DIGEST)),
    ],
)
def test_weights_lie_where_their_source_says(item, backbone, expected):
    assert item.location(backbone) == expected


@pytest.mark.parametrize(
    ("model", "tag", "right"),
    [
        ("RN50", "openai", "RN50-quickgelu"),
        ("ViT-B-32", "laion400m_e32", "ViT-B-32-quickgelu"),
    ],
)
def test_another_activation_than_that_of_the_training_is_refused(model, tag, right):
    with pytest.raises(InputError, match=rf"QuickGELU.*write `model: {right}`"):
        open_clip(model, tag)


@pytest.mark.parametrize(
    ("item", "backbone", "message"),
    [
        (OpenClip(backbone="b", tag="mine"), OpenClipModel(model="RN50"), "openai"),
        (Torchvision(backbone="b", tag="V1"), TorchvisionModel(model="resnet51"), "resnet50"),
        (
            Timm(backbone="b", tag="augreg_in21k"),
            TimmModel(model="vit_tiny_patch16_224"),
            "1,000 classes",
        ),
    ],
)
def test_names_that_no_library_knows_are_refused(item, backbone, message):
    with pytest.raises(InputError, match=message):
        item.location(backbone)


def test_digests_are_read_off_urls():
    openai = f"https://example.org/clip/models/{DIGEST}/RN50.pt"
    assert url_location(openai).sha256 == DIGEST
    yfcc = url_location("https://example.org/rn50-quickgelu-yfcc15m-455df137.pt")
    assert yfcc.sha256 == "455df137"
    with pytest.raises(InputError, match=r"no checksum.*source: checkpoint"):
        url_location("https://example.org/b32_400m.pt")
    with pytest.raises(InputError, match="`revision: v1`"):  # that is for the hub alone
        url_location(openai, "v1")


def test_every_weight_of_the_zoo_has_a_place_or_a_reason():
    import open_clip as library

    for model, tag in library.list_pretrained():
        try:
            assert isinstance(open_clip(model, tag), AtHub | AtUrl)
        except InputError as error:
            assert any(word in str(error) for word in ("QuickGELU", "transformers", "CoCa"))
