"""The stage `fetch` takes each entry of params.yaml to its reader."""

from pathlib import Path

import pytest
import yaml

import stages.fetch
from stages.datasets.card import is_absent, read_card
from stages.datasets.imagenet import REFERENCE
from stages.runtime.errors import InputError
from tests.unit.datasets.conftest import photo, write_files

STUDY = {
    "sources": {"folder": {"images_per_shard": 2}, "none": {}},
    "datasets": {
        "imagenet_val": {
            "kind": "imagenet",
            "source": "folder",
            "folder": "photos",
            "partial": True,
        },
        "objectnet": {"kind": "absent", "source": "none"},
        "both": {"kind": "imagenet", "source": "folder", "hub": {"repository": "a/b"}},
        "lost": {"kind": "imagenet", "source": "archive", "archive": []},
    },
}


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = REFERENCE.resolve()
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    REFERENCE.symlink_to(reference)
    write_files(tmp_path / "photos", {"n01440764/a.JPEG": photo(1)})
    Path("params.yaml").write_text(yaml.safe_dump(STUDY))


def test_a_real_set_is_fetched():
    stages.fetch.main("imagenet_val")
    assert read_card(Path("data/datasets/imagenet_val")).images == 1


def test_an_absent_set_says_so():
    stages.fetch.main("objectnet")
    assert is_absent(Path("data/datasets/objectnet"))


def test_an_entry_that_says_two_places_is_refused():
    with pytest.raises(InputError, match=r"'datasets\.both"):
        stages.fetch.main("both")


def test_an_empty_list_of_archives_is_refused():
    with pytest.raises(InputError, match=r"'datasets\.lost\.archive'"):
        stages.fetch.main("lost")
