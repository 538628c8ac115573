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


def compare(rank: int, folder: str, most: int) -> None:
    """Add up the gradients of a batch in both ways; write them with the number of exchanges."""
    pieces.BUCKET = most
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
    exchanges[0] = 0
    together = [*channels_last, *before[1:], torch.full((3,), rank + 1)]
    add_up_in_buckets(together)
    torch.save((statistics, exchanges[0], alone, together), Path(folder) / f"{rank}.pt")
    distributed.barrier()


def compared(folder: Path, most: int) -> list[tuple[int, int, list[Any], list[Any]]]:
    spawn(compare, (str(folder), most), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_one_exchange_has_the_sums_of_many_to_the_last_bit(tmp_path):
    results = compared(tmp_path, pieces.BUCKET)
    for statistics, exchanges, alone, together in results:
        # loss and accuracy, then the statistics of all batch norms
        assert statistics == 2
        assert len(alone) > 40 and exchanges == 2  # the numbers of another type are alone
        *sums, counts = together
        assert all(torch.equal(one, other) for one, other in zip(alone, sums, strict=True))
        assert counts.tolist() == [3, 3, 3]
    assert all(torch.equal(*pair) for pair in zip(results[0][3], results[1][3], strict=True))


def test_full_buckets_are_exchanged_and_no_tensor_is_cut(tmp_path):
    for _, exchanges, alone, together in compared(tmp_path, 2000):
        assert 3 < exchanges < len(alone)
        assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=False))
