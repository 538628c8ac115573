"""The same weights from the same recipe, in any process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Let torch use deterministic algorithms alone and `threads` threads, for a block.

    Sums over more threads are added in another order. `torch.use_deterministic_algorithms(True)`
    is the same switch, but imports TorchDynamo, 0.7 s. Filling fresh memory, which comes with it,
    only helps to find reads of memory that nothing wrote, and costs a twentieth of a training.
    """
    switch: Any = torch.utils.deterministic
    fill, mode = switch.fill_uninitialized_memory, torch.get_deterministic_debug_mode()
    before = torch.get_num_threads()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")
    switch.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_deterministic_debug_mode(mode)
        switch.fill_uninitialized_memory = fill
