"""Damaged and wrong files of the formats that come from outside: a result or one line.

Each format begins with a small whole file, which is damaged in seeded ways and read by the function
that a stage reads it with. A case that fails names its seed.
"""

import argparse
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow.parquet import write_table
from safetensors.torch import save

from interpreting_clip.datasets import parquet as tables
from interpreting_clip.datasets import webdataset as shards
from interpreting_clip.datasets.entries import ImageNet
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.datasets.images import decode_image, image_extension
from interpreting_clip.datasets.layout import OpenedSource
from interpreting_clip.downloads.archives import iterate_archive
from interpreting_clip.encoders.checkpoints import read_checkpoint
from interpreting_clip.encoders.encoder import copy_state
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.state_dicts import TowerSpec, find_tower
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.array_files import open_floats
from tests.layouts import photo, tar
from tests.reads import ROOT

CASES = 50


def damaged(content: bytes, seed: int) -> bytes:
    """Return a content with one to four corruptions, as disks, networks and editors make them."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, size = rng.randrange(len(content) + 1), rng.choice((1, 2, 4, 16, 512))
        before, block, after = content[:at], content[at : at + size], content[at + size :]
        match rng.randrange(5):
            case 0:
                block = bytes(byte ^ 1 << rng.randrange(8) for byte in block[:1]) + block[1:]
            case 1:
                block = b""
            case 2:
                block += block
            case 3:
                block = rng.randbytes(size)
            case _:
                block = after = b""
        content = before + block + after
    return content


Read = Callable[[Path], object]
Format = tuple[str, bytes, Read]
"""A file's name and content, and what reads it; errors name the file, its folder or `here`."""

MODULE = torch.nn.Linear(3, 2)
WEIGHTS = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
CHECKPOINT = {"state_dict": WEIGHTS, "args": argparse.Namespace(lr=0.1)}
ENTRY = ImageNet(source="folder", folder="x")
ILSVRC = published_set(ENTRY, read_imagenet_classes(ROOT / "data/reference"))


def opened(file: Path) -> OpenedSource:
    return OpenedSource("here", {}, None, {file.name: file}, ENTRY, ILSVRC)


def read_weights(file: Path) -> None:
    spec = TowerSpec("here", "tiny", MODULE.state_dict(), 2)
    tower = find_tower(read_checkpoint(file, "here"), spec, Choice()).tower()
    copy_state(MODULE, tower, "here", "get another")


def checkpoint(folder: Path) -> Format:
    torch.save(CHECKPOINT, stream := io.BytesIO())
    return "mine.pt", stream.getvalue(), read_weights


def safetensors(folder: Path) -> Format:
    return "mine.safetensors", save(WEIGHTS), read_weights


def read_archive(file: Path) -> None:
    for _ in iterate_archive(file, "here", lambda name: name.endswith("JPEG")):
        pass


def imagenet_tar(folder: Path) -> Format:
    """A tar in which each class is a tar."""
    classes = {"n01440764.tar": tar({"a.JPEG": photo(1)}), "n01443537.tar": tar({"b.JPEG": b"2"})}
    return "train.tar", tar(classes), read_archive


def zipped(folder: Path) -> Format:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("n01440764/a.JPEG", "n01440764/b.JPEG"):
            archive.writestr(name, photo(1))
    return "a.zip", stream.getvalue(), read_archive


def webdataset(folder: Path) -> Format:
    def read(file: Path) -> None:
        with error_context("here", ValueError):
            for found in shards.images(opened(file), lambda _: True):
                found.read()

    content = {"a.cls": b"1", "a.jpg": photo(1), "b.cls": b"2", "b.jpg": photo(2)}
    return "0.tar", tar(content), read


def parquet(folder: Path) -> Format:
    def read(file: Path) -> None:
        with error_context("here", ValueError):
            for found in tables.images(opened(file), lambda _: True):
                found.read()

    images = [{"bytes": photo(i), "path": f"ILSVRC2012_val_0000000{i}.JPEG"} for i in range(1, 5)]
    write_table(pa.table({"image": images, "label": [0, 1, 2, 3]}), stream := io.BytesIO())
    return "0.parquet", stream.getvalue(), read


def image(form: str) -> Callable[[Path], Format]:
    def read(file: Path) -> None:
        data = file.read_bytes()
        if image_extension(data) is None:  # as `fetch` refuses it
            raise InputError(f"{file}: no image")
        decode_image(data, "here")

    return lambda folder: ("photo", photo(1, form), read)


def npy(folder: Path) -> Format:
    np.save(stream := io.BytesIO(), np.ones((6, 3), np.float32))
    read = lambda file: list(open_floats(file, "activations").blocks())  # noqa: E731
    return "a.npy", stream.getvalue(), read


FORMATS: dict[str, Callable[[Path], Format]] = {
    **{"checkpoint": checkpoint, "safetensors": safetensors, "ImageNet's tar": imagenet_tar},
    **{"zip": zipped, "webdataset": webdataset, "parquet": parquet, "npy": npy},
    **{"JPEG": image("JPEG"), "PNG": image("PNG")},
}

WRONG: dict[str, Callable[[bytes], bytes]] = {
    "HTML page": lambda _: b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>\n",
    "LFS pointer": lambda _: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 12345\n" % (b"4d7a" * 16)
    ),
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
}


@pytest.fixture(params=FORMATS)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Format:
    return FORMATS[request.param](tmp_path)


def outcome(file: Path, content: bytes, read: Read) -> str:
    """Return what is said of a content, one line that says where, or nothing of a result."""
    file.write_bytes(content)
    try:
        read(file)
    except InputError as error:
        said = str(error)
        assert "\n" not in said, said
        assert any(name in said for name in ("here", file.name, str(file.parent))), said
        return said
    return ""


def test_a_damaged_file_gives_a_result_or_one_line(whole, tmp_path, capfd):
    name, content, read = whole
    assert outcome(tmp_path / name, content, read) == ""
    refused = 0
    for seed in range(CASES):
        try:
            refused += bool(outcome(tmp_path / name, damaged(content, seed), read))
            assert not any(capfd.readouterr()), "something was printed"
        except BaseException as error:
            error.add_note(f"the damage is that of seed {seed}")
            raise
    assert refused > CASES / 10


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused(whole, tmp_path, wrong):
    name, content, read = whole
    assert outcome(tmp_path / name, WRONG[wrong](content), read)
