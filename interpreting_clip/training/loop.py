"""The loop that all trainings share: batches in, steps taken, a curve and checkpoints out."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import nn

from interpreting_clip.encoders.portable import use_portable_operations
from interpreting_clip.errors import InputError
from interpreting_clip.loading.batches import (
    ImageDataset,
    cache_images,
    load_batches,
    useful_workers,
)
from interpreting_clip.loading.preprocess import Pixels, Preprocess
from interpreting_clip.loading.processes import add_up, is_first
from interpreting_clip.training.augmentation import Draw, augment, draw
from interpreting_clip.training.callbacks import Callbacks, Point
from interpreting_clip.training.pieces import (
    Pieces,
    averaged_statistics,
    cut,
    own_rows,
)
from interpreting_clip.training.recipes import Drops, TrainingRecipe

ORDER, AUGMENTATION = 0, 1
"""The first word of a random generator's seed: what its numbers are for."""

Item = TypeVar("Item")

Objective = Callable[[Pieces], tuple[torch.Tensor, torch.Tensor]]
"""Adds the gradient of a batch in pieces; returns its mean loss and share of right predictions."""


class Batch(NamedTuple):
    """The images of a step by their rows in the dataset, and how each is augmented."""

    rows: Int[np.ndarray, " image"]
    draws: list[Draw]


@dataclass
class TrainingState:
    """Steps taken, points of the curve, and the sums of loss and accuracy since the last point."""

    step: int = 0
    points: list[Point] = field(default_factory=list)
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(2))


def train(
    module: nn.Module,
    objective: Objective,
    images: ImageDataset,
    preprocess: Preprocess,
    recipe: TrainingRecipe,
    *,
    callbacks: Callbacks,
    workers: int = 0,
    after_step: Callable[[], object] = lambda: None,
) -> None:
    """Minimise an objective over all parameters of a module, and leave it ready to evaluate.

    Batches and their random numbers depend only on the recipe's seed and the step, so a training
    that resumes from a checkpoint takes the same steps as without the interruption.
    """
    count = len(images)
    fewest = recipe.batch_size if recipe.pieces > 1 else 2
    if count < fewest:
        raise InputError(
            f"{callbacks.name}: expected at least {fewest} images to train on, got {count}"
        )
    device = next(module.parameters()).device
    epoch_steps = steps_per_epoch(count, recipe.batch_size)
    with deterministic(recipe.threads):
        optimizer = adamw(module, recipe)
        module.train()
        state = restore_checkpoint(module, optimizer, callbacks)
        steps = range(state.step, recipe.epochs * epoch_steps)
        loaded = load_squares(images, preprocess, recipe, steps, workers=workers, device=device)
        for batch, squares in progress_bar(loaded, steps, callbacks.name):
            with averaged_statistics(module, recipe.pieces):
                loss, correct = objective(cut(batch.rows, squares, recipe, state.step))
            # A sum, not a mean: losses are already divided by the number of all pieces. AdamW would
            # hide a gradient of the wrong scale.
            add_up(gradients(module))
            rate = learning_rate(recipe, state.step, epoch_steps)
            # Set only from the step, so a resumed training needs no state of a scheduler.
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
            after_step()
            # The sums stay on the device, so that the next step can start before this one has
            # ended.
            state.sums = state.sums.to(device) + torch.stack((loss, correct))
            state.step += 1
            log_point(state, rate, steps.stop, callbacks)
            save_checkpoint(module, optimizer, state, steps.stop, callbacks)
        module.eval()


def load_squares(
    images: ImageDataset,
    preprocess: Preprocess,
    recipe: TrainingRecipe,
    steps: range,
    *,
    workers: int,
    device: torch.device,
) -> Iterator[tuple[Batch, Pixels]]:
    """Yield the batches of some steps, each with this process's part of its images, augmented."""
    count, augmentation = len(images), recipe.augmentation
    # Without augmentation every epoch sees the same pixels, so preprocess them once and keep them
    # in memory, if they fit.
    if augmentation.smallest_crop == 1 and augmentation.flip == 0:
        images = cache_images(images, preprocess, workers)

    def load(batch: Batch) -> UInt8[np.ndarray, "image size size 3"]:
        # A process loads only the images of its own pieces.
        own_places = own_rows(len(batch.rows), recipe.pieces)
        rows, draws = batch.rows[own_places].tolist(), batch.draws[own_places]
        squares = np.empty((len(rows), preprocess.size, preprocess.size, 3), np.uint8)
        for square, row, drawn in zip(squares, rows, draws, strict=True):
            square[...] = augment(images[row], drawn, augmentation, preprocess)
        return squares

    batches = sample_batches(count, recipe, steps)
    return load_batches(load, batches, useful_workers(images, workers), device)


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Let torch use deterministic algorithms only, and `threads` threads, inside a block.

    torch's random generator is restored afterwards.
    """
    use_portable_operations()
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling: Any = torch.utils.deterministic
    filled = filling.fill_uninitialized_memory
    # Filling memory before it is written would take 3 to 5 % of the miniature's steps. It would
    # only make an operation that reads what it has not written repeat itself.
    filling.fill_uninitialized_memory = False
    # With another number of threads, sums are added in another order and rounded differently.
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        filling.fill_uninitialized_memory = filled


def adamw(module: nn.Module, recipe: TrainingRecipe) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov & Hutter 2019, algorithm 2) on all parameters of a module."""
    groups = [
        {"params": [p for p in module.parameters() if p.ndim >= 2]},
        # Gains, biases and scalars do not decay, as in open_clip's training.
        {"params": [p for p in module.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, recipe.learning_rate, recipe.betas, weight_decay=recipe.weight_decay, fused=True
    )


def learning_rate(recipe: TrainingRecipe, step: int, epoch_steps: int) -> float:
    """Return the learning rate at a step (0, 1, …).

    Linear warm-up: step i of w has (i + 1) / w of the full rate. Then the cosine of Loshchilov &
    Hutter (2017, equation 5) without restarts, over the steps that are left; or drops after the
    given epochs, counted from the first step, warm-up included.
    """
    peak, warmup = recipe.learning_rate, recipe.warmup_steps
    if step < warmup:
        # From 1, since the first step would otherwise have a rate of 0 and be lost.
        return peak * (step + 1) / warmup
    if isinstance(recipe.schedule, Drops):
        passed = sum(step >= epoch * epoch_steps for epoch in recipe.schedule.epochs)
        return peak * recipe.schedule.factor**passed
    left = max(1, recipe.epochs * epoch_steps - warmup)
    return peak * (1 + math.cos(math.pi * (step - warmup) / left)) / 2


def gradients(module: nn.Module) -> list[torch.Tensor]:
    """Return all gradients; AdamW would silently skip a parameter without one."""
    values = []
    for name, parameter in module.named_parameters():
        if parameter.grad is None:
            raise RuntimeError(f"the loss does not depend on the parameter {name}: no gradient")
        values.append(parameter.grad)
    return values


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the number of whole batches in `images`, or 1 for a smaller batch if there is none."""
    return max(1, images // batch_size)


def sample_batches(images: int, recipe: TrainingRecipe, steps: range) -> Iterator[Batch]:
    """Yield the batches of some steps: no epoch has an image twice, and each has another order."""
    epoch_steps = steps_per_epoch(images, recipe.batch_size)
    order = np.empty(0, np.int64)
    for step in steps:
        epoch, place = divmod(step, epoch_steps)
        # A resumed training may start in the middle of an epoch.
        if place == 0 or step == steps.start:
            # Seeded by the epoch, not taken from a running generator: resuming gives the same
            # order.
            order = np.random.default_rng([ORDER, recipe.seed, epoch]).permutation(images)
        # Images beyond the last whole batch sit this epoch out; the next order leaves out others.
        rows = order[place * recipe.batch_size :][: recipe.batch_size]
        generator = np.random.default_rng([AUGMENTATION, recipe.seed, step])
        yield Batch(rows, draw(len(rows), recipe.augmentation, generator))


def progress_bar(items: Iterable[Item], steps: range, name: str) -> Iterable[Item]:
    """Show a progress bar, updated often on a terminal and once a minute in a log."""
    from tqdm import tqdm

    pause = 0.5 if sys.stderr.isatty() else 60.0
    bar = {"total": steps.stop, "initial": steps.start, "unit": "step", "smoothing": 0.05}
    return tqdm(items, name, mininterval=pause, disable=not is_first(), **bar)


def log_point(state: TrainingState, rate: float, steps: int, callbacks: Callbacks) -> None:
    """Add a point to the curve when one is due; refuse a loss that is no longer finite."""
    # A hundred points; the last step is always one, so that the curve reaches the end.
    pace = max(1, steps // 100)
    if state.step % pace and state.step != steps:
        return
    taken = state.step - (state.points[-1]["step"] if state.points else 0)
    # Reading the numbers waits for the device, so a loss that is no longer finite is only noticed
    # here, not at every step.
    loss, accuracy = (state.sums / taken).tolist()
    if not math.isfinite(loss):
        raise InputError(
            f"{callbacks.name}: the loss is {loss} after {state.step} steps; "
            "lower learning_rate or raise warmup_steps"
        )
    point = {"step": state.step, "loss": loss, "accuracy": accuracy, "learning_rate": rate}
    state.points.append(point)
    state.sums.zero_()
    if callbacks.log:
        callbacks.log(point)


def save_checkpoint(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    steps: int,
    callbacks: Callbacks,
) -> None:
    """Save a checkpoint after the last step, or when one is due and a step ended in a point.

    Only at points, so that no sum of losses is split.
    """
    checkpoint = callbacks.checkpoint
    at_point = state.points and state.points[-1]["step"] == state.step
    if checkpoint and at_point and is_first() and (state.step == steps or checkpoint.is_due()):
        tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
        for parameter, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{parameter}.{name}": t for name, t in moments.items()}
        checkpoint.save(tensors, {"step": state.step, "points": state.points})


def restore_checkpoint(
    module: nn.Module, optimizer: torch.optim.Optimizer, callbacks: Callbacks
) -> TrainingState:
    """Load the checkpoint, if there is one; return its state with the curve logged again."""
    saved = callbacks.checkpoint.load() if callbacks.checkpoint else None
    if saved is None:
        return TrainingState()
    tensors, facts = saved
    weights: dict[str, torch.Tensor] = {}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition(".")
        if kind == "module":
            weights[name] = tensor
        else:
            parameter, _, name = name.partition(".")
            moments.setdefault(int(parameter), {})[name] = tensor
    module.load_state_dict(weights)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, named in moments.items():
        for name, tensor in named.items():
            if tensor.shape == parameters[index].shape:
                # in the parameter's memory format (channels last), which the fused step requires
                named[name] = torch.empty_like(parameters[index], requires_grad=False).copy_(tensor)
    # Only the moments come from the file. Rates and decay are the recipe's.
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    state = TrainingState(**facts)
    if callbacks.log:
        # DVC deleted the curve before this run: write what came before the interruption again.
        for point in state.points:
            callbacks.log(point)
    return state
