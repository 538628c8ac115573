"""The official layouts of the published sets, at small scale."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stages.config.datasets import RealEntry, Shards
from stages.config.machine import Machine
from stages.datasets.imagenet import read_imagenet_classes
from stages.datasets.real import write_real
from tests.unit.datasets.conftest import saved

KNOWN = read_imagenet_classes()


def photo(number: int, form: str = "JPEG", **options: Any) -> bytes:
    """Return a small picture that differs from those of other numbers."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return saved(pixels, form, **options)


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their paths below `root`."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """Return a tar of files, in their order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # pyright: ignore
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files, in their order."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return stream.getvalue()


def webdataset(labels: list[int], form: str = "WEBP", first: int = 0) -> bytes:
    """Return a shard as clip_benchmark writes it: one key per label."""
    files = {}
    for number, label in enumerate(labels, first):
        files[f"s{number:07d}.cls"] = b"%d" % label
        files[f"s{number:07d}.{form.lower()}"] = photo(number, form)
    return tar(files)


def fetched(directory: Path, entry: Mapping[str, Any], **machine: Any) -> Path:
    """Fetch a set whose entry is written as in params.yaml, in shards of two images."""
    item = msgspec.convert(dict(entry), RealEntry)
    settings: dict[str, Any] = {
        "folders": str(directory),
        "downloads": str(directory / "downloads"),
    }
    out = directory / "out"
    write_real("a_set", item, Shards(images_per_shard=2), out, Machine(**settings | machine))
    return out
