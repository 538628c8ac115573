import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from interpreting_clip.config.machine import Machine
from interpreting_clip.training.callbacks import (
    FILE,
    Checkpoint,
    log_point,
    training_callbacks,
)
from tests.reads import ROOT

PLAIN = Machine(workers=1)
FACTS = {"step": 3, "points": [{"loss": 0.1 + 0.2}]}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checkpoint_folder(*facts, machine: Machine = PLAIN) -> Path:
    callbacks = training_callbacks("rn", Path("curve"), machine, *facts)
    assert callbacks.checkpoint
    return callbacks.checkpoint.file.parent


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
    assert checkpoint_folder(recipe, "a", machine=Machine(workers=2)) == folders[0]
    assert checkpoint_folder(recipe, "a", machine=Machine(device="cuda")) != folders[0]


def test_a_curve_is_in_the_files_of_dvclive():
    for step in (5, 10):
        log_point(Path("curve"), {"step": step, "loss": 1 / 3, "learning_rate": 1e-5 / step})
    files = {file.name: file.read_text() for file in Path("curve").rglob("*.*")}
    assert files == {
        "loss.tsv": "step\tloss\n5\t0.333333\n10\t0.333333\n",
        "learning_rate.tsv": "step\tlearning_rate\n5\t2e-06\n10\t1e-06\n",
        "metrics.json": '{\n    "learning_rate": 1e-06,\n    "loss": 0.333333,\n    "step": 10\n}'
        "\n",
    }


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), value), "count": torch.tensor(int(value))}


def assert_saved(folder: Path, value: float) -> None:
    found = Checkpoint(folder).load()
    assert found is not None and found[1] == FACTS
    assert all(torch.equal(found[0][key], tensor) for key, tensor in tensors(value).items())


def test_what_was_saved_comes_back_exactly(tmp_path):
    Checkpoint(tmp_path).save(tensors(0.1 + 7), FACTS)
    assert_saved(tmp_path, 0.1 + 7)


def test_weights_that_share_memory_or_have_channels_last_are_saved(tmp_path):
    weight = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    Checkpoint(tmp_path).save({"first": weight, "tied": weight}, FACTS)
    found = Checkpoint(tmp_path).load()
    assert found and all(torch.equal(tensor, weight) for tensor in found[0].values())


@pytest.mark.parametrize(
    "content",
    [save(tensors(1), {"facts": json.dumps(FACTS)})[:-5], save(tensors(1)), b"<html>"],
    ids=["cut", "no facts", "another file"],
)
def test_a_damaged_checkpoint_counts_as_none(tmp_path, capsys, content):
    (tmp_path / FILE).write_bytes(content)
    assert Checkpoint(tmp_path).load() is None
    said = capsys.readouterr().err
    assert "damaged" in said and said.count("\n") == 1


def test_a_flipped_bit_in_a_checkpoint_s_numbers_is_noticed(tmp_path):
    Checkpoint(tmp_path).save(tensors(1), FACTS)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[-4] ^= 1
    (tmp_path / FILE).write_bytes(content)
    assert Checkpoint(tmp_path).load() is None


def test_a_save_that_fails_leaves_the_last_one_and_is_reported(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(tensors(1), FACTS)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
        checkpoint.save(tensors(2), FACTS)
    assert_saved(tmp_path, 1)
