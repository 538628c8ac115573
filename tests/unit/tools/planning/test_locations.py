"""Where datasets and weights are taken from."""

import msgspec
import pytest

from stages.config.datasets import DatasetEntry
from stages.config.encoders import AnyBackbone, WeightsEntry
from stages.runtime.errors import InputError
from tools.reach import Folder, Repository, Url, dataset_locations, weight_places

CAPTIONS = {
    "kind": "imagenet_captions",
    "source": "folder",
    "folder": "train",
    "captions": "captions.json",
}


def with_weights(study, backbone, **entry):
    backbones = {"b": msgspec.convert(backbone, AnyBackbone)}
    entries = {"e": msgspec.convert({"backbone": "b", **entry}, WeightsEntry)}
    return msgspec.structs.replace(study, backbones=backbones, weights=entries)


def test_a_dataset_is_where_its_entry_says(remote):
    found = {key: dataset_locations(entry) for key, entry in remote.datasets.items()}
    assert found["imagenet_val"] == [Folder("val")]
    assert found["imagenet_v2"] == [Repository("owner/v2", "main", ("test/*.tar",), "dataset")]
    assert found["imagenet_a"] == [Url("http://host/a.tar")]
    assert found["imagenet_r"] == found["imagenet_sketch"] == []


def test_captions_need_their_file_and_the_images():
    entry = msgspec.convert(CAPTIONS, DatasetEntry)
    assert dataset_locations(entry) == [Folder("train"), Folder("captions.json")]


def test_weights_lie_where_their_library_takes_them_from(nano):
    model = {"kind": "torchvision", "model": "resnet50"}
    study = with_weights(nano, model, source="torchvision", tag="IMAGENET1K_V1")
    url = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
    assert weight_places(study) == {"e": [Url(url)]}


def test_a_hub_may_have_either_format(nano):
    model = {"kind": "open_clip", "model": "RN50-quickgelu"}
    study = with_weights(nano, model, source="open_clip", tag="openai", revision="v1")
    files = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    assert weight_places(study) == {
        "e": [Repository("timm/resnet50_clip.openai", "v1", files, "model")]
    }


def test_a_checkpoint_is_a_file_or_a_url(nano):
    model = {"kind": "open_clip", "model": "RN50"}
    zeros = "0" * 64
    study = with_weights(nano, model, source="checkpoint", file="a.pt", sha256=zeros)
    assert weight_places(study) == {"e": [Folder("a.pt")]}
    assert weight_places(nano) == {"rn_untrained": []}


def test_refuses_weights_that_do_not_exist_and_names_the_entry(nano):
    model = {"kind": "open_clip", "model": "RN50-quickgelu"}
    study = with_weights(nano, model, source="open_clip", tag="laion5b")
    with pytest.raises(InputError, match=r"^'weights\.e': open_clip has no weights 'laion5b'"):
        weight_places(study)
