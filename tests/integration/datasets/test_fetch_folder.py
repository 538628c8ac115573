"""Sets on disk, in the official layouts, become shards and a card."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.datasets.card import read_card
from stages.datasets.shards import open_shards
from stages.files.folders import folder_digests
from tests.integration.datasets.layouts import KNOWN, fetched, refusal
from tests.unit.datasets.conftest import photo, saved, write_files


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


def test_the_flat_validation_folder(tmp_path: Path):
    names = [f"val/ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2)]
    files = {name: photo(number) for number, name in enumerate(names)}
    synsets = b"n01751748\nn09193705\n"
    files["imagenet_2012_validation_synset_labels.txt"] = synsets
    write_files(tmp_path / "set", files)
    with open_shards(fetched(tmp_path, entry("imagenet"))) as shards:
        assert shards.classes.tolist() == [65, 970]


def test_v2_s_folders_are_sorted_as_numbers(tmp_path: Path):
    write_files(tmp_path / "set", {f"{c}/a.jpeg": photo(c) for c in (10, 9, 100, 2, 999)})
    with open_shards(fetched(tmp_path, entry("imagenet_v2"))) as shards:
        assert shards.classes.tolist() == [2, 9, 10, 100, 999]


@pytest.mark.parametrize("kind", ["imagenet_r", "imagenet_a", "imagenet_sketch"])
def test_sets_in_folders_by_wordnet_id(kind: str, tmp_path: Path):
    folders = ("n01498041", "n02007558") if kind == "imagenet_a" else ("n01443537", "n02007558")
    write_files(tmp_path / "set", {f"{folder}/a.jpg": photo(1) for folder in folders})
    card = read_card(fetched(tmp_path, entry(kind)))
    assert card.class_indices == [6 if kind == "imagenet_a" else 1, 130]


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


def odd_files() -> dict[str, bytes]:
    """Return images such as occur in the published sets, all called .JPEG."""
    grey, exif = Image.new("L", (8, 6), 77), Image.Exif()
    exif[0x0112] = 6
    odd = [
        saved(Image.new("CMYK", (8, 6), (9, 8, 7, 6)), "JPEG"),
        saved(grey, "JPEG"),
        photo(1, "PNG"),
        photo(2, exif=exif),
        saved(np.full((6, 8), 999, np.uint16), "PNG"),
        saved(grey.convert("P"), "PNG", transparency=bytes([0, 9])),
    ]
    return {f"n01440764/{number}.JPEG": data for number, data in enumerate(odd)}


def test_odd_files_are_stored_as_they_are(tmp_path: Path):
    strays = (".DS_Store", "Thumbs.db", "._0.JPEG", "README.txt")
    write_files(tmp_path / "set", odd_files() | {f"n01440764/{name}": b"x" for name in strays})
    with open_shards(fetched(tmp_path, entry("imagenet"))) as shards:
        stored = [shards.stored(image) for image in range(len(shards))]
        assert stored == list(odd_files().values())
        assert {shards[image].shape for image in range(len(shards))} == {(6, 8, 3)}


def test_a_limit_takes_equally_many_of_each_class(tmp_path: Path):
    files = {f"{c}/{n}.jpeg": photo(n) for c in (1, 2, 3) for n in range(4 + c)}
    write_files(tmp_path / "set", files)
    with open_shards(fetched(tmp_path, entry("imagenet_v2", limit=8))) as shards:
        assert shards.classes.tolist() == [1, 1, 2, 2, 3, 3]


def test_bytes_do_not_depend_on_the_run_or_the_workers(tmp_path: Path):
    files = {f"{c}/{n}.jpeg": photo(n + c) for c in (5, 7) for n in range(70)}
    write_files(tmp_path / "set", files)
    runs = [
        folder_digests(fetched(tmp_path, entry("imagenet_v2"), workers=n)) for n in (1, 1, 2, 5)
    ]
    assert all(run == runs[0] for run in runs)


def test_the_card_tells_another_folder_by_its_content(tmp_path: Path):
    write_files(tmp_path / "set", {"1/a.jpeg": photo(1)})
    first = read_card(fetched(tmp_path, entry("imagenet_v2"))).origin
    assert first == read_card(fetched(tmp_path, entry("imagenet_v2"))).origin
    write_files(tmp_path / "set", {"1/a.jpeg": photo(2)})
    assert first != read_card(fetched(tmp_path, entry("imagenet_v2"))).origin
    assert list(first) == ["set"]


@pytest.mark.parametrize(
    ("files", "more", "expected"),
    [
        ({"README": b""}, {}, "set: images were expected, there are none"),
        ({}, {"folder": "no"}, "no: the folder of a dataset .* none; check `folder` .*`folders`"),
        ({"n01440764/a.JPEG": photo(1)[:-40]}, {}, r"set: n01440764/a\.JPEG.*broken"),
        ({"n01440764/b.xml": b"<a/>"}, {}, r"set: n01440764/b\.xml lies in a class folder"),
        ({"fish/a.JPEG": photo(1)}, {}, "set: fish/a.JPEG .*'fish', .* no class .*n01443537 were"),
        ({"n01440764/a.JPEG": photo(1)}, {"partial": False}, "999 have none: n01443537"),
        ({"n01440764/a.JPEG": photo(1), "n01443537/a.JPEG": b""}, {"limit": 1}, "set: .*class, 2"),
        (
            {"ILSVRC2012_val_00000001.JPEG": b"", "LOC_val_solution.csv": b"\xff"},
            {},
            "decode",
        ),
    ],
)
def test_a_bad_folder_is_refused(
    files: dict[str, bytes], more: dict[str, Any], expected: str, tmp_path: Path
):
    write_files(tmp_path / "set", files)
    assert re.search(expected, refusal(tmp_path, entry("imagenet", **more)))


def test_nothing_but_border_is_refused(tmp_path: Path):
    thin = saved(np.zeros((2, 9, 3), np.uint8), "PNG")
    write_files(tmp_path / "set", {"banana/a.png": thin})
    said = refusal(tmp_path, entry("objectnet"))
    assert "banana/a.png: more than its border of 1 pixels" in said
