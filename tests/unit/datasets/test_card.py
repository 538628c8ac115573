from pathlib import Path

import pytest
from msgspec.structs import replace

from interpreting_clip.datasets.card import is_absent, read_card, write_absent, write_card
from interpreting_clip.errors import InputError
from tests.layouts import card


def test_a_card_comes_back_as_written(tmp_path: Path):
    plain = card(["shard-00000.tar"], 3)
    extra = {"aliases": {530: 409}, "border": 1, "partial": True, "origin": {"a/b": "c0ffee"}}
    for written in (plain, replace(plain, **extra)):
        write_card(written, tmp_path)
        assert read_card(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_a_missing_card_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"card\.json.*fetch"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{}", b'{"dataset": 1}', b"[]", b'{"source": "\xff"}']
)
def test_another_file_is_refused(text: bytes, tmp_path: Path):
    (tmp_path / "card.json").write_bytes(text)
    with pytest.raises(InputError, match=r"card\.json: not a dataset's card"):
        read_card(tmp_path)


def test_an_absent_set_is_told_from_a_missing_and_from_a_fetched_one(tmp_path: Path):
    write_absent("objectnet", tmp_path / "objectnet")
    (tmp_path / "imagenet_a").mkdir()
    (tmp_path / "imagenet_a/card.json").write_text("{}")
    found = {name: is_absent(tmp_path / name) for name in ("objectnet", "imagenet_a", "imagenet_r")}
    assert found == {"objectnet": True, "imagenet_a": False, "imagenet_r": False}
