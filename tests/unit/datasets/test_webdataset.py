from pathlib import Path

import pytest

from interpreting_clip.datasets.entries import ImageNetSketch
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.datasets.tar import write_shards
from interpreting_clip.datasets.webdataset import check_classnames, grouped, shard_labels
from tests.unit.datasets.conftest import photo

KNOWN = read_imagenet_classes()
PUBLISHED = published_set(ImageNetSketch(source="folder", folder="x"), KNOWN)


def test_members_are_grouped_by_what_stands_before_the_first_dot():
    members = [("d/a.cls", b"1"), ("d/a.seg.png", b"2"), ("d/._a.png", b"x"), ("d/b.1.jpg", b"3")]
    assert list(grouped(members)) == [
        ("d/a", {"cls": b"1", "seg.png": b"2"}),
        ("d/b", {"1.jpg": b"3"}),
    ]


def test_a_key_that_comes_twice_is_refused(tmp_path: Path):
    images = [[(f"{key}.cls", b"1"), (f"{key}.jpg", photo(1))] for key in "aba"]
    write_shards(images, 3, tmp_path)
    with pytest.raises(ValueError, match=r"0\.tar/a is there twice"):
        shard_labels({"0.tar": tmp_path / "shard-00000.tar"}, PUBLISHED, "here")


def test_swapped_names_are_refused():
    names = [KNOWN.names[1], KNOWN.names[0], *KNOWN.names[2:]]
    with pytest.raises(ValueError, match="'tench', got 'goldfish'"):
        check_classnames("\n".join(names).encode(), PUBLISHED)


@pytest.mark.parametrize(("renamed", "legal"), [(50, True), (51, False)])
def test_some_names_may_be_of_their_day(renamed: int, legal: bool):
    kept = "\n".join(KNOWN.names[renamed:]).upper()  # in another case
    names = "\n".join([*(f"old {i}" for i in range(renamed)), kept]).encode()
    if legal:
        check_classnames(names, PUBLISHED)
    else:
        with pytest.raises(ValueError, match="'tench', got 'old 0'"):
            check_classnames(names, PUBLISHED)
