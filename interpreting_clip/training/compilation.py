"""Compiling a training's repeated blocks with `torch.compile`, which fuses their small operations.

A setting of the machine: sums are rounded in another order, as on another device.
"""

import os
from pathlib import Path

import torch
from torch import nn

from interpreting_clip.errors import InputError, one_line
from interpreting_clip.training.pieces import running_norms

CACHE = Path(".scratch/inductor")
"""The folder of compiled code, which stages of the same shapes share."""

OPTIONS = {
    # Dropout and stochastic depth draw what they draw without compilation.
    "fallback_random": True,
    # Threads of this process, not a pool of further ones that would have to end with it.
    "compile_threads": 1,
}

LONGEST = 200
"""The most characters of a compiler's message that an error shows."""


def repeated_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the innermost blocks that a module repeats: those of its transformers, for example.

    They are the children of a list whose children are all of one class with children of their own.
    One block's compiled code serves all that have its shapes, so this compiles much faster than a
    whole tower would. Blocks with batch norms are left out: `averaged_statistics` changes their
    momentum in each piece, and every change would compile them again.
    """
    found = []
    for part in module.modules():
        blocks = list(part.children()) if isinstance(part, nn.Sequential | nn.ModuleList) else []
        alike = len(blocks) > 1 and len({type(block) for block in blocks}) == 1
        if alike and all(is_block(block) for block in blocks):
            found += blocks
    return found


def is_block(module: nn.Module) -> bool:
    """Say whether a repeated module is a block: not a layer, nor a stage of blocks."""
    return (
        any(True for _ in module.children())
        and not running_norms(module)
        and not repeated_blocks(module)
    )


def compile_blocks(module: nn.Module, device: torch.device) -> None:
    """Compile a module's repeated blocks, at their first pass; names of weights stay.

    A module without such blocks, a ResNet, stays as it is.

    Raises
    ------
    InputError
        torch cannot compile for the device: a compiler is missing.
    """
    if blocks := repeated_blocks(module):
        require_compiler(device)
    for block in blocks:
        block.compile(options=OPTIONS)


def require_compiler(device: torch.device) -> None:
    """Compile one operation for a device.

    Raises
    ------
    InputError
        torch cannot.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(CACHE.absolute()))
    double = torch.compile(lambda numbers: numbers + numbers, options=OPTIONS)
    try:
        double(torch.ones(2, device=device))
    except RuntimeError as error:
        cause, _, _ = str(error).partition("\n")
        needed = "a C++ compiler"
        if device.type == "cuda":
            needed = "Triton, which torch's builds for CUDA bring, and a C compiler"
        raise InputError(
            f"`compile`: expected a machine on which torch compiles for {device.type}, got "
            f"{one_line(cause)[:LONGEST]}; install {needed}, or leave `compile` out of compute.yaml"
        ) from None
