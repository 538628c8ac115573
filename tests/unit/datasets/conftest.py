import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import write_images

CLASSES = ["cat", "dog", "owl"]


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


def saved(picture: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, form, **options)
    return stream.getvalue()


def card(shards: list[str], images: int) -> DatasetCard:
    return DatasetCard(
        dataset="set",
        images=images,
        classes=CLASSES,
        class_indices=[0, 2],
        source="test",
        licence="none",
        shards=shards,
    )


def photo(number: int, form: str = "JPEG", **options: Any) -> bytes:
    """Return a small picture that differs from those of other numbers."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return saved(pixels, form, **options)


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # pyright: ignore
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()
