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
import torch.utils.deterministic
from jaxtyping import Int
from torch import nn

from stages.config.trainings import Augmentation, TrainingRecipe
from stages.encoders.loading import Pictures, ahead, kept
from stages.encoders.preprocess import Preprocess
from stages.runtime.errors import InputError
from stages.training.adamw import AdamW
from stages.training.augmentation import augmented, changes_nothing
from stages.training.callbacks import Curve, open_curve
from stages.training.checkpoints import SCRATCH, Checkpoint, training_key
from stages.training.schedule import learning_rate, steps_per_epoch


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
    with pinned(recipe.threads):
        optimizer = AdamW(module, recipe.betas, recipe.weight_decay)
        module.train()
        position = restored(module, optimizer, watch)
        steps = range(position.step, recipe.epochs * epoch_steps)
        loaded = ahead(loaded_batches(images, recipe, steps, load))
        for step, batch, pixels in progress(loaded, steps, watch.name):
            loss, correct = objective(batch, pixels)
            loss.backward()
            rate = learning_rate(recipe, step, epoch_steps)
            optimizer.step(rate)
            after_step()
            position.sums += torch.stack((loss.detach(), correct)).cpu()
            position.step = step + 1
            record(position, rate, recipe.epochs * epoch_steps, watch)
            save(module, optimizer, position, watch)
        module.eval()
    if watch.checkpoint:
        watch.checkpoint.remove()


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


def state_of(module: nn.Module, optimizer: AdamW) -> dict[str, torch.Tensor]:
    """Return all tensors that a training changes, by name."""
    state = {f"module.{key}": value for key, value in module.state_dict().items()}
    return state | {f"optimizer.{key}": value for key, value in optimizer.state().items()}


def save(module: nn.Module, optimizer: AdamW, position: Position, watch: Watch) -> None:
    """Save a checkpoint when one is due and the last step ended in a point."""
    at_point = position.points and position.points[-1]["step"] == position.step
    if watch.checkpoint and at_point and watch.checkpoint.is_due():
        facts = {"step": position.step, "points": position.points}
        watch.checkpoint.save(state_of(module, optimizer), facts)


def restored(module: nn.Module, optimizer: AdamW, watch: Watch) -> Position:
    """Return where to go on: the checkpoint's position, its curve drawn again, or the start."""
    facts: dict[str, Any] | None = None
    if watch.checkpoint:
        facts = watch.checkpoint.restore(state_of(module, optimizer))
    position = Position(**facts) if facts else Position()
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
