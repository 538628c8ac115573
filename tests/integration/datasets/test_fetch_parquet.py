"""Parquet files, as the hub's `datasets` library writes them, become shards and a card."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from tests.integration.downloads.loopback import TOKEN, HubServer
from tests.layouts import (
    KNOWN,
    Row,
    fetched,
    photo,
    refusal,
    saved,
    write_files,
)
from tests.layouts import imagenet_rows as imagenet
from tests.layouts import parquet_file as file
from tests.layouts import parquet_table as table
from tests.reads import ROOT

NAME = "ILSVRC/imagenet-1k"
OBJECTNET = ["air_freshener", *KNOWN.objectnet]


def entry(kind: str = "imagenet", files: str = "data/validation-*.parquet", **more: Any):
    hub = {"repository": NAME, "revision": "main", "files": files}
    return {"kind": kind, "source": "hub", "hub": hub, "partial": True} | more


def from_folder(kind: str = "imagenet", folder: str = "data", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "source": "folder", "folder": folder, "partial": True} | more


def test_the_hub_s_imagenet_is_read_split_by_split(hub: HubServer, tmp_path: Path, monkeypatch):
    hub.use(monkeypatch, TOKEN)
    splits = {
        "data/test-00000-of-00001.parquet": file([(photo(99), "ILSVRC2012_test_1.JPEG", -1)]),
        "data/train-00000-of-00001.parquet": file(imagenet(5, 5, split="train", first=40)),
        "data/validation-00000-of-00002.parquet": file(imagenet(0, 999, 281)),
        "data/validation-00001-of-00002.parquet": file(imagenet(281, first=9)),
    }
    commit = hub.add(NAME, splits, gated=True)
    out = fetched(tmp_path, entry())
    card = read_card(out)
    assert (card.origin, card.class_indices) == ({NAME: commit}, [0, 281, 999])
    with open_shards(out) as opened:
        assert opened.classes.tolist() == [0, 999, 281, 281]
        assert [opened.stored(i) for i in range(4)] == [photo(n) for n in (1, 2, 3, 9)]
    train = fetched(tmp_path, entry(files="data/train-*.parquet"))
    assert read_card(train).class_indices == [5]
    said = refusal(tmp_path, entry(files="data/test-*.parquet"))
    assert "got -1" in said and "take those of `validation`" in said


@pytest.mark.parametrize("folder", ["data/validation-*.parquet", "validation"])
def test_a_folder_or_a_pattern_of_files_is_read(tmp_path: Path, folder: str):
    write_files(tmp_path, {f"validation/{n}.parquet": file(imagenet(n)) for n in (10, 2)})
    write_files(tmp_path, {f"data/validation-{n}.parquet": file(imagenet(n)) for n in (10, 2)})
    write_files(tmp_path, {"data/train-0.parquet": file(imagenet(7))})
    out = fetched(tmp_path, from_folder(folder=folder))
    with open_shards(out) as opened:
        assert opened.classes.tolist() == [2, 10]
    assert list(read_card(out).origin) == [folder]


def test_a_limit_takes_the_images_that_it_takes_of_class_folders(tmp_path: Path):
    rows = imagenet(*[3] * 9, *[4] * 9)
    write_files(tmp_path, {"data/0.parquet": file(rows[:7]), "data/1.parquet": file(rows[7:])})
    official = {
        f"{KNOWN.wnids[c]}/{name[:-15]}.JPEG": data for data, name, c in rows if data and name
    }
    write_files(tmp_path / "folders", official)
    from_files = fetched(tmp_path, from_folder(limit=6))
    with open_shards(from_files) as opened:
        taken = {opened.stored(i) for i in range(6)}
        assert opened.classes.tolist() == [3] * 3 + [4] * 3
    with open_shards(fetched(tmp_path, from_folder(folder="folders", limit=6))) as opened:
        assert {opened.stored(i) for i in range(6)} == taken


def objectnet(*names: str) -> bytes:
    """Return images as in ObjectNet: a red border of one pixel, lossless."""
    rows: list[Row] = []
    for number, name in enumerate(names):
        pixels = np.full((8, 10, 3), (255, 0, 0), np.uint8)
        pixels[1:-1, 1:-1] = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        rows.append((saved(pixels, "WEBP", lossless=True), None, OBJECTNET.index(name)))
    return file(table(rows, OBJECTNET))


def test_of_objectnet_the_classes_of_imagenet_are_taken_and_the_border_is_cropped(tmp_path: Path):
    write_files(tmp_path, {"data/test-0.parquet": objectnet("wok", "air_freshener", "alarm_clock")})
    out = fetched(tmp_path, from_folder("objectnet"))
    assert (read_card(out).images, read_card(out).border) == (2, 1)
    with open_shards(out) as opened:
        assert opened.classes.tolist() == [KNOWN.objectnet["wok"][0], 409]
        assert opened[0].shape == (6, 8, 3)
        red = (opened[0] == (255, 0, 0)).all(axis=2)
        assert not red.all(axis=0).any() and not red.all(axis=1).any()


def test_labels_may_be_names(tmp_path: Path):
    names = ("wok", "Air freshener", "Banana")
    rows: list[Row] = [(photo(n), None, name) for n, name in enumerate(names)]
    write_files(tmp_path, {"data/0.parquet": file(table(rows, None))})
    with open_shards(fetched(tmp_path, from_folder("objectnet"))) as opened:
        assert opened.classes.tolist() == [KNOWN.objectnet["wok"][0], KNOWN.objectnet["banana"][0]]


def test_labels_without_names_are_indices_of_imagenet_alone(tmp_path: Path):
    write_files(tmp_path, {"data/0.parquet": file(table(imagenet(7, 999), None))})
    assert read_card(fetched(tmp_path, from_folder())).class_indices == [7, 999]
    said = refusal(tmp_path, from_folder("imagenet_v2"))
    assert "the schema's metadata have no names of the labels" in said


def test_captions_of_imagenet_find_their_images(tmp_path: Path):
    write_files(tmp_path, {"data/train-0.parquet": file(imagenet(0, 1, split="train"))})
    captions = [{"filename": f"{KNOWN.wnids[1]}_2.JPEG", "title": "a goldfish"}]
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    out = fetched(tmp_path, from_folder("imagenet_captions", captions="captions.json"))
    with open_shards(out) as opened:
        assert (opened.captions, opened.classes.tolist()) == (["a goldfish"], [1])


GOOD = imagenet(0, 1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PAR1", "no parquet file"),
        (file(GOOD)[:-9], "cut short"),
        (file(table(GOOD, KNOWN.names[:10])), "1,000 names .*got 10"),
        (file([(photo(1), "n01491361_1.JPEG", 4)]), "class 4.*n01491361"),
        (file([(photo(1), None, 1000)]), "0 to 999, got 1000"),
        (
            file([(photo(1), None, None), (photo(1), None, 1)]),
            "expected a label .* got none; check",
        ),
        (
            file([(None, "elsewhere/a.JPEG", 1)]),
            "0.parquet/0/a.JPEG: an image has a path and no bytes",
        ),
        (
            file([(photo(1), None, 1), (b"", None, 1)]),
            "0.parquet/1: its content is not an image",
        ),
        (file([(photo(1)[:-30], "a.JPEG", 1)]), "0.parquet/0/a.JPEG: .*broken"),
        (file(pa.table({"webp": [photo(1)], "cls": [1]})), "got webp: binary, cls: int64"),
        (file(pa.table({"image": [photo(1)], "label": [1]})), "`image` of bytes and path"),
        (file(table([(photo(1), None, 0.5)])), "`label` of numbers or names, got .* double"),
        (file(table([(photo(1), None, [1])])), "`label` of numbers or names, got .* list"),  # pyright: ignore
        (
            file(table(GOOD).replace_schema_metadata({"huggingface": "{"})),
            "0.parquet: the schema's metadata `huggingface`",
        ),
        (file(table(GOOD)[:0]), "found none; .*LMDB"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes, message: str):
    write_files(tmp_path, {"data/0.parquet": content})
    assert re.search(message, refusal(tmp_path, from_folder())), refusal(tmp_path, from_folder())
    assert not (tmp_path / "out/card.json").exists()


@pytest.mark.parametrize("column", ["label", "image.bytes"])
def test_rows_that_are_lost_without_an_error_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
):
    """As pyarrow 26 loses a column's rows where its page announces more bytes than there are."""
    original = parquet.ParquetFile.iter_batches

    def fewer(self: Any, *args: Any, **more: Any) -> Any:
        batches = list(original(self, *args, **more))
        return batches[: -1 if more["columns"][0] == column else None]

    write_files(tmp_path, {"data/0.parquet": file(imagenet(*range(9)))})
    fetched(tmp_path, from_folder())
    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", fewer)
    assert re.search(r"0\.parquet: expected \d rows, got \d", refusal(tmp_path, from_folder()))


def test_files_of_other_names_are_refused(tmp_path: Path):
    first, second = table(GOOD), table(GOOD, [*KNOWN.names[:-1], "toilet tissue"])
    write_files(tmp_path, {"data/0.parquet": file(first), "data/1.parquet": file(second)})
    assert "1.parquet: its labels have other names" in refusal(tmp_path, from_folder())


PEAK = """
import resource, sys
from pathlib import Path
import pyarrow.parquet
from interpreting_clip.datasets import parquet
from interpreting_clip.datasets.entries import ImageNet
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.datasets.layout import OpenedSource
entry = ImageNet(source="folder", folder="x")
known = published_set(entry, read_imagenet_classes())
place = OpenedSource("here", {}, None, {"0.parquet": Path(sys.argv[1])}, entry, known)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = sum(len(image.read()) for image in parquet.images(place, bool))
print(size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    """At the peak, a small part of the file is in memory, even if it is a single row group."""
    draw = np.random.default_rng(0)
    rows: list[Row] = [(draw.bytes(100_000), f"{n}.JPEG", 1) for n in range(1200)]
    path = tmp_path / "0.parquet"
    path.write_bytes(file(rows, row_group_size=1200, write_batch_size=8))
    command = [sys.executable, "-c", PEAK, str(path)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    size, peak = map(int, said.split())
    assert size == 1200 * 100_000 < path.stat().st_size
    assert peak < size / 4
