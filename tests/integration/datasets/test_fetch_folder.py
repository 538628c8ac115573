"""Sets on disk, in the official layouts, become shards and a card."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from tests.layouts import KNOWN, fetched, photo, refusal, write_files
from tests.pipeline import official_layouts as layouts
from tests.reads import folder_digests


def entry(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "source": "folder", "folder": "set", "partial": True} | more


def test_imagenet_in_class_folders(tmp_path: Path):
    files = {f"n{wnid}/{n}.JPEG": photo(n) for n, wnid in enumerate(["01440764", "02123045"] * 3)}
    write_files(tmp_path / "set", files)
    out = fetched(tmp_path, entry("imagenet"))
    card = read_card(out)
    assert (card.images, card.class_indices, card.classes) == (6, [0, 281], KNOWN.names)
    assert (card.source, card.partial, card.border, card.aliases) == ("folder", True, 0, {})
    with open_shards(out) as shards:
        assert shards.classes.tolist() == [0] * 3 + [281] * 3
        assert [shards.stored(image) for image in range(6)] == list(map(photo, (0, 2, 4, 1, 3, 5)))


def test_objectnet_has_a_border_aliases_and_mappings(tmp_path: Path):
    files = {f"images/{name}/a.png": photo(1, "PNG") for name in ("alarm_clock", "air_freshener")}
    write_files(tmp_path / "set", files)
    out = fetched(tmp_path, entry("objectnet"))
    card = read_card(out)
    assert (card.images, card.class_indices, card.aliases) == (1, [409], {530: 409})
    assert card.border == 1
    with open_shards(out) as shards:
        whole = np.array(Image.open(tmp_path / "set/images/alarm_clock/a.png"))
        np.testing.assert_array_equal(shards[0], whole[1:-1, 1:-1])


def test_odd_files_are_stored_as_they_are(tmp_path: Path):
    odd, strays = layouts.odd_files(0), (".DS_Store", "Thumbs.db", "._0.JPEG", "README.txt")
    files = odd | dict.fromkeys(strays, b"x")
    write_files(tmp_path / "set/n01440764", files)
    with open_shards(fetched(tmp_path, entry("imagenet"))) as shards:
        stored = [shards.stored(image) for image in range(len(shards))]
        assert stored == [odd[name] for name in sorted(odd)]
        assert {shards[image].shape for image in range(len(shards))} == {(75, 100, 3)}


def test_bytes_do_not_depend_on_the_run_or_the_workers(tmp_path: Path):
    files = {f"{c}/{n}.jpeg": photo(n + c) for c in (5, 7) for n in range(70)}
    write_files(tmp_path / "set", files)
    one, other = (
        folder_digests(fetched(tmp_path, entry("imagenet_v2"), workers=n)) for n in (1, 5)
    )
    assert one == other


@pytest.mark.parametrize(
    ("files", "more", "expected"),
    [
        ({}, {"folder": "no"}, "no: no such folder.*`folders`"),
        ({"n01440764/a.JPEG": photo(1)}, {"partial": False}, "999 of 1000 .*n01443537"),
    ],
)
def test_a_bad_folder_is_refused(
    files: dict[str, bytes], more: dict[str, Any], expected: str, tmp_path: Path
):
    write_files(tmp_path / "set", files)
    assert re.search(expected, refusal(tmp_path, entry("imagenet", **more)))
