from pathlib import Path

import pytest

from interpreting_clip.encoders.encoder_entries import (
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


@pytest.mark.parametrize(
    ("item", "backbone", "expected"),
    [
        (
            OpenClip(backbone="b", tag="cc12m"),
            RN50,
            AtHub("timm/resnet50_clip.cc12m", OpenClip.files, "main"),
        ),
        (Torchvision(backbone="b", tag="IMAGENET1K_V1"), RESNET50, AtUrl(TORCHVISION, "0676ba61")),
        (
            Timm(backbone="b", revision="v1"),
            TimmModel(model="hf-hub:me/mine"),
            AtHub("me/mine", Timm.files, "v1"),
        ),
        (CheckpointFile(backbone="b", url=URL, sha256=DIGEST), RN50, AtUrl(URL, DIGEST)),
        (Untrained(backbone="b", seed=0), RN50, None),
        (FOLDER, ExternalModel(model="in JAX"), AtPath(Path("mine/manifest.json"), DIGEST)),
    ],
)
def test_weights_lie_where_their_source_says(item, backbone, expected):
    assert item.location(backbone) == expected


def test_another_activation_than_that_of_the_training_is_refused():
    with pytest.raises(InputError, match=r"QuickGELU.*`model: ViT-B-32-quickgelu`"):
        open_clip("ViT-B-32", "laion400m_e32")


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
