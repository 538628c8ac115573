"""A training's curve and its checkpoint."""

from pathlib import Path

import pytest

from stages.training.loop import watched
from tests.reads import ROOT


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checkpoint_folder(*facts) -> Path:
    with watched("rn", *facts) as watch:
        assert watch.checkpoint
        return watch.checkpoint.file.parent


def test_the_curve_lies_beside_the_weights_and_the_bar_has_the_key():
    with watched("rn", "recipe") as watch:
        assert watch.curve
        watch.curve({"step": 3, "loss": 0.5})
    assert Path("data/training/rn/plots/metrics/loss.tsv").read_text() == "step\tloss\n3\t0.5\n"
    assert watch.name == "rn"


def test_the_checkpoint_is_outside_of_what_dvc_deletes(recipe):
    folder = checkpoint_folder(recipe, {"data": "digest"})
    assert folder.parent == Path(".scratch")
    assert f"/{folder.parent}/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not folder.exists()


def test_a_training_goes_on_where_all_facts_are_the_same(recipe, cropping_recipe):
    facts = [(recipe, "a"), (recipe, "b"), (cropping_recipe, "a")]
    folders = [checkpoint_folder(*pair) for pair in facts]
    assert len(set(folders)) == len(facts)
    assert checkpoint_folder(recipe, "a") == folders[0]
