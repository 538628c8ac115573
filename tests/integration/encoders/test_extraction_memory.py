"""Activations are written as they come: memory does not grow with the number of images."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from torch import nn

from interpreting_clip.datasets.card import write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import write_images
from interpreting_clip.encoders.activations import extract_dataset
from interpreting_clip.encoders.encoder import Encoder, initialise
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


def extract(encoder: Encoder, directory: Path, out: Path) -> None:
    extract_dataset(encoder, directory, out, MACHINE, "float32")


def peak(function: Callable[..., None], *arguments: object) -> int:
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_holds_no_activations_of_the_images_before(tmp_path, wide):
    peaks = []
    for images in (100, 100, 500):  # the first pays for imports
        (folder := tmp_path / str(len(peaks))).mkdir()
        write_dataset(folder, images)
        peaks.append(peak(extract, wide, folder, folder / "out"))
    assert peaks[2] - peaks[1] < 400 * ROW / 4  # its place in an index takes less
