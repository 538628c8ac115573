from pathlib import Path

import pytest
import torch

from stages.training.checkpoints import FILE, Checkpoint, training_key

FACTS = {"step": 3, "points": [{"loss": 0.1 + 0.2}]}


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), value), "count": torch.tensor(int(value))}


def assert_saved(folder: Path, value: float) -> None:
    saved = Checkpoint(folder).load()
    assert saved is not None and saved[1] == FACTS
    assert all(torch.equal(saved[0][key], tensor) for key, tensor in tensors(value).items())


def test_what_was_saved_comes_back_exactly(tmp_path):
    Checkpoint(tmp_path).save(tensors(0.1 + 7), FACTS)
    assert_saved(tmp_path, 0.1 + 7)


def test_no_checkpoint_is_none(tmp_path):
    assert Checkpoint(tmp_path / "none").load() is None


def test_a_damaged_checkpoint_counts_as_none(tmp_path, capsys):
    Checkpoint(tmp_path).save(tensors(1), FACTS)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-5])
    assert Checkpoint(tmp_path).load() is None
    assert "damaged" in capsys.readouterr().err


def test_a_save_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(tensors(1), FACTS)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        checkpoint.save(tensors(2), FACTS)
    assert_saved(tmp_path, 1)


def test_a_checkpoint_is_due_after_its_time(tmp_path):
    assert Checkpoint(tmp_path, seconds=0.0).is_due()
    assert not Checkpoint(tmp_path, seconds=60.0).is_due()


def test_removing_takes_the_folder(tmp_path):
    checkpoint = Checkpoint(tmp_path / "key")
    checkpoint.save(tensors(1), FACTS)
    checkpoint.remove()
    assert not (tmp_path / "key").exists()
    checkpoint.remove()


def test_the_key_is_decided_by_every_fact_and_where_it_ends():
    keys = {training_key(*facts) for facts in (["ab", "c"], ["a", "bc"], ["abc"], [b"ab", "d"])}
    assert len(keys) == 4
    assert training_key("ab", "c") == training_key(b"ab", "c")
