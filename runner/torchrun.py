"""Several processes of one stage, started by torchrun's launcher."""

import logging
import os
import sys
from typing import Any

import torch
from torch import distributed

from interpreting_clip.config.machine import Machine
from interpreting_clip.errors import InputError


def run_in_processes(machine: Machine, module: str, *arguments: str, resumes: bool) -> bool:
    """Run `python -m module arguments` in the machine's processes; return whether that was done.

    In such a process, or if the machine has only one, nothing is started, and the caller computes.
    The last argument names what is computed. A training `resumes` from its checkpoint, and each of
    its processes needs a GPU of its own.
    """
    on_gpus = machine.device == "cuda"
    if "TORCHELASTIC_RUN_ID" in os.environ:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
        return False
    count, key = machine.processes, arguments[-1]
    if on_gpus and (gpus := torch.cuda.device_count()) < count:
        if resumes and gpus:
            raise InputError(
                f"`processes`: expected at most one per GPU, {gpus}, got {count}; change "
                "`processes` in compute.yaml"
            )
        count = gpus or 1  # the number changes nothing, and other jobs may hold the other GPUs
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
        rank, failure = error.get_first_failure()
        reported: Any = failure.message  # the message that `launch` has written, or torch's text
        if isinstance(reported, dict):
            raise InputError(reported["message"]) from None
        raise InputError(
            f"{key}: process {rank + 1} of {count} was ended by "
            f"{failure.signal_name()}; the others were stopped. A training goes on from its "
            "checkpoint. If memory was short, raise `pieces` in its recipe or, of an extraction, "
            "lower `batch_size` in compute.yaml"
        ) from None
    return True
