import os

import msgspec
import pytest

from interpreting_clip.config.datasets import DatasetEntry
from interpreting_clip.config.encoders import AnyBackbone
from interpreting_clip.config.own_shifts import ShiftEntry
from interpreting_clip.config.weight_sources import WeightsEntry
from interpreting_clip.errors import InputError
from runner.machine_settings import Machine
from tools.amounts import UNKNOWN, Amount, about
from tools.reachable import (
    Answer,
    AskedSource,
    ask_all,
    dataset_sources,
    image_bytes,
    image_count,
    official_count,
    weight_sources,
)

OFFICIAL = [
    ("imagenet_val", "imagenet", 50_000),
    ("imagenet_train", "imagenet", 1_281_167),
    ("imagenet_v2", "imagenet_v2", 10_000),
    ("imagenet_r", "imagenet_r", 30_000),
    ("imagenet_sketch", "imagenet_sketch", 50_889),
    ("objectnet", "objectnet", 18_574),
    ("imagenet_a", "imagenet_a", 7_500),
    ("broden", "broden", 63_305),
]

LIMITS = [
    ("imagenet_val", "imagenet", 5000, Amount(5000)),
    ("imagenet_val", "imagenet", 5999, Amount(5000)),
    ("imagenet_val", "imagenet", 60_000, Amount(50_000)),
    ("imagenet_train", "imagenet", 733_000, about(733_000)),
    ("imagenet_r", "imagenet_r", 4000, about(4000)),
    ("broden", "broden", 5001, Amount(5001)),
    ("web", "captions", 7, about(7)),
]


def folder(kind: str, limit: int | None = None, **more):
    entry = {"kind": kind, "source": "folder", "folder": "x", "limit": limit, **more}
    return msgspec.convert(entry, DatasetEntry)


def with_weights(study, backbone, **entry):
    backbones = {"b": msgspec.convert(backbone, AnyBackbone)}
    entries = {"e": msgspec.convert({"backbone": "b", **entry}, WeightsEntry)}
    return msgspec.structs.replace(study, backbones=backbones, weights=entries)


def test_a_dataset_is_where_its_entry_says(remote):
    found = {key: dataset_sources(entry) for key, entry in remote.datasets.items()}
    assert found["imagenet_val"] == [AskedSource("folder", "val")]
    assert found["imagenet_v2"] == [AskedSource("dataset", "owner/v2", "main", ("test/*.tar",))]
    assert found["imagenet_a"] == [AskedSource("url", "http://host/a.tar")]
    assert found["imagenet_r"] == found["imagenet_sketch"] == []
    entry = folder("imagenet_captions", captions="captions.json")
    assert dataset_sources(entry) == [
        AskedSource("folder", "x"),
        AskedSource("folder", "captions.json"),
    ]


def test_an_own_shift_is_asked_for_like_any_dataset():
    hub = {"repository": "owner/night", "revision": "v1"}
    known = {"kind": "own", "label": "Night", "baseline": "none", "classes": "all"}
    entry = msgspec.convert({**known, "source": "hub", "hub": hub}, ShiftEntry)
    assert dataset_sources(entry) == [AskedSource("dataset", "owner/night", "v1", ("test/*.tar",))]
    assert not image_count("night", entry).complete
    limited = {**known, "source": "folder", "folder": "x", "limit": 80}
    assert image_count("night", msgspec.convert(limited, ShiftEntry)) == about(80)


RESNET = {"kind": "torchvision", "model": "resnet50"}
CLIP = {"kind": "open_clip", "model": "RN50-quickgelu"}
URL = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
FORMATS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@pytest.mark.parametrize(
    ("backbone", "entry", "expected"),
    [
        (RESNET, {"source": "torchvision", "tag": "IMAGENET1K_V1"}, AskedSource("url", URL)),
        (
            CLIP,
            {"source": "open_clip", "tag": "openai", "revision": "v1"},
            AskedSource("model", "timm/resnet50_clip.openai", "v1", FORMATS),
        ),
        (
            CLIP,
            {"source": "checkpoint", "file": "a.pt", "sha256": "0" * 64},
            AskedSource("folder", "a.pt"),
        ),
    ],
    ids=["torchvision", "hub", "checkpoint"],
)
def test_weights_lie_where_their_library_takes_them_from(nano, backbone, entry, expected):
    assert weight_sources(with_weights(nano, backbone, **entry)) == {"e": [expected]}
    assert weight_sources(nano) == {"rn_untrained": []}


def test_refuses_weights_that_do_not_exist_and_names_the_entry(nano):
    model = {"kind": "open_clip", "model": "RN50-quickgelu"}
    study = with_weights(nano, model, source="open_clip", tag="laion5b")
    with pytest.raises(InputError, match=r"^'weights\.e': open_clip has no weights 'laion5b'"):
        weight_sources(study)


def test_offline_asks_nobody_but_looks_at_folders(tmp_path):
    (tmp_path / "here").touch()
    (tmp_path / "empty").mkdir()
    folders = [AskedSource("folder", name) for name in ("here", "gone", "empty")]
    others = [
        AskedSource("url", "http://unreachable.invalid/a"),
        AskedSource("dataset", "a/b", "main"),
    ]
    found = ask_all(folders + others, Machine(folders=str(tmp_path)), offline=True)
    assert found[folders[0]] == Answer(None, Amount(0))
    assert str(found[folders[1]].problem).startswith(f"{tmp_path}/gone: missing")
    assert "empty folder" in str(found[folders[2]].problem)
    assert {found[source] for source in others} == {Answer(None, UNKNOWN, asked=False)}


def test_a_pattern_of_parquet_files_has_to_match_one(tmp_path):
    (tmp_path / "train-0.parquet").touch()
    sources = [AskedSource("folder", f"{split}-*.parquet") for split in ("train", "val")]
    found = ask_all(sources, Machine(folders=str(tmp_path)), offline=True)
    assert found[sources[0]].problem is None
    assert "val-*.parquet: no such files" in str(found[sources[1]].problem)


def test_an_absolute_folder_is_taken_as_it_is_and_has_to_be_legible(tmp_path, monkeypatch):
    source = AskedSource("folder", str(tmp_path))
    (tmp_path / "file").touch()
    assert ask_all([source], Machine(folders="elsewhere"), offline=False)[source].problem is None
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.F_OK)
    problem = ask_all([source], Machine(), offline=False)[source].problem
    assert "may not be read" in str(problem)


@pytest.mark.parametrize(("key", "kind", "images"), OFFICIAL)
def test_a_whole_set_has_its_published_images(key, kind, images):
    assert image_count(key, folder(kind)) == Amount(images)


@pytest.mark.parametrize(("key", "kind", "limit", "expected"), LIMITS)
def test_a_limit_takes_equally_many_of_each_class(key, kind, limit, expected):
    assert image_count(key, folder(kind, limit)) == expected
    assert official_count(key, folder(kind, limit)) == official_count(key, folder(kind))


def test_what_nobody_has_published_is_unknown():
    assert image_count("web", folder("captions")) == UNKNOWN
    assert image_count("some_imagenet", folder("imagenet")) == UNKNOWN
    assert image_count("imagenet_val", folder("imagenet", partial=True)) == UNKNOWN
    assert image_bytes("objectnet", folder("objectnet"), None) == UNKNOWN


def test_drawn_and_absent_sets_have_the_images_that_they_say(nano):
    entry = nano.datasets["imagenet_val"]
    assert image_count("imagenet_val", entry) == Amount(entry.images)
    assert not image_bytes("imagenet_val", entry, nano.sources.world).exact
    absent = msgspec.convert({"kind": "absent", "source": "none"}, DatasetEntry)
    assert image_count("objectnet", absent) == Amount(0)


def test_bytes_of_all_images_are_those_of_the_archive():
    each = image_bytes("imagenet_val", folder("imagenet"), None)
    assert each.value * 50_000 == pytest.approx(6.74e9)
