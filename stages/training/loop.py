"""The loop that all trainings share: batches in, steps taken, a curve and checkpoints out."""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from stages.config.trainings import Augmentation, TrainingRecipe
from stages.encoders.loading import Pictures, ahead, kept
from stages.encoders.preprocess import Preprocess
from stages.runtime.errors import InputError
from stages.training.augmentation import augmented, changes_nothing
from stages.training.callbacks import Curve, open_curve
from stages.training.checkpoints import SCRATCH, Checkpoint, training_key
from stages.training.schedule import learning_rate, steps_per_epoch


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Let torch use deterministic algorithms only, and `threads` threads, inside a block.

    With another number of threads, sums are added in another order and rounded differently.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


POINTS = 100
"""Points of a curve; checkpoints are saved at points alone, so that no sum is cut in two."""

ORDER, AUGMENTATION = 0, 1
"""The first word of a random generator's seed: what its numbers are for."""

Item = TypeVar("Item")

Load = Callable[[Int[np.ndarray, " image"], np.random.Generator], Any]
"""From the indices of a batch and its random numbers: its images, made while the last is used."""

Objective = Callable[[Int[np.ndarray, " image"], Any], tuple[torch.Tensor, torch.Tensor]]
"""From the indices of a batch and what was loaded: its mean loss and its share of correct."""


@dataclass(frozen=True)
class Watch:
    """Who looks on: a curve, a checkpoint to go on from, and the name on the progress bar."""

    curve: Curve | None = None
    checkpoint: Checkpoint | None = None
    name: str = "training"


@dataclass
class Position:
    """How far a training has come: steps taken, points of the curve, and sums since the last."""

    step: int = 0
    points: list[dict[str, float | int]] = field(default_factory=list)
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(2))


def train(
    module: nn.Module,
    objective: Objective,
    images: int,
    recipe: TrainingRecipe,
    *,
    watch: Watch,
    load: Load = lambda _batch, generator: generator,
    after_step: Callable[[], object] = lambda: None,
) -> None:
    """Minimise an objective over all parameters of a module, and leave it ready to evaluate.

    Batches and their random numbers depend on the recipe's seed and the step alone, so a training
    that goes on from a checkpoint takes the very steps it would have taken.

    Raises
    ------
    InputError
        There are fewer than two images, or the loss is no longer finite.
    """
    if images < 2:
        raise InputError(f"{watch.name}: expected at least two images to train on, got {images}")
    epoch_steps = steps_per_epoch(images, recipe.batch_size)
    with deterministic(recipe.threads):
        optimizer = adamw(module, recipe)
        module.train()
        position = restored(module, optimizer, watch)
        steps = range(position.step, recipe.epochs * epoch_steps)
        loaded = ahead(loaded_batches(images, recipe, steps, load))
        for step, batch, pixels in progress(loaded, steps, watch.name):
            loss, correct = objective(batch, pixels)
            loss.backward()
            require_gradients(module)
            rate = learning_rate(recipe, step, epoch_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
            after_step()
            position.sums += torch.stack((loss.detach(), correct)).cpu()
            position.step = step + 1
            record(position, rate, recipe.epochs * epoch_steps, watch)
            save(module, optimizer, position, watch)
        module.eval()
    if watch.checkpoint:
        watch.checkpoint.remove()


def adamw(module: nn.Module, recipe: TrainingRecipe) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov & Hutter 2019, algorithm 2) on all parameters of a module.

    Gains, biases and scalars (fewer than two axes) do not decay, as in open_clip's training.
    """
    groups = [
        {"params": [p for p in module.parameters() if p.ndim >= 2]},
        {"params": [p for p in module.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, recipe.learning_rate, recipe.betas, weight_decay=recipe.weight_decay, fused=True
    )


def require_gradients(module: nn.Module) -> None:
    """Refuse a parameter without a gradient, which AdamW would silently leave as it is.

    Raises
    ------
    RuntimeError
        The loss does not depend on a parameter: the module and the objective do not match.
    """
    for name, parameter in module.named_parameters():
        if parameter.grad is None:
            raise RuntimeError(f"the loss does not depend on the parameter {name}: no gradient")


def loaded_batches(
    images: int, recipe: TrainingRecipe, steps: range, load: Load
) -> Iterator[tuple[int, Int[np.ndarray, " image"], Any]]:
    """Yield the steps, each with its batch and what is loaded for it."""
    epoch_steps = steps_per_epoch(images, recipe.batch_size)
    order = np.empty(0, np.int64)
    for step in steps:
        epoch, place = divmod(step, epoch_steps)
        if place == 0 or step == steps.start:
            order = np.random.default_rng([ORDER, recipe.seed, epoch]).permutation(images)
        batch = order[place * recipe.batch_size :][: recipe.batch_size]
        yield step, batch, load(batch, np.random.default_rng([AUGMENTATION, recipe.seed, step]))


def progress(items: Iterable[Item], steps: range, name: str) -> Iterable[Item]:
    """Show a bar: often on a terminal, once a minute in a log."""
    from tqdm import tqdm

    pause = 0.5 if sys.stderr.isatty() else 60.0
    bar = {"total": steps.stop, "initial": steps.start, "unit": "step", "smoothing": 0.05}
    return tqdm(items, name, mininterval=pause, **bar)


def record(position: Position, rate: float, steps: int, watch: Watch) -> None:
    """Add a point to the curve when one is due.

    Raises
    ------
    InputError
        The loss is no longer finite.
    """
    pace = max(1, steps // POINTS)
    if position.step % pace and position.step != steps:
        return
    taken = position.step - (position.points[-1]["step"] if position.points else 0)
    loss, accuracy = (position.sums / taken).tolist()
    if not math.isfinite(loss):
        raise InputError(
            f"{watch.name}: the loss is {loss} after {position.step} steps; "
            "lower learning_rate or raise warmup_steps"
        )
    point = {"step": position.step, "loss": loss, "accuracy": accuracy, "learning_rate": rate}
    position.points.append(point)
    position.sums.zero_()
    if watch.curve:
        watch.curve(point)


def save(
    module: nn.Module, optimizer: torch.optim.Optimizer, position: Position, watch: Watch
) -> None:
    """Save a checkpoint when one is due and the last step ended in a point."""
    at_point = position.points and position.points[-1]["step"] == position.step
    if watch.checkpoint and at_point and watch.checkpoint.is_due():
        tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
        for parameter, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{parameter}.{name}": t for name, t in state.items()}
        watch.checkpoint.save(tensors, {"step": position.step, "points": position.points})


def restored(module: nn.Module, optimizer: torch.optim.Optimizer, watch: Watch) -> Position:
    """Return where to go on: the checkpoint's position, its curve drawn again, or the start."""
    saved = watch.checkpoint.load() if watch.checkpoint else None
    if saved is None:
        return Position()
    tensors, facts = saved
    weights: dict[str, torch.Tensor] = {}
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition(".")
        if kind == "module":
            weights[name] = tensor
        else:
            parameter, _, name = name.partition(".")
            state.setdefault(int(parameter), {})[name] = tensor
    module.load_state_dict(weights)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    position = Position(**facts)
    if watch.curve:
        for point in position.points:
            watch.curve(point)
    return position


def loader(
    images: Pictures, preprocess: Preprocess, augmentation: Augmentation, workers: int
) -> Load:
    """Return what makes batches of images of a tower's size, augmented.

    Images that are not augmented are fitted once and kept, where memory allows it.
    """
    if changes_nothing(augmentation):
        images = kept(images, preprocess, workers)
    return lambda batch, generator: augmented(
        images, batch, preprocess, augmentation, generator, workers=workers
    )


@contextmanager
def watched(key: str, *facts: object) -> Iterator[Watch]:
    """Open the curve of encoder `key`, and the checkpoint that belongs to just these facts.

    `facts` are all that decides the result beside the code: recipe, backbone, digests of the data.
    """
    checkpoint = Checkpoint(SCRATCH / training_key(*map(msgspec.json.encode, facts)))
    with open_curve(Path("data/training") / key) as curve:
        yield Watch(curve, checkpoint, key)
