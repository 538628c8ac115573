"""What the first stages of every study read, and what they make of it."""

from pathlib import Path

import numpy as np

from stages import code
from stages.config.syntax import load_tree
from stages.datasets.card import read_card
from stages.datasets.shards import open_shards
from tests.reads import body


def test_code_waits_for_all_that_fingerprints_are_made_of(opened, code_copy, monkeypatch):
    monkeypatch.chdir(code_copy)
    opened.clear()
    code.main()
    read = [Path(path) for path in opened if not path.startswith("..")]
    deps = body("code")["deps"]
    assert [path for path in read if not any(map(path.is_relative_to, deps))] == []
    assert [dep for dep in deps if not any(path.is_relative_to(dep) for path in read)] == []


def test_fetch_draws_each_set_as_its_entry_says(run, study):

    for key in ("imagenet_v2", "imagenet_r"):
        run("fetch", key, unread=["data/study"])
    entry, folder = load_tree(Path("params.yaml"))["datasets"]["imagenet_r"], Path("data/datasets")
    card = read_card(folder / "imagenet_r")
    names = [card.classes[index] for index in card.class_indices]
    assert sorted(names) == sorted(entry["classes"])
    with open_shards(folder / "imagenet_r") as data:
        assert len(data) == entry["images"]
        assert set(np.unique(data.classes).tolist()) <= set(card.class_indices)
