"""The weights of an encoder, copied into its module and out of it."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from stages.storage.errors import InputError


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array in the CPU's memory."""
    return tensor.detach().cpu().contiguous().numpy()


def copy_state(module: nn.Module, arrays: Mapping[str, np.ndarray], source: str, why: str) -> None:
    """Copy arrays into a module that has exactly these.

    Raises
    ------
    InputError
        A name or a shape differs: names the source, the first array of which that holds, both
        shapes, and `why`.
    """
    state = module.state_dict()
    for key in sorted(arrays.keys() | state.keys()):
        expected = tuple(state[key].shape) or (1,) if key in state else None
        came = arrays[key].shape or (1,) if key in arrays else None
        if expected != came:
            raise InputError(
                f"{source}: '{key}' should be {expected or 'absent'} in this architecture, "
                f"got {came or 'nothing'}; {why}"
            )
    tensors = {k: torch.from_numpy(np.array(a)).reshape(state[k].shape) for k, a in arrays.items()}
    module.load_state_dict(tensors)
