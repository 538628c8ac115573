import json
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from interpreting_clip.config.machine import Machine
from interpreting_clip.formats.json import write_whole
from interpreting_clip.training.callbacks import (
    FILE,
    Checkpoint,
    log_point,
    training_callbacks,
    training_key,
)
from tests.reads import ROOT

PLAIN = Machine(workers=1)
OTHERS = (Machine(device="cuda"), Machine(compile=True), Machine(device="cuda", compile=True))
"""Machines on which a training's last digits differ from those of a CPU without compilation."""

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
    other = {checkpoint_folder(recipe, "a", machine=m) for m in OTHERS}
    assert len(other) == len(OTHERS) and folders[0] not in other


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


def saved(checkpoint: Checkpoint, value: float) -> None:
    checkpoint.save(tensors(value), FACTS)
    checkpoint.finish()


def assert_saved(folder: Path, value: float) -> None:
    found = Checkpoint(folder).load()
    assert found is not None and found[1] == FACTS
    assert all(torch.equal(found[0][key], tensor) for key, tensor in tensors(value).items())


def test_what_was_saved_comes_back_exactly(tmp_path):
    saved(Checkpoint(tmp_path), 0.1 + 7)
    assert_saved(tmp_path, 0.1 + 7)


def damages(content: bytes) -> dict[str, bytes]:
    """Return what may have become of a checkpoint, each a file that safetensors reads but one."""
    whole = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return {
        "cut": content[:-5],
        "another bit in a tensor": content[:-1] + bytes([content[-1] ^ 1]),
        "another step": content.replace(rb"\"step\": 3", rb"\"step\": 9"),
        "a tensor less": save({"weight": whole["weight"]}, header),
        "no digest": save(whole, {"facts": header["facts"]}),
    }


@pytest.mark.parametrize("damage", [*damages(save(tensors(1), {"facts": r"\"step\": 3"}))])
def test_a_damaged_checkpoint_counts_as_none(tmp_path, capsys, damage):
    file = tmp_path / FILE
    saved(Checkpoint(tmp_path), 1)
    content = file.read_bytes()
    file.write_bytes(damages(content)[damage])
    assert file.read_bytes() != content
    assert Checkpoint(tmp_path).load() is None
    said = capsys.readouterr().err
    assert "damaged" in said and said.count("\n") == 1


def test_the_checkpoint_of_another_training_counts_as_none(tmp_path):
    saved(Checkpoint(tmp_path / "one"), 1)
    (tmp_path / "one").rename(tmp_path / "other")
    assert Checkpoint(tmp_path / "other").load() is None


@pytest.mark.parametrize("then", ["finish", "remove", "load", "save"])
def test_a_save_that_fails_leaves_the_last_one_and_is_reported(tmp_path, monkeypatch, then):
    checkpoint = Checkpoint(tmp_path)
    saved(checkpoint, 1)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
        checkpoint.save(tensors(2), FACTS)
        with pytest.raises(ZeroDivisionError):
            getattr(checkpoint, then)(*((tensors(3), FACTS) if then == "save" else ()))
    assert_saved(tmp_path, 1)


@pytest.fixture
def disk(monkeypatch) -> threading.Event:
    """Let files be written only once the event is set."""
    ready = threading.Event()

    def write(file: Path, content: bytes) -> None:
        assert ready.wait(10)
        write_whole(file, content)

    monkeypatch.setattr("interpreting_clip.training.callbacks.write_whole", write)
    return ready


def test_a_save_has_the_numbers_of_its_moment_and_waits_for_no_disk(tmp_path, disk):
    checkpoint, changing = Checkpoint(tmp_path), tensors(1)
    points = [{"loss": 0.1 + 0.2}]
    checkpoint.save(changing, {"step": 3, "points": points})
    for tensor in changing.values():
        tensor.add_(1)
    points.append({"loss": 0.0})
    assert not checkpoint.file.exists()
    disk.set()
    checkpoint.finish()
    assert_saved(tmp_path, 1)


def test_an_error_waits_for_the_last_save_and_is_the_one_that_is_reported(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    with pytest.raises(KeyError), checkpoint.finished():
        checkpoint.save(tensors(1), FACTS)
        raise KeyError
    assert checkpoint.file.exists()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
    with pytest.raises(KeyError), checkpoint.finished():
        checkpoint.save(tensors(2), FACTS)
        raise KeyError
    assert_saved(tmp_path, 1)


def test_the_key_is_decided_by_every_fact_and_where_it_ends():
    facts = ([b"ab", b"c"], [b"a", b"bc"], [b"abc"])
    assert len({training_key("cpu", *some) for some in facts}) == 3
    assert training_key("cpu", b"ab", b"c") == training_key("cpu", b"ab", b"c")
    assert training_key("cuda", b"abc") != training_key("cpu", b"abc")


def test_a_training_is_not_resumed_on_another_kind_of_processor(monkeypatch):
    here = training_key("cpu", b"abc")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert training_key("cpu", b"abc") != here
