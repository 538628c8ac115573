"""The official layouts of the published sets, at small scale."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interpreting_clip.datasets.entries import RealEntry, Shards
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.sources import write_real_dataset
from interpreting_clip.errors import InputError
from runner.machine_settings import Machine
from tests.unit.datasets.conftest import photo, tar

KNOWN = read_imagenet_classes()


def zipped(files: Mapping[str, bytes]) -> bytes:
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
    write_real_dataset(
        "a_set", item, Shards(images_per_shard=2), out, Machine(**settings | machine)
    )
    return out


def refusal(directory: Path, entry: Mapping[str, Any]) -> str:
    """Return the one line that refuses a set."""
    with pytest.raises(InputError) as caught:
        fetched(directory, entry)
    assert "\n" not in str(caught.value)
    return str(caught.value)
