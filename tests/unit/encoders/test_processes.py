"""What each of several processes computes, without starting any."""

from typing import Any

import pytest
import torch

from interpreting_clip.config.machine import Machine
from interpreting_clip.errors import InputError
from interpreting_clip.loading import processes
from interpreting_clip.loading.processes import Place, own_machine
from runner.torchrun import run_in_processes


def be(monkeypatch: pytest.MonkeyPatch, rank: int, size: int) -> None:
    """Let this process be one of several."""
    monkeypatch.setattr(processes, "place", lambda: Place(rank, size))


def test_a_process_has_its_own_gpu_and_its_share_of_the_workers(monkeypatch):
    chosen: list[Any] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    be(monkeypatch, 1, 4)
    assert own_machine(Machine(device="cuda", workers=9)) == Machine(device="cuda:1", workers=2)
    assert own_machine(Machine(device="cpu", workers=2)) == Machine(device="cpu", workers=1)
    be(monkeypatch, 0, 1)
    assert own_machine(Machine(device="cuda", workers=9)) == Machine(device="cuda", workers=9)
    assert own_machine(Machine(device="cuda:3")).device == "cuda:3"
    assert chosen == ["cuda:1", "cuda:3"]


def test_more_processes_of_a_training_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match=r"`processes`: .* 2, got 3; .*compute\.yaml"):
        run_in_processes(
            Machine(device="cuda", processes=3), "stages", "pretrain", "rn", resumes=True
        )
