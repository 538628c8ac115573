from pathlib import Path

import pytest

from interpreting_clip.datasets.webdataset import grouped
from tests.layouts import listed, photo, tar

OWN = {"kind": "own", "label": "Mine", "baseline": "none", "classes": "all"}


def test_members_are_grouped_by_what_stands_before_the_first_dot():
    members = [("d/a.cls", b"1"), ("d/a.seg.png", b"2"), ("d/._a.png", b"x"), ("d/b.1.jpg", b"3")]
    assert list(grouped(members)) == [
        ("d/a", {"cls": b"1", "seg.png": b"2"}),
        ("d/b", {"1.jpg": b"3"}),
    ]


def test_a_member_twice_and_images_beside_shards_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"d/a\.cls is there twice"):
        list(grouped([("d/a.cls", b"1"), ("d/a.jpg", b"2"), ("d/a.cls", b"1")]))
    files = {"0.tar": tar({"a.cls": b"0", "a.jpg": photo(1)}), "n01440764/b.jpg": photo(2)}
    with pytest.raises(ValueError, match=r"got both 0\.tar and n01440764/b\.jpg"):
        listed(tmp_path, OWN, files)
