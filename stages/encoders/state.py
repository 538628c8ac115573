"""The weights of an encoder, copied into its module and out of it."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from stages.storage.errors import InputError


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array in the CPU's memory."""
    return tensor.detach().cpu().contiguous().numpy()


def copy_state(
    module: nn.Module, weights: Mapping[str, torch.Tensor], source: str, why: str
) -> None:
    """Copy weights into a module that has exactly these; they take the module's precision.

    A number may be stored as an array of one element.

    Raises
    ------
    InputError
        A name or a shape differs: names the source, the first array of which that holds, both
        shapes, how many more there are, and `why`.
    """
    state = module.state_dict()
    wrong = [
        key
        for key in sorted(weights.keys() | state.keys())
        if shape(state.get(key)) != shape(weights.get(key))
    ]
    if wrong:
        expected, came = (shape(named.get(wrong[0])) for named in (state, weights))
        more = f" ({len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        raise InputError(
            f"{source}: '{wrong[0]}' should be {expected or 'absent'} in this architecture, got "
            f"{came or 'nothing'}{more}; {why}"
        )
    for key, value in weights.items():  # into the state itself, which knows its modules' versions
        state[key] = value.reshape(state[key].shape)
    module.load_state_dict(state)


def shape(tensor: torch.Tensor | None) -> tuple[int, ...] | None:
    """Return the shape of a tensor, that of a number as that of an array of one element."""
    return None if tensor is None else tuple(tensor.shape) or (1,)
