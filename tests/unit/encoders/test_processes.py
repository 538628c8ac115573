"""What each of several processes computes, without starting any."""

from typing import Any

import numpy as np
import pytest
import torch

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders import activations, layers
from interpreting_clip.errors import InputError
from interpreting_clip.loading import processes
from interpreting_clip.loading.processes import Place, collect, own_machine
from runner.torchrun import run_in_processes

MACHINE = Machine(batch_size=5)


def be(monkeypatch: pytest.MonkeyPatch, rank: int, size: int) -> None:
    """Let this process be one of several."""
    for module in (processes, activations, layers):
        monkeypatch.setattr(module, "place", lambda: Place(rank, size))


def test_each_process_computes_every_other_batch(encoder, images, monkeypatch):
    alone = list(activations.activation_batches(encoder, images, MACHINE, "float32"))
    shares = []
    for rank in range(2):
        be(monkeypatch, rank, 2)
        shares.append(list(activations.activation_batches(encoder, images, MACHINE, "float32")))
    assert [len(rows) for share in shares for rows in share] == [5, 2, 5]
    for batch, rows in enumerate(alone):
        assert np.array_equal(shares[batch % 2][batch // 2], rows)


def test_results_are_sent_to_the_first_process_which_has_them_in_order(monkeypatch):
    results = [np.full((2, 3), number, np.float32) for number in range(5)]
    sent: dict[int, list[np.ndarray]] = {1: [], 2: []}

    def receive(tensor: torch.Tensor, owner: int) -> None:
        tensor.copy_(torch.from_numpy(sent[owner].pop(0)))

    monkeypatch.setattr(torch.distributed, "recv", receive)
    for rank in (1, 2, 0):
        to = sent.get(rank, [])
        monkeypatch.setattr(
            torch.distributed,
            "send",
            lambda tensor, first, to=to: to.append(tensor.numpy().copy()) or first == 0,
        )
        be(monkeypatch, rank, 3)
        found = list(collect(results[rank::3], [(2, 3)] * 5))
        assert len(found) == (0 if rank else 5)
    assert [rows[0, 0] for rows in found] == [0, 1, 2, 3, 4]


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
