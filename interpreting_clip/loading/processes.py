"""Several processes of one computation, on `cuda` with a GPU each.

`torch.distributed` connects them. In a training they share the pieces of every batch. Each adds to
the sums what one process would compute for the same pieces, so their number changes only rounding.
In an extraction, the processes take whole batches in turn. Each batch is computed as it would be by
a single process, so their number changes nothing.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from msgspec.structs import replace
from torch import distributed

from interpreting_clip.config.machine import Machine


class Place(NamedTuple):
    """Which process this is, of how many."""

    rank: int
    size: int


def place() -> Place:
    """Return this process's rank and the number of processes; 0 and 1 if it is the only one."""
    if not distributed.is_initialized():
        return Place(0, 1)
    return Place(distributed.get_rank(), distributed.get_world_size())


def is_first() -> bool:
    """Say whether this process writes the results of all."""
    return place().rank == 0


@contextmanager
def connection() -> Iterator[None]:
    """Connect to the other processes in a block; if one fails, wait for the launcher's report."""
    try:
        yield
    except RuntimeError:
        time.sleep(60)  # by then, it has stopped this process
        raise


def add_up(tensors: Sequence[torch.Tensor]) -> None:
    """Replace each tensor by its sum over all processes; all are of one type, on one device."""
    if place().size == 1 or not tensors:
        return
    # A model has hundreds of gradients, most of them small: one exchange is faster than hundreds.
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with connection():
        distributed.all_reduce(flat)
    sums = flat.split([tensor.numel() for tensor in tensors])
    for tensor, total in zip(tensors, sums, strict=True):
        tensor.copy_(total.view(tensor.shape))


def collect(
    own: Iterable[Float[np.ndarray, "..."]], shapes: Sequence[tuple[int, ...]]
) -> Iterator[Float[np.ndarray, "..."]]:
    """Yield the results of all batches, in order, in the first process; elsewhere, send it `own`.

    Process r of n computes batches r, r + n, r + 2 n, … and gives their results here, float32.
    So no result has to wait in a file or in memory until earlier results are written.

    Parameters
    ----------
    shapes : of every batch's result
    """
    rank, size = place()
    results = iter(own)
    for batch, shape in enumerate(shapes):
        owner = batch % size
        if rank not in (owner, 0):
            continue
        result = next(results) if rank == owner else np.empty(shape, np.float32)
        if owner:
            with connection():
                if rank:
                    distributed.send(torch.from_numpy(result), 0)
                else:
                    distributed.recv(torch.from_numpy(result), owner)
        if rank == 0:
            yield result


def own_machine(machine: Machine) -> Machine:
    """Return this process's part of the machine: a GPU on `cuda`, and its share of workers."""
    rank, size = place()
    device = f"cuda:{rank}" if machine.device == "cuda" and size > 1 else machine.device
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)  # for NCCL and pinned memory, which by default use the first
    return replace(machine, device=device, workers=max(1, machine.workers // size))
