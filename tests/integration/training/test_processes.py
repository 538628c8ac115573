"""Buckets of tensors that two processes add up have the sums of the tensors one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from interpreting_clip.loading.processes import add_up
from interpreting_clip.training import pieces
from interpreting_clip.training.loop import gradients
from interpreting_clip.training.pieces import add_up_in_buckets, averaged_statistics, cut, own_rows
from tests.unit.training.conftest import IMAGES, SHARED, TrainingRecipe, small_case

SETTINGS: dict[str, Any] = SHARED | {"batch_size": 12, "pieces": 2}
RECIPE = TrainingRecipe(**SETTINGS)


def compare(rank: int, folder: str) -> None:
    """Add up the gradients of a batch in both ways; write them with the number of exchanges."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    encoder, objective = small_case("rn", "labels")
    module, own = encoder.module.train(), IMAGES[own_rows(12, 2)]
    exchanges, exchange = [0], distributed.all_reduce

    def counted(*given: Any, **named: Any) -> Any:
        exchanges[0] += 1
        return exchange(*given, **named)

    distributed.all_reduce = counted
    with averaged_statistics(module, 2):
        objective(cut(np.arange(12), own, RECIPE, 0))
    statistics = exchanges[0]
    before = [gradient.clone() for gradient in gradients(module)]
    channels_last = [one.contiguous(memory_format=torch.channels_last) for one in before[:1]]
    alone = [one.clone() for one in before]
    add_up(alone)
    found = []
    for most in (pieces.BUCKET, 2000):
        pieces.BUCKET = most
        exchanges[0] = 0
        together = [one.clone() for one in (*channels_last, *before[1:])]
        together.append(torch.full((3,), rank + 1))
        add_up_in_buckets(together)
        found.append((exchanges[0], together))
    torch.save((statistics, alone, found), Path(folder) / f"{rank}.pt")
    distributed.barrier()


def test_full_buckets_have_the_sums_of_the_tensors_to_the_last_bit(tmp_path):
    spawn(compare, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        statistics, alone, found = torch.load(tmp_path / f"{rank}.pt")
        # loss and accuracy, then the statistics of all batch norms
        assert statistics == 2 and len(alone) > 40
        # one bucket, and the numbers of another type alone; then many that are full sooner
        (few, _), (many, _) = found
        assert few == 2 and 3 < many < len(alone)
        for _, (*sums, counts) in found:
            assert all(torch.equal(one, other) for one, other in zip(alone, sums, strict=True))
            assert counts.tolist() == [3, 3, 3]
