"""Which class an image in a folder has, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from interpreting_clip.datasets.class_folders import ILSVRC_IDS, META, SOLUTION, SYNSETS
from interpreting_clip.datasets.layout import walk
from interpreting_clip.errors import InputError
from tests.layouts import listed, write_files

OWN = {"kind": "own", "label": "Mine", "baseline": "none", "classes": {"cats": "281"}}


def classified(root: Path, kind: str | dict, *paths: str) -> dict[str, int]:
    entry = kind if isinstance(kind, dict) else {"kind": kind}
    return listed(root, entry, dict.fromkeys(paths, b""))


@pytest.mark.parametrize(
    ("kind", "path", "class_"),
    [
        ("imagenet", "n01440764/ILSVRC2012_val_00000293.JPEG", 0),
        ("imagenet_v2", "imagenetv2-matched-frequency-format-val/2/a.jpeg", 2),
        ("imagenet_r", "imagenet-r/n02007558/a.jpg", 130),
        ("objectnet", "objectnet-1.0/images/alarm_clock/0a.png", 409),
        (OWN, "cats/a.jpg", 281),
    ],
)
def test_the_innermost_folder_says_the_class(tmp_path: Path, kind, path: str, class_: int):
    assert classified(tmp_path, kind, path) == {path: class_}


def test_what_is_none_of_the_set_is_passed_over(tmp_path: Path):
    image = "n01440764/a.JPEG"
    strays = [f"n01440764/{name}" for name in (".DS_Store", "._a.JPEG", "Thumbs.db", "README.md")]
    strays += ["__MACOSX/n01440764/a.JPEG", "README.txt", "mappings.json"]
    assert classified(tmp_path, "imagenet", image, *strays) == {image: 0}
    assert classified(tmp_path / "other", "objectnet", "images/air_freshener/a.png") == {}


@pytest.mark.parametrize(
    ("kind", "path", "message"),
    [
        ("imagenet_a", "n01440764/a.jpg", "'n01440764' is not a class of this set"),
        (OWN, "dogs/a.jpg", r"dogs/a\.jpg: .*`classes`"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, kind, path: str, message: str):
    with pytest.raises(ValueError, match=message):
        classified(tmp_path, kind, path)


def walked(root: Path) -> list[str]:
    return [path for path, _ in walk(root)]


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path):
    write_files(tmp_path, dict.fromkeys(("b/1.txt", "a/10.txt", "a/9.txt", "c.txt"), b""))
    assert walked(tmp_path) == ["c.txt", "a/9.txt", "a/10.txt", "b/1.txt"]


def test_linked_folders_are_followed_but_not_in_circles(tmp_path: Path):
    root = write_files(tmp_path / "root", {"a/1.txt": b"1"})
    write_files(tmp_path / "elsewhere", {"3.txt": b"3"})
    (root / "c").symlink_to(tmp_path / "elsewhere")
    assert walked(root) == ["a/1.txt", "c/3.txt"]
    for target in (root, root / "a", tmp_path / "elsewhere"):
        (root / "b").symlink_to(target)
        with pytest.raises(InputError, match=r"root/(a|b|c): a link"):
            walked(root)
        (root / "b").unlink()


IMAGES = [f"val/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3)]
EXPECTED = dict(zip(IMAGES, [65, 970, 0], strict=True))
WNIDS = ("n01751748", "n09193705", "n01440764")


def classified_by(root: Path, **truth: bytes) -> dict[str, int]:
    tables = {SLOT[name]: data for name, data in truth.items()}
    return listed(root, {"kind": "imagenet"}, dict.fromkeys(IMAGES, b"") | tables)


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
def test_the_ground_truth_says_the_classes(tmp_path: Path, truth: dict[str, bytes]):
    assert classified_by(tmp_path, **truth) == EXPECTED


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({}, "there is none"),
        ({"ids": b"3\n1\n2\n"}, "without its meta.mat"),
        ({"synsets": b"n01751748\n"}, "00000002.JPEG: .*got nothing"),
    ],
)
def test_a_damaged_or_other_ground_truth_is_refused(tmp_path: Path, truth, message: str):
    with pytest.raises(ValueError, match=message):
        classified_by(tmp_path, **truth)
