"""Several processes of one stage, on `cuda` with a GPU each.

torchrun's launcher starts them and `torch.distributed` connects them. In a training they share the
pieces of every batch. Each adds to the sums what one process would compute for the same pieces, so
their number changes only rounding. In an extraction, the processes take whole batches in turn. Each
batch is computed as it would be by a single process, so their number changes nothing.
"""

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from msgspec.structs import replace
from torch import distributed

from interpreting_clip.errors import InputError
from interpreting_clip.formats.folders import remove_partial
from runner.machine import Machine

STOPPED = 60.0
"""Seconds within which the launcher stops a process after another one has failed."""


class Place(NamedTuple):
    """Which process this is, of how many."""

    rank: int
    size: int


def place() -> Place:
    """Return which process this is; the first of one if no others were started."""
    if not distributed.is_initialized():
        return Place(0, 1)
    return Place(distributed.get_rank(), distributed.get_world_size())


def is_first() -> bool:
    """Say whether this process writes the results of all."""
    return place().rank == 0


@contextmanager
def connection() -> Iterator[None]:
    """Connect to the other processes in a block; if one fails, wait until the launcher says so."""
    try:
        yield
    except RuntimeError:
        time.sleep(STOPPED)
        raise


def add_up(tensors: Iterable[torch.Tensor]) -> None:
    """Replace each tensor by its sum over all processes."""
    if place().size == 1:
        return
    with connection():
        for work in [distributed.all_reduce(tensor, async_op=True) for tensor in tensors]:
            work.wait()  # pyright: ignore[reportOptionalMemberAccess]


def collect(
    own: Iterable[Float[np.ndarray, "..."]], shapes: Sequence[tuple[int, ...]]
) -> Iterator[Float[np.ndarray, "..."]]:
    """Yield the results of all batches, in order, in the first process; elsewhere, send it `own`.

    Process r of n computes batches r, r + n, r + 2 n, … and gives their results here, float32.
    So no result has to wait in a file or in memory until earlier ones are written.

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


def run_in_processes(
    machine: Machine, module: str, *arguments: str, output: Path | None = None
) -> bool:
    """Run `python -m module arguments` in the machine's processes; return whether that was done.

    In such a process, or if the machine has only one, nothing is started, and the caller computes.
    The last argument names what is computed. `output` is what the first process writes whole or not
    at all; a training has checkpoints.

    Raises
    ------
    InputError
        There are fewer GPUs than processes of a training; or a process has failed or was killed,
        with its message.
    """
    on_gpus = machine.device == "cuda"
    if "TORCHELASTIC_RUN_ID" in os.environ:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
        return False
    count, key = machine.processes, arguments[-1]
    if on_gpus and (gpus := torch.cuda.device_count()) < count:
        if output is None:
            raise InputError(
                f"`processes`: expected at most one per GPU, {gpus}, got {count}; change "
                "`processes` in compute.yaml"
            )
        count = gpus  # the number changes nothing, and other jobs may hold the other GPUs
    if count <= 1:
        return False
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=key,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", module, *arguments)
    except ChildFailedError as error:
        kept = "the next run goes on from the checkpoint. If memory was short, raise `pieces` in "
        kept += "the recipe"
        if output is not None:
            remove_partial(output)
            kept = "nothing was kept. If memory was short, lower `batch_size` in compute.yaml"
        rank, failure = error.get_first_failure()
        reported: Any = failure.message  # the message that `launch` has written, or torch's text
        if isinstance(reported, dict):
            raise InputError(reported["message"]) from None
        raise InputError(
            f"{key}: process {rank + 1} of {count} was ended by "
            f"{failure.signal_name()}; the others were stopped, and {kept}"
        ) from None
    return True


def own_machine(machine: Machine) -> Machine:
    """Return this process's part of the machine: a GPU on `cuda`, and its share of workers."""
    rank, size = place()
    device = f"cuda:{rank}" if machine.device == "cuda" and size > 1 else machine.device
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)  # NCCL and pinned memory use this one; by default the first
    return replace(machine, device=device, workers=max(1, machine.workers // size))
