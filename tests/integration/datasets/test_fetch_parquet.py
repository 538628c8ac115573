"""Parquet files, as the hub's `datasets` library writes them, become shards and a card."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
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
    write_files,
)
from tests.layouts import imagenet_rows as imagenet
from tests.layouts import parquet_file as file
from tests.reads import ROOT

NAME = "ILSVRC/imagenet-1k"


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


GOOD = imagenet(0, 1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file(GOOD)[:-9], "cut short"),
        (file([(photo(1), "n01491361_1.JPEG", 4)]), "class 4.*n01491361"),
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
