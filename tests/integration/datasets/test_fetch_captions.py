"""Captioned sets: webdataset shards with texts, and ImageNet-Captions' JSON beside ImageNet."""

import json
from pathlib import Path
from typing import Any

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from tests.layouts import fetched, photo, tar, write_files


def shard(*numbers: int) -> bytes:
    """Return a shard as img2dataset writes it."""
    files = {}
    for number in numbers:
        files[f"{number:09d}.jpg"] = photo(number)
        files[f"{number:09d}.json"] = b"{}"
        files[f"{number:09d}.txt"] = f"an ünusual caption {number}".encode()
    return tar(files)


FOLDER = {"kind": "captions", "source": "folder", "folder": "set"}


def test_shards_in_a_folder(tmp_path: Path):
    write_files(tmp_path / "set", {"00001.tar": shard(3), "00000.tar": shard(1, 2), "a.json": b""})
    out = fetched(tmp_path, FOLDER)
    card = read_card(out)
    assert (card.images, card.classes, card.class_indices) == (3, [], [])
    with open_shards(out) as shards:
        assert shards.captions == [f"an ünusual caption {number}" for number in (1, 2, 3)]
        assert shards.classes.tolist() == [-1] * 3


IMAGES = {f"train/{w}/{w}_{n}.JPEG": photo(n) for w in ("n01440764", "n15075141") for n in (1, 2)}
TEXTS = [
    {
        "filename": "n15075141_2.JPEG",
        "wnid": "n15075141",
        "title": "Roll ",
        "tags": ["toilet", "paper"],
        "description": "Two\r\n\nlines.",
    },
    {"filename": "n01440764_1.JPEG", "title": "", "tags": [], "description": "a fish"},
]


def fetch_imagenet_captions(directory: Path, texts: Any, **more: Any) -> Path:
    write_files(directory, IMAGES | {"captions.json": json.dumps(texts).encode()})
    item = {"kind": "imagenet_captions", "source": "folder", "folder": "train"}
    return fetched(directory, item | {"captions": "captions.json"} | more)


def test_images_with_an_entry_get_its_texts(tmp_path: Path):
    out = fetch_imagenet_captions(tmp_path, TEXTS)
    with open_shards(out) as shards:
        assert shards.captions == ["a fish", "Roll toilet paper Two lines."]
        assert shards.classes.tolist() == [0, 999]
    assert sorted(read_card(out).origin) == ["captions.json", "train"]
