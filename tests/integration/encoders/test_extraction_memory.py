"""Activations are in memory once, or not at all while they are written as they are computed."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from torch import nn

from interpreting_clip.datasets.card import write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.encoders.activations import extract_dataset, streamed_activations
from interpreting_clip.encoders.encoder import Encoder, initialise
from interpreting_clip.formats.tensors import write_rows
from runner.machine_settings import Machine
from tests.layouts import card
from tests.unit.encoders.conftest import small_backbone

SIDE, WIDTH = 32, 3 * 32 * 32
ROW = 4 * WIDTH
"""The bytes of an image's activations."""

MACHINE = Machine(batch_size=8, workers=2)


@pytest.fixture
def wide() -> Encoder:
    """Return an encoder whose activations are the pixels: 12 KiB an image."""
    facts = initialise(small_backbone("vit"), 0).card
    tower = nn.Module()
    tower.visual = nn.Flatten()
    return Encoder(replace(facts, feature_width=WIDTH), tower)


def picture(image: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), image % 256, np.uint8)


def write_dataset(directory: Path, images: int) -> None:
    drawn = ((encode_png(picture(image)), image % 2 * 2, None) for image in range(images))
    write_card(card(write_images(drawn, 100, directory), images), directory)


def hold(encoder: Encoder, directory: Path, out: Path) -> None:
    extract_dataset(encoder, directory, out, MACHINE, "float32")


def stream(encoder: Encoder, directory: Path, out: Path) -> None:
    with open_shards(directory) as images:
        blocks = streamed_activations(encoder, images, MACHINE, "float32")
        write_rows(out / "rows.npy", (len(images), WIDTH), blocks)


def peak(function: Callable[..., None], *arguments: object) -> int:
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("extract", "copies"), [(hold, 1), (stream, 0)])
def test_memory_holds_the_activations_so_often(tmp_path, wide, extract, copies):
    peaks = []
    for images in (100, 100, 500):  # the first pays for imports
        (folder := tmp_path / str(len(peaks))).mkdir()
        write_dataset(folder, images)
        peaks.append(peak(extract, wide, folder, folder / "out"))
    # The place of an image in an index takes less than half a row.
    assert round((peaks[2] - peaks[1]) / (400 * ROW)) == copies
