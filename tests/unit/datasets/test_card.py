from pathlib import Path

from msgspec.structs import replace

from interpreting_clip.datasets.card import read_card, write_card
from tests.layouts import card


def test_a_card_comes_back_as_written(tmp_path: Path):
    plain = card(["shard-00000.tar"], 3)
    extra = {"aliases": {530: 409}, "border": 1, "partial": True, "origin": {"a/b": "c0ffee"}}
    for written in (plain, replace(plain, **extra)):
        write_card(written, tmp_path)
        assert read_card(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
