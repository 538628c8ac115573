"""What two processes add up together has the sums of the tensors one by one."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from interpreting_clip.loading.processes import add_up
from interpreting_clip.training.loop import gradients
from interpreting_clip.training.pieces import averaged_statistics, cut, own_rows
from tests.unit.training.conftest import IMAGES, SHARED, TrainingRecipe, small_case

SETTINGS: dict[str, Any] = SHARED | {"batch_size": 12, "pieces": 2}
RECIPE = TrainingRecipe(**SETTINGS)


def compare(rank: int, folder: str) -> None:
    """Add up the gradients of a batch, together and one by one; count the exchanges."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    encoder, objective = small_case("rn", "labels")
    module, own = encoder.module.train(), IMAGES[own_rows(12, 2)]
    with mock.patch.object(distributed, "all_reduce", wraps=distributed.all_reduce) as exchange:
        with averaged_statistics(module, 2):
            objective(cut(np.arange(12), own, RECIPE, 0))
        exchanges = exchange.call_count
        alone = [gradient.clone() for gradient in gradients(module)]
        together = [one.contiguous(memory_format=torch.channels_last) for one in alone[:1]]
        together += [one.clone() for one in alone[1:]]
        add_up(together)
        assert exchange.call_count == exchanges + 1
    for one in alone:
        add_up([one])
    torch.save((exchanges, alone, together), Path(folder) / f"{rank}.pt")
    distributed.barrier()


def test_gradients_that_are_exchanged_together_have_the_sums_of_each(tmp_path):
    spawn(compare, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        exchanges, alone, together = torch.load(tmp_path / f"{rank}.pt")
        # loss and accuracy, then the statistics of all batch norms
        assert exchanges == 2 and len(alone) > 40
        assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))
