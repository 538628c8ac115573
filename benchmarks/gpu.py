"""How close a training on a GPU is to bare passes: the table of gpu.md, the rates of gpu.json.

Times our step, as `train` takes it with its objective and its optimiser, on synthetic images in
place of a loader's, and the bare forward and backward pass of the same tower on a tensor that is on
the GPU already. `make plan` computes hours from these rates. The table also compares the measured
peaks of memory with those that the plan computes.
"""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from msgspec import to_builtins
from torch.nn.functional import cross_entropy

from benchmarks.tables import ROOT, Row, write_table
from interpreting_clip.config.encoders import AnyBackbone, OpenClipModel
from interpreting_clip.config.trainings import (
    Augmentation,
    Cosine,
    TrainingPrecision,
    TrainingRecipe,
)
from interpreting_clip.encoders.encoder import Encoder, classifier_encoder
from interpreting_clip.formats.json import write_json
from interpreting_clip.training import loop
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.pieces import forward_pass
from interpreting_clip.training.supervised import label_objective
from runner.machine_settings import Machine
from tools.costs import BACKWARD, MEASURED, Rates, cost, parameters
from tools.memory import Step, device_memory, step_bytes, usable

MODELS = {"resnet": OpenClipModel(model="RN50-quickgelu"), "vit": OpenClipModel(model="ViT-B-32")}
PRECISIONS: tuple[TrainingPrecision, ...] = ("float32", "bfloat16")
CLASSES, LARGEST, WARM, STEPS = 1000, 512, 5, 20


def main() -> None:
    """Measure, print and write the table and the rates."""
    room = device_memory(Machine(device="cuda"))
    if room is None:
        sys.exit("error: no GPU: torch finds no CUDA device, and nothing was measured")
    rows, rates = measure(torch.device("cuda"), MODELS, usable(room), LARGEST)
    name = torch.cuda.get_device_name()
    write_table("gpu", f"Trainings on one {name}, torch {torch.__version__}", rows)
    write_json(ROOT / MEASURED, to_builtins(rates))


def measure(
    device: torch.device, models: Mapping[str, AnyBackbone], room: float, largest: int
) -> tuple[list[Row], Rates]:
    """Return the lines of the table and the rates, at the largest batch that fits into `room`."""
    rows, found = [], {}
    for family, backbone in models.items():
        for precision in PRECISIONS:
            batch, computed = fitting_batch(backbone, precision, room, largest)
            ours, bare, peak = step_times(device, backbone, precision, batch)
            rate = BACKWARD * cost(backbone).image.value * batch / ours / 1e12
            found[f"{precision}_{family}"] = rate
            name = getattr(backbone, "model", family)
            rows += [
                Row(f"{name}, {precision}, a step of {batch} images", f"{1e3 * ours:.1f} ms"),
                Row("… three forward passes' operations", f"{rate:.3g} TFLOP/s"),
                Row("… over the bare forward and backward pass", f"{ours / bare:.2f}"),
            ]
            if peak is not None:
                figures = f"{peak / 1e9:.2f} GB: {peak / computed:.3f} of the computed"
                rows.append(Row("… peak of torch.cuda.max_memory_allocated", figures))
    where = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    day = datetime.now(UTC).date()
    origin = f"measured on {where}, torch {torch.__version__}, {day}"
    return rows, Rates(**found, origin=origin)


def fitting_batch(
    backbone: AnyBackbone, precision: TrainingPrecision, room: float, largest: int
) -> tuple[int, float]:
    """Return a batch that fits into `room`, by halving the largest, and its computed bytes."""
    weights = 16 * (cost(backbone).parameters.value + CLASSES * cost(backbone).width.value)
    while True:
        taken = weights + step_bytes(Step(backbone, CLASSES, precision, False, largest, 1))
        if taken <= room or largest == 2:
            return largest, taken
        largest //= 2


def step_times(
    device: torch.device, backbone: AnyBackbone, precision: TrainingPrecision, batch: int
) -> tuple[float, float, int | None]:
    """Return the median seconds of our step and of the bare passes, and our peak memory."""
    names = [str(number) for number in range(CLASSES)]
    encoder = classifier_encoder(backbone, names, 0, normalize_features=False)
    encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    before = torch.cuda.memory_allocated() if device.type == "cuda" else 0
    before -= 4 * parameters(encoder.module) if device.type == "cuda" else 0
    ours = trained(encoder, device, precision, batch)
    peak = torch.cuda.max_memory_allocated() - before if device.type == "cuda" else None
    return ours, bare(encoder, device, precision, batch), peak


def trained(
    encoder: Encoder, device: torch.device, precision: TrainingPrecision, batch: int
) -> float:
    """Return the median seconds of a step of `train`, without loading."""
    steps, times = WARM + STEPS, []
    recipe = TrainingRecipe(
        epochs=1,
        batch_size=batch,
        learning_rate=1e-4,
        warmup_steps=0,
        schedule=Cosine(),
        betas=(0.9, 0.999),
        weight_decay=0.1,
        augmentation=Augmentation(smallest_crop=0.9, flip=0.0),
        seed=0,
        threads=torch.get_num_threads(),
        precision=precision,
        pieces=1,
    )
    side = encoder.card.preprocess.size
    squares = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
    targets = torch.zeros(batch * steps, dtype=torch.long, device=device)

    loaded: Any = squares
    if device.type == "cuda":
        loaded = torch.from_numpy(squares).pin_memory()
        torch.cuda.reset_peak_memory_stats()

    def load(_: object, batches: Any, *_settings: object) -> Any:
        return ((drawn, loaded) for drawn in batches)

    with mock.patch.object(loop, "load_batches", load):
        loop.train(
            encoder.module,
            label_objective(encoder, targets, 0.1, precision),
            np.broadcast_to(squares[:1], (batch * steps, side, side, 3)),  # pyright: ignore
            encoder.card.preprocess,
            recipe,
            callbacks=Callbacks(name="gpu"),
            after_step=lambda: times.append(now(device)),
        )
    return median(end - start for start, end in pairwise(times[WARM - 1 :]))


def bare(encoder: Encoder, device: torch.device, precision: TrainingPrecision, batch: int) -> float:
    """Return the median seconds of only a forward and a backward pass."""
    module, side = encoder.module.train(), encoder.card.preprocess.size
    pixels = torch.rand(batch, side, side, 3, device=device).permute(0, 3, 1, 2)
    targets, times = torch.zeros(batch, dtype=torch.long, device=device), []
    with loop.deterministic(torch.get_num_threads()):
        for _ in range(WARM + STEPS):
            with forward_pass(0, device, precision):
                logits = module(pixels)
            cross_entropy(logits.float(), targets, label_smoothing=0.1).backward()
            module.zero_grad()
            times.append(now(device))
    return median(end - start for start, end in pairwise(times[WARM - 1 :]))


def now(device: torch.device) -> float:
    """Return the time at which the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
