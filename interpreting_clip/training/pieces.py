"""Saving memory in a training's backward pass: pieces of a batch, and bfloat16.

A batch is cut into equal pieces that pass through the encoder one after the other, so that only one
piece's activations are in memory at a time. Each has batch-norm statistics of its own; the gradient
is that of the batch's loss.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from interpreting_clip.encoders.encoder import autocast
from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import Pixels
from interpreting_clip.loading.processes import add_up, place
from interpreting_clip.training.recipes import TrainingPrecision, TrainingRecipe

DROPOUT = 2
"""The first word of the seed for a module's own draws, as `loop.ORDER` and `AUGMENTATION` are."""


class Piece(NamedTuple):
    """A piece of a batch: the rows of its images, the images, and the seed of its forward pass."""

    rows: Int[np.ndarray, " image"]
    images: Pixels
    seed: int


class Pieces(NamedTuple):
    """The rows of a batch, and the pieces of it that this process computes, from `first` on."""

    rows: Int[np.ndarray, " image"]
    own: list[Piece]
    first: int
    total: int


def own_pieces(pieces: int) -> range:
    """Return the numbers of the pieces that this process computes."""
    rank, size = place()
    if pieces % size:
        raise InputError(
            f"`processes`: expected a divisor of the recipe's `pieces`, {pieces}, got {size}; "
            "change `processes` in compute.yaml, or the recipe"
        )
    each = pieces // size
    return range(rank * each, (rank + 1) * each)


def own_rows(images: int, pieces: int) -> slice:
    """Return which images of a batch this process computes."""
    numbers, each = own_pieces(pieces), images // pieces
    return slice(numbers.start * each, numbers.stop * each)


def cut(
    rows: Int[np.ndarray, " image"], images: Pixels, recipe: TrainingRecipe, step: int
) -> Pieces:
    """Cut this process's images of a batch, whose rows are given, into the recipe's equal pieces.

    What a module draws, for dropout or stochastic depth, depends only on the recipe's seed, the
    step and the piece, and not on where a training resumed or which process computes the piece.
    """
    numbers = own_pieces(recipe.pieces)
    # Seeds for all pieces, so that a piece's draws do not depend on the process that computes it.
    seeds = np.random.SeedSequence([DROPOUT, recipe.seed, step]).generate_state(recipe.pieces)
    local = rows[own_rows(len(rows), recipe.pieces)]
    each = len(local) // len(numbers)
    parts = [slice(begin, begin + each) for begin in range(0, len(local), each)]
    pieces = [
        Piece(local[part], images[part], seed)
        for part, seed in zip(parts, seeds[numbers].tolist(), strict=True)
    ]
    return Pieces(rows, pieces, numbers.start, recipe.pieces)


@contextmanager
def forward_pass(seed: int, device: torch.device, precision: TrainingPrecision) -> Iterator[None]:
    """Run the forward pass of a piece inside a `with` block, in a precision.

    Weights, their gradients and the optimiser's state stay in float32 in any precision, and losses
    have to be computed outside of the block.
    """
    torch.manual_seed(seed)
    with autocast(device, precision):
        yield


@contextmanager
def averaged_statistics(module: nn.Module, pieces: int) -> Iterator[None]:
    """Let the running statistics of batch norms move once for all pieces that pass in the block.

    They move by the norm's momentum toward the mean of the pieces' statistics. With a single piece
    this is what a batch norm itself does.
    """
    if pieces == 1:
        yield
        return
    # One move per piece would favour the last piece, and depend on how many pieces a process
    # computes. The paper's recipes do not mention pieces, so the choice is ours.
    norms = running_norms(module)
    before = [(norm.momentum, {k: v.clone() for k, v in norm.named_buffers()}) for norm in norms]
    restart_statistics(module)
    with ExitStack() as hooks:
        for norm in norms:
            hooks.callback(norm.register_forward_pre_hook(count_pass).remove)
        yield
    moving = ("running_mean", "running_var")
    # Each process has the mean of equally many pieces, so the mean of all pieces is that of the
    # processes.
    means = [norm.get_buffer(name).div_(place().size) for norm in norms for name in moving]
    add_up(means)
    for norm, (momentum, buffers) in zip(norms, before, strict=True):
        norm.momentum = momentum
        seen = norm.num_batches_tracked
        # The whole batch counts once, however many pieces passed here.
        seen.copy_(buffers["num_batches_tracked"] + 1)
        for name in moving:
            buffer = norm.get_buffer(name)
            buffer.copy_(torch.lerp(buffers[name], buffer, momentum))


def restart_statistics(module: nn.Module) -> None:
    """Let batch norms forget the pieces that have passed, if a batch passes twice."""
    for norm in running_norms(module):
        norm.passes = 0


def count_pass(norm: Any, _images: object) -> None:
    """Let a batch norm keep the mean of all that has passed since the restart, this pass included.

    A norm without momentum does so too, but reads its count back from the device in each pass.
    """
    norm.passes += 1
    norm.momentum = 1 / norm.passes


def running_norms(module: nn.Module) -> list[Any]:
    """Return the batch norms of a module that keep running statistics."""
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    return [norm for norm in norms if norm.track_running_stats]
