"""A training's curve and its checkpoint."""

from pathlib import Path

import pytest

from stages.runtime.errors import InputError
from stages.training.callbacks import dvclive_logger, training_callbacks
from tests.reads import ROOT


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checkpoint_folder(*facts) -> Path:
    with training_callbacks("rn", *facts) as callbacks:
        assert callbacks.checkpoint
        return callbacks.checkpoint.file.parent


def test_the_curve_is_below_the_encoder_s_key_and_the_bar_shows_the_key():
    with training_callbacks("rn", "recipe") as callbacks:
        assert callbacks.log
        callbacks.log({"step": 3, "loss": 0.5})
    assert Path("data/training/rn/plots/metrics/loss.tsv").read_text() == "step\tloss\n3\t0.5\n"
    assert callbacks.name == "rn"


def test_the_checkpoint_is_outside_of_what_dvc_deletes(recipe):
    folder = checkpoint_folder(recipe, {"data": "digest"})
    assert folder.parent == Path(".scratch")
    assert f"/{folder.parent}/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not folder.exists()


def test_a_training_resumes_where_all_facts_are_the_same(recipe, cropping_recipe):
    facts = [(recipe, "a"), (recipe, "b"), (cropping_recipe, "a")]
    folders = [checkpoint_folder(*pair) for pair in facts]
    assert len(set(folders)) == len(facts)
    assert checkpoint_folder(recipe, "a") == folders[0]


def test_a_new_curve_takes_the_place_of_the_old():
    for steps in ((1, 2), (3,)):
        with dvclive_logger(Path("curve")) as log:
            for step in steps:
                log({"step": step, "loss": 0.5})
    assert Path("curve/plots/metrics/loss.tsv").read_text() == "step\tloss\n3\t0.5\n"


@pytest.mark.parametrize(("error", "left"), [(InputError, False), (KeyboardInterrupt, True)])
def test_a_training_that_refuses_its_input_leaves_no_curve(error, left):
    with pytest.raises(error), dvclive_logger(Path("curve")) as log:
        log({"step": 1, "loss": 0.5})
        raise error("the loss is nan")
    assert Path("curve").exists() == left
