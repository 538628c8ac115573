from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.datasets.card import write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import write_images
from tests.layouts import card


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)


@pytest.fixture
def write_set(tmp_path: Path, pictures: np.ndarray) -> Callable[..., Path]:
    """Write seven tiny images (classes 0, 2, 0, 2, …) in shards of three; return their folder."""

    def write(name: str = "set", captions: bool = True) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        images = [
            (encode_png(picture), row % 2 * 2, f"a caption {row}" if captions else None)
            for row, picture in enumerate(pictures)
        ]
        write_card(card(write_images(images, 3, directory), len(pictures)), directory)
        return directory

    return write
