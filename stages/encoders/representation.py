"""Whether an encoder's features end in a linear operation or in an activation."""

from contextlib import ExitStack
from typing import Literal

import numpy as np
import torch
from torch import nn

Representation = Literal["linear", "rectified"]
"""How features end; the kurtoses of the two kinds are never ranked in one list."""

ACTIVATIONS = ("torch.nn.modules.activation", "timm.layers.activations")
"""The modules whose classes are activations, but for the attention among the first."""


def measured_representation(tower: nn.Module, size: int) -> Representation:
    """Say how the features of a tower end, from a forward pass of two random images.

    Features are `rectified` when the last module that is not mere pooling, reshaping or dropout
    is an activation (ReLU, SiLU, Hardswish, …), or when none of them is below zero, which
    betrays a ReLU that is called as a function. They are `linear` when that module has weights:
    a norm, a projection, a convolution. On the meta device there are no numbers to look at, and
    only the modules count.
    """
    calls: list[nn.Module] = []
    device = next(tower.parameters()).device
    images = np.random.default_rng(0).standard_normal((2, 3, size, size), np.float32)
    training = tower.training
    with ExitStack() as hooks, torch.inference_mode():
        for module in tower.modules():
            if not any(True for _ in module.children()):
                hook = module.register_forward_hook(lambda module, *_: calls.append(module))
                hooks.callback(hook.remove)
        features = tower.eval()(torch.from_numpy(images).to(device))
    tower.train(training)
    positive = not features.is_meta and bool((features >= 0).all())
    return "rectified" if positive or ends_in_activation(calls) else "linear"


def ends_in_activation(calls: list[nn.Module]) -> bool:
    """Say whether an activation was called after the last module that has weights."""
    for module in reversed(calls):
        if is_activation(module):
            return True
        if any(True for _ in module.parameters()):
            return False
    return False


def is_activation(module: nn.Module) -> bool:
    """Say whether a module is an activation of torch or timm."""
    return type(module).__module__ in ACTIVATIONS and not isinstance(module, nn.MultiheadAttention)
