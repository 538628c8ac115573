"""How images pass a tower to be measured: without gradients, in the study's precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stages.settings.precision import ComputeType


@contextmanager
def forward_passes(device: torch.device | str, precision: ComputeType) -> Iterator[None]:
    """Compute the forward passes of a block in a precision.

    Below float32, torch's autocast decides what is computed in it: products of matrices and
    convolutions, and not what would lose too much, such as norms. float32 leaves torch as it is.
    """
    kind, dtype = torch.device(device).type, getattr(torch, precision)
    with (
        torch.inference_mode(),
        torch.autocast(kind, dtype, enabled=precision != "float32"),
    ):
        yield
