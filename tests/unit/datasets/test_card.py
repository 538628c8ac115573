from pathlib import Path

from msgspec.structs import replace

from interpreting_clip.datasets.card import is_absent, read_card, write_absent, write_card
from tests.layouts import card


def test_a_card_comes_back_as_written(tmp_path: Path):
    plain = card(["shard-00000.tar"], 3)
    extra = {"aliases": {530: 409}, "border": 1, "partial": True, "origin": {"a/b": "c0ffee"}}
    for written in (plain, replace(plain, **extra)):
        write_card(written, tmp_path)
        assert read_card(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_an_absent_set_is_told_from_a_missing_and_from_a_fetched_one(tmp_path: Path):
    write_absent("objectnet", tmp_path / "objectnet")
    (tmp_path / "imagenet_a").mkdir()
    (tmp_path / "imagenet_a/card.json").write_text("{}")
    found = {name: is_absent(tmp_path / name) for name in ("objectnet", "imagenet_a", "imagenet_r")}
    assert found == {"objectnet": True, "imagenet_a": False, "imagenet_r": False}
