"""The first hour on a GPU: the table of gpu.md, to be posted, and the rates of gpu.json.

1. Each stage that uses the device runs there and on the CPU, and on two GPUs if there are two:
   benchmarks/devices.py.
2. Our training step, as `train` takes it with its objective and its optimiser, is timed on
   synthetic images in place of a loader's, and the bare forward and backward pass of the same tower
   on a tensor that is on the GPU already. `make plan` computes hours from these rates.
3. The measured peaks of memory are compared with those that the plan computes.
4. The same steps on photographs that the machine's workers decode say for which share of the time
   the GPU waits for them.

All of it runs on any device, so that the tests run it on the CPU.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from jaxtyping import UInt8
from msgspec import to_builtins
from torch.nn.functional import cross_entropy

from benchmarks.devices import compared, exceeded
from benchmarks.feeding import DRAWN, write_dataset
from benchmarks.tables import ROOT, Row, write_table
from interpreting_clip.config.encoders import AnyBackbone, OpenClipModel
from interpreting_clip.config.trainings import (
    Augmentation,
    Cosine,
    TrainingPrecision,
    TrainingRecipe,
)
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import Encoder, classifier_encoder
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.json import write_json
from interpreting_clip.loading.batches import ImageDataset
from interpreting_clip.training import loop
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.compilation import repeated_blocks
from interpreting_clip.training.pieces import forward_pass
from interpreting_clip.training.supervised import label_objective
from runner.machine_settings import Machine
from runner.process import repeat_products
from tools import memory
from tools.costs import BACKWARD, MEASURED, Rates, cost, parameters
from tools.memory import device_memory, step_bytes, usable

MODELS = {"resnet": OpenClipModel(model="RN50-quickgelu"), "vit": OpenClipModel(model="ViT-B-32")}
PRECISIONS: tuple[TrainingPrecision, ...] = ("float32", "bfloat16")
CLASSES, LARGEST, WARM, STEPS = 1000, 512, 5, 20


class Step(NamedTuple):
    """What a training step takes: seconds, the bare passes', with loading, and the peak memory.

    `compiled` is None for towers without blocks to compile, and a message if compiling failed.
    """

    ours: float
    bare: float
    loaded: float
    peak: int | None
    compiled: float | str | None


@dataclass(frozen=True)
class Repeated:
    """A dataset of `count` images that are those of another one, again and again."""

    images: ImageDataset
    count: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return one of them."""
        return self.images[image % len(self.images)]


def main() -> None:
    """Measure, print and write the table and the rates."""
    repeat_products()
    room = device_memory(Machine(device="cuda"))
    if room is None:
        sys.exit("error: no GPU: torch finds no CUDA device, and nothing was measured")
    machine = Machine(device="cuda")
    rows, rates = everything(machine, torch.cuda.device_count(), MODELS, usable(room), LARGEST)
    name = torch.cuda.get_device_name()
    write_table("gpu", f"The first hour on {name}", rows)
    if rates:
        write_json(ROOT / MEASURED, to_builtins(rates))
    sys.stdout.write("\nPost these lines, which are in benchmarks/gpu.md, whatever they say.\n")
    if beyond := exceeded(rows):
        sys.exit(f"error: failed or beyond its bound: {'; '.join(beyond)}")


def everything(
    machine: Machine, count: int, models: Mapping[str, AnyBackbone], room: float, largest: int
) -> tuple[list[Row], Rates | None]:
    """Return all lines of the table, and the rates if all could be measured.

    `count` is how many devices of the machine's kind there are.
    """
    with tempfile.TemporaryDirectory() as scratch:
        rows = [*surroundings(machine, count), *compared(Path(scratch, "study"), machine, count)]
        photographs = Path(scratch, "photographs")
        write_dataset(photographs, DRAWN)
        with open_shards(photographs) as images:
            found, rates = measure(machine, models, room, largest, images)
    return rows + found, rates


def surroundings(machine: Machine, count: int) -> list[Row]:
    """Return the lines that say what was measured, and where."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    cudnn = torch.backends.cudnn.version() if machine.device.startswith("cuda") else "none"
    return [
        Row("devices, workers", f"{count} × {machine.device}, {machine.workers}"),
        Row("commit", commit.stdout.strip() or "unknown"),
        Row("torch, CUDA, cuDNN", f"{torch.__version__}, {torch.version.cuda}, {cudnn}"),
    ]


def measure(
    machine: Machine,
    models: Mapping[str, AnyBackbone],
    room: float,
    largest: int,
    photographs: ImageDataset,
) -> tuple[list[Row], Rates | None]:
    """Return the lines of the table and the rates, at the largest batch that fits into `room`.

    Without rates, a tower's step has failed, and a line says how.
    """
    rows, found = list[Row](), dict[str, float]()
    for family, backbone in models.items():
        for precision in PRECISIONS:
            batch, computed = fitting_batch(backbone, precision, room, largest)
            name = getattr(backbone, "model", family)
            what = f"{name}, {precision}, a step of {batch} images"
            try:
                step = step_times(machine, backbone, precision, batch, photographs)
            except RuntimeError as error:  # such as too little memory
                rows.append(Row(what, failure(error), "runs"))
                continue
            rate = BACKWARD * cost(backbone).image.value * batch / step.ours / 1e12
            found[f"{precision}_{family}"] = rate
            waiting = max(0.0, 1 - step.ours / step.loaded)
            rows += [
                Row(what, f"{1e3 * step.ours:.1f} ms, {batch / step.ours:,.0f} images/s"),
                Row("… three forward passes' operations", f"{rate:.3g} TFLOP/s"),
                Row("… over the bare forward and backward pass", f"{step.ours / step.bare:.2f}"),
                Row(
                    f"… share of the time that it waits for photographs, {machine.workers} workers",
                    f"{waiting:.2f}",
                ),
            ]
            if isinstance(step.compiled, str):
                rows.append(Row("… with `compile: true`", step.compiled, "runs"))
            elif step.compiled is not None:
                share = f"{step.compiled / step.ours:.2f} of it"
                rows.append(Row("… with `compile: true`", share))
            if step.peak is not None:
                figures = f"{step.peak / 1e9:.2f} GB: {step.peak / computed:.3f} of the computed"
                rows.append(Row("… peak of torch.cuda.max_memory_allocated", figures))
    on_gpu = machine.device.startswith("cuda")
    where = torch.cuda.get_device_name() if on_gpu else machine.device
    day = datetime.now(UTC).date()
    origin = f"measured on {where}, torch {torch.__version__}, {day}"
    complete = len(found) == len(models) * len(PRECISIONS)
    return rows, Rates(**found, origin=origin) if complete else None


def fitting_batch(
    backbone: AnyBackbone, precision: TrainingPrecision, room: float, largest: int
) -> tuple[int, float]:
    """Return a batch that fits into `room`, by halving the largest, and its computed bytes."""
    weights = 16 * (cost(backbone).parameters.value + CLASSES * cost(backbone).width.value)
    while True:
        taken = weights + step_bytes(memory.Step(backbone, CLASSES, precision, False, largest, 1))
        if taken <= room or largest == 2:
            return largest, taken
        largest //= 2


def step_times(
    machine: Machine,
    backbone: AnyBackbone,
    precision: TrainingPrecision,
    batch: int,
    photographs: ImageDataset,
) -> Step:
    """Return the seconds of our step and of its variants, and the peak of memory.

    They are medians, with loading a mean: a loader that is too slow stops some steps only.
    """
    device = torch.device(machine.device)
    names = [str(number) for number in range(CLASSES)]
    encoder = classifier_encoder(backbone, names, 0, normalize_features=False)
    encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    on_gpu = device.type == "cuda"
    before = torch.cuda.memory_allocated() if on_gpu else 0
    before -= 4 * parameters(encoder.module) if on_gpu else 0
    ours = median(trained(encoder, device, precision, batch))
    peak = torch.cuda.max_memory_allocated() - before if on_gpu else None
    many = Repeated(photographs, batch * (WARM + STEPS))
    loaded = mean(
        trained(encoder, device, precision, batch, photographs=many, workers=machine.workers)
    )
    alone = bare(encoder, device, precision, batch)
    # Last, since the tower stays compiled.
    compiled = None
    if repeated_blocks(encoder.module):
        try:
            compiled = median(trained(encoder, device, precision, batch, compiled=True))
        except (RuntimeError, InputError) as error:  # such as no compiler
            compiled = failure(error)
    return Step(ours, alone, loaded, peak, compiled)


def failure(error: Exception) -> str:
    """Return what stands in a line of the table in place of a measurement that failed."""
    return f"failed: {one_line(str(error))[:200]}"


def trained(
    encoder: Encoder,
    device: torch.device,
    precision: TrainingPrecision,
    batch: int,
    *,
    photographs: ImageDataset | None = None,
    workers: int = 0,
    compiled: bool = False,
) -> list[float]:
    """Return the seconds of the steps of `train`, without loading if there are no photographs."""
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

    images: Any = photographs
    if photographs is None:
        images = np.broadcast_to(squares[:1], (batch * steps, side, side, 3))
    unloaded = mock.patch.object(loop, "load_batches", load)
    with unloaded if photographs is None else nullcontext():
        loop.train(
            encoder.module,
            label_objective(encoder, targets, 0.1, precision),
            images,
            encoder.card.preprocess,
            recipe,
            callbacks=Callbacks(name="gpu"),
            workers=workers,
            compiled=compiled,
            after_step=lambda: times.append(now(device)),
        )
    return [end - start for start, end in pairwise(times[WARM - 1 :])]


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
