import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from interpreting_clip.datasets.class_folders import (
    CLASSES,
    FOLDERS,
    ILSVRC_IDS,
    META,
    SOLUTION,
    SYNSETS,
    check_mappings,
    classify,
    folder_files,
)
from interpreting_clip.datasets.entries import (
    ImageNet,
    ImageNetA,
    ImageNetLike,
    ImageNetV2,
    ObjectNet,
)
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.errors import InputError
from tests.unit.datasets.conftest import write_files

KNOWN = read_imagenet_classes()


def classified(kind: type[ImageNetLike], *paths: str) -> dict[str, int]:
    published = published_set(kind(source="folder", folder="x"), KNOWN)
    return classify(paths, {}, published)


@pytest.mark.parametrize(
    ("kind", "path", "class_"),
    [
        (ImageNet, "n01440764/ILSVRC2012_val_00000293.JPEG", 0),
        (ImageNet, "ILSVRC/Data/train/n15075141/n15075141_9.JPEG", 999),
        (ImageNetV2, "imagenetv2-matched-frequency-format-val/2/a.jpeg", 2),
        (ImageNetV2, "10/a.jpeg", 10),
        (ImageNetA, "imagenet-a/n01498041/0.5_x _ y.jpg", 6),
        (ObjectNet, "objectnet-1.0/images/alarm_clock/0a.png", 409),
    ],
)
def test_the_innermost_folder_says_the_class(kind: type[ImageNetLike], path: str, class_: int):
    assert classified(kind, path) == {path: class_}


@pytest.mark.parametrize(
    "stray",
    [
        "n01440764/.DS_Store",
        "n01440764/._a.JPEG",
        "n01440764/Thumbs.db",
        "__MACOSX/n01440764/a.JPEG",
        "README.txt",
        "n01440764/README.md",
        "mappings.json",
    ],
)
def test_what_is_none_of_the_set_is_passed_over(stray: str):
    assert classified(ImageNet, "n01440764/a.JPEG", stray) == {"n01440764/a.JPEG": 0}
    assert classified(ObjectNet, "images/air_freshener/a.png") == {}


@pytest.mark.parametrize(
    ("kind", "paths", "message"),
    [
        (ImageNet, "n00000000/a.JPEG", "'n00000000' is not a class of this set"),
        (ImageNetA, "n01440764/a.jpg", "'n01440764' is not a class of this set"),
        (ImageNetV2, "1000/a.jpeg", "'1000' is not a class"),
        (ImageNetV2, "01/a.jpeg", "'01' is not a class"),
        (ImageNet, "n01440764/a.JPEG n01440764/a.JPEG", "there twice"),
        (ImageNet, "n01440764/boxes.xml", "boxes.xml lies in a class folder and is not called"),
    ],
)
def test_another_file_is_refused(kind: type[ImageNetLike], paths: str, message: str):
    with pytest.raises(ValueError, match=message):
        classified(kind, *paths.split())


def test_files_come_in_order_with_their_bytes(tmp_path: Path):
    files = {"b/1.txt": b"1", "a/10.txt": b"3", "a/9.txt": b"2", "c.txt": b"0"}
    found = list(folder_files(write_files(tmp_path, files))(lambda _: True))
    assert [file.path for file in found] == ["c.txt", "a/9.txt", "a/10.txt", "b/1.txt"]
    assert [file.read() for file in found] == [b"0", b"2", b"3", b"1"]


def test_linked_folders_are_followed(tmp_path: Path):
    write_files(tmp_path / "elsewhere", {"a.txt": b"1"})
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    assert [file.path for file in folder_files(tmp_path / "root")(lambda _: True)] == ["link/a.txt"]


def test_a_folder_that_cannot_be_listed_is_not_skipped(tmp_path: Path, monkeypatch):
    write_files(tmp_path, {"a/1.txt": b"1", "b/2.txt": b"2"})
    listed = os.scandir

    def scandir(folder: str):
        if Path(folder).name == "b":
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(PermissionError, match="/b"):
        list(folder_files(tmp_path)(lambda _: True))


IMAGES = [f"val/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3)]
EXPECTED = dict(zip(IMAGES, [65, 970, 0], strict=True))
WNIDS = ("n01751748", "n09193705", "n01440764")


def classified_by(**truth: bytes) -> dict[str, int]:
    published = published_set(ImageNet(source="folder", folder="x"), KNOWN)
    return classify(IMAGES, {SLOT[name]: data for name, data in truth.items()}, published)


SLOT = {"solution": SOLUTION, "synsets": SYNSETS, "ids": ILSVRC_IDS, "meta": META}
SYNSET_LINES = "\n".join(WNIDS).encode() + b"\n"
SOLUTION_ROWS = (
    "ImageId,PredictionString\n"
    f"ILSVRC2012_val_00000003,{WNIDS[2]} 85 1 499 272 {WNIDS[2]} 1 2 3 4\n"
    f"ILSVRC2012_val_00000001,{WNIDS[0]} 111 108 334 299\n"
    f"ILSVRC2012_val_00000002,{WNIDS[1]} 0 0 9 9\n"
).encode()


def meta(wnids: tuple[str, ...]) -> bytes:
    """Write a `meta.mat` with ILSVRC ids from 1 and, at its end, a synset with children."""
    form = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(id_, wnid, "a word", 0) for id_, wnid in enumerate(wnids, 1)]
    table = np.array([*rows, (len(rows) + 1, "n00001740", "entity", 3)], dtype=form)
    stream = io.BytesIO()
    savemat(stream, {"synsets": table})
    return stream.getvalue()


@pytest.mark.parametrize(
    "truth",
    [
        {"solution": SOLUTION_ROWS},
        {"synsets": SYNSET_LINES},
        {"ids": b"3\n1\n2\n", "meta": meta((WNIDS[1], WNIDS[2], WNIDS[0]))},
    ],
    ids=["kaggle", "wordnet", "ilsvrc ids through meta.mat"],
)
def test_the_ground_truth_says_the_classes(truth: dict[str, bytes]):
    assert classified_by(**truth) == EXPECTED


CRASH = bytearray(meta(WNIDS))
CRASH[304] = 0
"""Another type of an array inside, on which scipy 1.17 crashes."""


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({}, "there is none"),
        ({"ids": b"3\n1\n2\n"}, "without its meta.mat"),
        ({"ids": b"3\n1\n9\n", "meta": meta(WNIDS)}, f"{ILSVRC_IDS} holds '9'"),
        ({"ids": b"3\n1\n2\n", "meta": b"no table"}, f"{META}: not"),
        ({"ids": b"1\n2\n3\n", "meta": bytes(CRASH)}, f"{META}: not"),
        ({"synsets": b"n01751748\n"}, "00000002.JPEG: .*got nothing"),
        ({"synsets": b"n01751748\n1\n2\n"}, "got 1"),
        ({"solution": b"a,b\n1,2\n"}, "ImageId"),
        ({"solution": SOLUTION_ROWS + b"x" * 200_000}, f"{SOLUTION}: no table"),
    ],
)
def test_a_damaged_or_other_ground_truth_is_refused(truth: dict[str, bytes], message: str):
    with pytest.raises(ValueError, match=message):
        classified_by(**truth)


OBJECTNET = published_set(ObjectNet(source="folder", folder="x"), KNOWN)
LABELS = KNOWN.objectnet_labels | {"air_freshener": "Air freshener"}
IMAGENET = dict.fromkeys(KNOWN.objectnet_labels.values(), "an ImageNet class")


def check(**mappings: Any) -> None:
    names = {"folders": FOLDERS, "classes": CLASSES}
    found = {names[name]: json.dumps(tree).encode() for name, tree in mappings.items()}
    check_mappings(found, OBJECTNET)


def test_the_published_mappings_pass_and_without_them_our_table_stands():
    check(folders=LABELS, classes=IMAGENET)
    check()


@pytest.mark.parametrize(
    ("mappings", "message"),
    [
        ({"folders": LABELS | {"banana": "Bench"}}, "mapping in banana"),
        ({"folders": {}}, "published mapping in"),
        ({"classes": IMAGENET | {"Air freshener": "x"}}, "mapping in Air freshener"),
        ({"classes": []}, "not ObjectNet's mapping"),
    ],
)
def test_other_mappings_are_refused(mappings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        check(**mappings)


def listed(root: Path) -> list[str]:
    return [file.path for file in folder_files(root)(lambda _: True)]


@pytest.mark.parametrize("target", [".", "../a", "../elsewhere"])
def test_a_link_into_what_the_walk_passes_is_refused(tmp_path: Path, target: str):
    root = write_files(tmp_path / "root", {"a/1.txt": b"1", "b/2.txt": b"2"})
    write_files(tmp_path / "elsewhere", {"3.txt": b"3"})
    (root / "c").symlink_to(tmp_path / "elsewhere")
    assert listed(root) == ["a/1.txt", "b/2.txt", "c/3.txt"]
    (root / "b/link").symlink_to(target if target != "../elsewhere" else tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"(b/link|root/c): a link"):
        listed(root)
