"""Processes that share the pieces of a batch compute what one process does."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from interpreting_clip.errors import InputError
from interpreting_clip.loading.processes import add_up
from interpreting_clip.training import pieces
from interpreting_clip.training.loop import gradients
from interpreting_clip.training.pieces import averaged_statistics, cut, own_pieces, own_rows
from tests.unit.training.conftest import IMAGES, SHARED, TrainingRecipe, small_case

SETTINGS: dict[str, Any] = SHARED | {"batch_size": 12, "pieces": 4}
RECIPE = TrainingRecipe(**SETTINGS)
CASES = (("rn", "labels"), ("vit", "captions"))


def step(tower: str, learns_from: str) -> dict[str, Any]:
    """Return a batch's loss, gradient and statistics; in few exchanges if processes share it."""
    encoder, objective = small_case(tower, learns_from)
    module = encoder.module.train()
    with averaged_statistics(module, 4):
        found = objective(cut(np.arange(12), IMAGES[own_rows(12, 4)], RECIPE, 0))
    add_up(gradients(module))
    tensors: dict[str, Any] = {f"gradient {name}": p.grad for name, p in module.named_parameters()}
    tensors |= {f"buffer {name}": buffer for name, buffer in module.named_buffers()}
    return tensors | {"loss": found[0], "correct": found[1]}


def share(rank: int, folder: str) -> None:
    """Compute the steps in one of two processes."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    with mock.patch.object(distributed, "all_reduce", wraps=distributed.all_reduce) as exchange:
        found = [step(*case) for case in CASES]
        # loss or features of each tower, statistics of batch norms, gradients
        assert exchange.call_count == 3 + 3
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.barrier()


def test_two_processes_compute_what_one_does(tmp_path):
    spawn(share, (str(tmp_path),), nprocs=2)
    alone = [step(*case) for case in CASES]
    for rank in range(2):
        for expected, found in zip(alone, torch.load(tmp_path / f"{rank}.pt"), strict=True):
            gradient = max(float(v.abs().max()) for k, v in expected.items() if "gradient" in k)
            for name, value in expected.items():
                near = 1e-5 * gradient if "gradient" in name else 1e-6
                torch.testing.assert_close(found[name], value, rtol=1e-5, atol=near, msg=name)


def test_processes_that_do_not_divide_the_pieces_are_refused(monkeypatch):
    monkeypatch.setattr(pieces, "place", lambda: (0, 3))
    with pytest.raises(InputError, match=r"`processes`: .*4, got 3"):
        own_pieces(4)
