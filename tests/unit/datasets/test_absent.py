"""A dataset that a study does without."""

from pathlib import Path

from stages.datasets.card import is_absent, write_absent


def test_an_absent_set_is_told_from_a_missing_and_from_a_fetched_one(tmp_path: Path):
    write_absent("objectnet", tmp_path / "objectnet")
    (tmp_path / "imagenet_a").mkdir()
    (tmp_path / "imagenet_a/card.json").write_text("{}")
    found = {name: is_absent(tmp_path / name) for name in ("objectnet", "imagenet_a", "imagenet_r")}
    assert found == {"objectnet": True, "imagenet_a": False, "imagenet_r": False}


def test_what_was_there_before_goes_and_the_bytes_are_the_same_twice(tmp_path: Path):
    folder = tmp_path / "objectnet"
    folder.mkdir()
    (folder / "shard-00000.tar").write_bytes(b"old")
    write_absent("objectnet", folder)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    write_absent("objectnet", folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first
    assert list(first) == ["absent.json"] and b"objectnet" in first["absent.json"]
