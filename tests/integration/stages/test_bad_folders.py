"""Datasets on disk that are not what the study says: one clear line, then mended and fetched."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stages import fetch
from stages.datasets.card import read_card
from stages.datasets.imagenet import ImageNetClasses, read_imagenet_classes
from stages.datasets.shards import open_shards
from tests.pipeline import official_layouts as layouts
from tests.pipeline.refusals import refused, write_dataset
from tests.unit.datasets.broden.broden1 import write_broden1

VAL = {"kind": "imagenet", "source": "folder", "folder": "val"}
KEY, FISH, OUT = "imagenet_val", "n01440764", Path("data/datasets")


@pytest.fixture
def classes(place: Path) -> ImageNetClasses:
    """Write two classes of three images as val/, and two captions in a file beside it."""
    known = read_imagenet_classes()
    layouts.write_files(place / "val", layouts.class_folders(known, [0, 1], 3, "val"))
    names = [f"val_0_{i}.JPEG" for i in range(2)]
    (place / "captions.json").write_bytes(layouts.captions_file(names))
    write_dataset(KEY, VAL)
    return known


def fetched(key: str = KEY) -> int:
    """Fetch what is well now; return the number of its images, each of which can be decoded."""
    fetch.main(key)
    with open_shards(OUT / key) as shards:
        assert all(shards[image].ndim == 3 for image in range(len(shards)))
        return len(shards)


def test_a_missing_folder(classes):
    Path("val").rename("elsewhere")
    expected = (
        "val: the folder of a dataset was expected, there is none; check `folder` in "
        "params.yaml, and the machine's setting `folders`, below which relative paths lie"
    )
    assert refused(fetch.main, KEY) == expected
    write_dataset(KEY, VAL, folder="elsewhere")
    assert fetched() == 6


def test_too_few_classes(classes):
    write_dataset(KEY, VAL, partial=False)
    expected = (
        r"val: images of 1000 classes were expected, 998 have none: n01484850, .* …; complete the "
        r"set, or say `partial: true` in params.yaml$"
    )
    assert re.match(expected, refused(fetch.main, KEY))
    write_dataset(KEY, VAL, partial=True)
    assert fetched() == 6


def test_too_few_images(classes):
    layouts.write_files(Path("v2"), {f"{i}/a.jpeg": b"" for i in range(1000)})
    entry = {"kind": "imagenet_v2", "source": "folder", "folder": "v2"}
    write_dataset("imagenet_v2", entry, partial=False)
    expected = "v2: 10,000 images were expected, there are 1,000; complete the set, or say `partial"
    assert refused(fetch.main, "imagenet_v2").startswith(expected)


def test_a_folder_that_is_no_class_of_imagenet(classes):
    Path("val", FISH).rename("val/goldfish_maybe")
    expected = (
        "val: goldfish_maybe/val_0_0.JPEG lies in the folder 'goldfish_maybe', which is no class "
        "of this set: folders such as n01440764, n01443537 were expected; check `kind` and the "
        "folder in params.yaml"
    )
    assert refused(fetch.main, KEY) == expected
    Path("val/goldfish_maybe").rename(f"val/{FISH}")
    assert fetched() == 6


STRAYS = {
    "a name that is no image's": ("notes.json", b"{}", r"is not called an image .*; remove it$"),
    "content that is no image": ("a.JPEG", b"<html>", r"an image .* expected, its content is none"),
    "an empty file": ("a.JPEG", b"", r"an image .* expected, its content is none; get it again"),
}


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_in_a_class_folder(classes, stray):
    name, content, expected = STRAYS[stray]
    file = Path("val", FISH, name)
    file.write_bytes(content)
    assert re.match(rf"val: {FISH}/{name}.*{expected}", refused(fetch.main, KEY))
    file.unlink()
    assert fetched() == 6


def test_a_truncated_photograph(classes):
    file = Path("val", FISH, "val_0_1.JPEG")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    expected = (
        rf"val: {FISH}/val_0_1.JPEG: a whole image was expected, this one is broken \(.*; rep"
    )
    assert re.match(expected, refused(fetch.main, KEY))
    file.write_bytes(whole)
    assert fetched() == 6


def test_a_set_that_was_fetched_stays_when_its_folder_breaks(classes):
    fetched()
    Path("val", FISH, "val_0_1.JPEG").write_bytes(b"\xff\xd8\xff broken")
    refused(fetch.main, KEY)
    assert read_card(OUT / KEY).images == 6


def test_a_limit_below_the_number_of_classes(classes):
    write_dataset(KEY, VAL, limit=1)
    expected = "val: a `limit` of at least one image per class, 2, was expected, got 1"
    assert refused(fetch.main, KEY) == expected
    write_dataset(KEY, VAL, limit=3)
    assert fetched() == 2


CAPTIONED = {"kind": "imagenet_captions", "source": "folder", "folder": "val"}


def captioned(**more: Any) -> None:
    write_dataset("captioned", CAPTIONED | {"captions": "captions.json"} | more, partial=False)


def test_a_caption_without_its_image(classes):
    captioned()
    file = Path("val", FISH, "val_0_1.JPEG")
    kept = file.read_bytes()
    file.unlink()
    expected = (
        "val: an image for each of the 2 captions was expected, 1 are missing, val_0_1.JPEG for "
        "one; complete the folder, or say `partial: true` in params.yaml"
    )
    assert refused(fetch.main, "captioned") == expected
    file.write_bytes(kept)
    assert fetched("captioned") == 2


def test_captions_of_other_images(classes):
    entries = json.loads(Path("captions.json").read_bytes())
    entries[0]["wnid"] = "n01443537"
    Path("captions.json").write_text(json.dumps(entries))
    captioned()
    expected = (
        rf"val: {FISH}/val_0_0.JPEG is of class 0 and its caption's entry says n01443537; che"
    )
    assert re.match(expected, refused(fetch.main, "captioned"))
    captioned(captions="none.json")
    assert refused(fetch.main, "captioned").startswith("none.json: ImageNet-Captions' JSON was exp")


BRODEN = {"kind": "broden", "source": "folder", "folder": "broden1_224"}
BROKEN: Mapping[str, tuple[str, str]] = {
    "no index": ("index.csv", r"expected an extracted Broden1, .* has no index.csv; correct `fold"),
    "no label table": ("label.csv", r"label.csv expected in Broden1's layout, but missing; "),
    "no table of codes": ("c_part.csv", r"c_part.csv expected in Broden1's layout, but missing; "),
    "no map": ("images/dtd/b_color.png", r"images/dtd/b_color.png expected in .*, but missing; "),
}


@pytest.mark.parametrize("lacking", BROKEN)
def test_broden_without_one_of_its_files(place, lacking):
    name, expected = BROKEN[lacking]
    file = write_broden1(Path("broden1_224")) / name
    kept = file.read_bytes()
    file.unlink()
    write_dataset("broden", BRODEN)
    assert re.match(rf"broden1_224: {expected}", refused(fetch.main, "broden"))
    file.write_bytes(kept)
    fetch.main("broden")
    assert read_card(OUT / "broden").images == 3


def test_a_part_of_broden_that_is_not_said_to_be_one(place):
    write_broden1(Path("broden1_224"))
    write_dataset("broden", BRODEN, partial=False)
    expected = "broden1_224: Broden1 has 63,305 images in index.csv and 1,197 concepts in label.csv"
    assert refused(fetch.main, "broden").startswith(f"{expected}, this has 3 and 7; get it again, ")
