"""Images, shards, archives and the official layouts of the published sets, at small scale."""

import io
import json
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow.parquet import write_table

from interpreting_clip.datasets.card import DatasetCard
from interpreting_clip.datasets.entries import RealEntry, RealShift, Shards
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.sources import (
    images_at,
    known_facts,
    locate,
    write_real_dataset,
)
from interpreting_clip.errors import InputError
from runner.machine_settings import Machine

KNOWN = read_imagenet_classes()


def saved(picture: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, form, **options)
    return stream.getvalue()


def card(shards: list[str], images: int) -> DatasetCard:
    return DatasetCard(
        dataset="set",
        images=images,
        classes=["cat", "dog", "owl"],
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


def tar(files: Mapping[str, bytes], mode: str = "w", *others: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # pyright: ignore
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for other in others:
            archive.addfile(other)
    return stream.getvalue()


def zipped(files: Mapping[str, bytes], kind: int = stat.S_IFREG) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            item = zipfile.ZipInfo(path)
            item.external_attr = (kind | 0o644) << 16
            archive.writestr(item, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def encrypted_zip(files: Mapping[str, bytes], password: bytes) -> bytes:
    """Return a zip as ObjectNet's is: with PKWARE's traditional cipher, which `zipfile` only reads.

    Written from section 6.1 of PKWARE's APPNOTE.TXT.
    """
    body, directory = b"", b""
    for name, data in files.items():
        crc, path = zlib.crc32(data), name.encode()
        sealed = encrypt(bytes(11) + bytes([crc >> 24]) + data, password)
        about = struct.pack("<HHHHIII", 1, 0, 0, 33, crc, len(sealed), len(data))
        entry = struct.pack("<4sHH", b"PK\1\2", 20, 20) + about
        entry += struct.pack("<HHHHHII", len(path), 0, 0, 0, 0, 0, len(body)) + path
        body += struct.pack("<4sH", b"PK\3\4", 20) + about + struct.pack("<HH", len(path), 0)
        body, directory = body + path + sealed, directory + entry
    ends = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + ends


def encrypt(data: bytes, password: bytes) -> bytes:
    """Return encrypted data; the cipher's three keys are updated with the plain text."""
    keys = (0x12345678, 0x23456789, 0x34567890)
    for byte in password:
        keys = turned(keys, byte)
    sealed = bytearray()
    for byte in data:
        mask = keys[2] | 2
        sealed.append(byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF))
        keys = turned(keys, byte)
    return bytes(sealed)


def turned(keys: tuple[int, int, int], byte: int) -> tuple[int, int, int]:
    """Return the keys after one byte of plain text."""
    first = crc_step(keys[0], byte)
    second = ((keys[1] + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
    return first, second, crc_step(keys[2], second >> 24)


def crc_step(crc: int, byte: int) -> int:
    """Return a CRC-32 updated by one byte, without its first and last inversion."""
    return zlib.crc32(bytes([byte]), crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def webdataset(labels: list[int], form: str = "WEBP", first: int = 0) -> bytes:
    """Return a shard as clip_benchmark writes it: one key per label."""
    files = {}
    for number, label in enumerate(labels, first):
        files[f"s{number:07d}.cls"] = b"%d" % label
        files[f"s{number:07d}.{form.lower()}"] = photo(number, form)
    return tar(files)


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

Row = tuple[bytes | None, str | None, Any]
"""An image, its name and its label."""


def parquet_file(rows: Sequence[Row], **options: Any) -> bytes:
    """Return rows in the columns of `datasets`, two per row group, as options may change."""
    images = pa.array([{"bytes": data, "path": path} for data, path, _ in rows], IMAGE)
    found = pa.table({"image": images, "label": pa.array([label for *_, label in rows])})
    label = {"names": list(KNOWN.names), "_type": "ClassLabel"}
    about = {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
    stream = io.BytesIO()
    settings: dict[str, Any] = {"row_group_size": 2} | options
    named = found.replace_schema_metadata({"huggingface": json.dumps(about)})
    write_table(named, stream, **settings)
    return stream.getvalue()


def imagenet_rows(*classes: int, split: str = "val", first: int = 1) -> list[Row]:
    """Return an image of each class, named as in the hub's ImageNet."""
    names = {
        "val": "ILSVRC2012_val_{number:08d}_{wnid}.JPEG",
        "train": "{wnid}_{number}_{wnid}.JPEG",
    }
    return [
        (photo(number), names[split].format(number=number, wnid=KNOWN.wnids[class_]), class_)
        for number, class_ in enumerate(classes, first)
    ]


def listed(directory: Path, entry: Mapping[str, Any], files: Mapping[str, bytes]) -> dict:
    """Return the class of each image in files that are written into the folder `set`."""
    write_files(directory / "set", files)
    item = msgspec.convert({"source": "folder", "folder": "set", **entry}, RealEntry | RealShift)
    place = locate(item, known_facts(item), Machine(folders=str(directory)))
    return {image.name: image.class_ for image in images_at(place)}


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
