"""What portable kernels cost: the table of kernels.md.

A few steps of both towers' contrastive trainings, with the miniature's sizes and one thread: with
native kernels, with portable ones, and with the variables of portable ones alone, so that MKL's
compatible mode computes torch's products. Each run is a process of its own, and the kinds take
turns.
"""

import os
import statistics
import subprocess
import sys
import time

from benchmarks.tables import ROOT, Row, write_table
from interpreting_clip.config.params import convert
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.kernels import KERNELS, PORTABLE, set_portable

KINDS = ("native", "portable", "variables")
REPEATS, STEPS = 5, 40
BOUND = 1.3


def main(*arguments: str) -> None:
    """Measure, print and write the table; with arguments, take steps and print their time."""
    if arguments:
        tower, kind, steps = arguments
        sys.stdout.write(f"{step_seconds(tower, kind, int(steps))}\n")
    else:
        write_table("kernels", "A training step with portable kernels", rows(REPEATS, STEPS))


def rows(repeats: int, steps: int) -> list[Row]:
    """Return the lines of the table."""
    lines = []
    for tower, name in (("rn", "ResNet"), ("vit", "ViT")):
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(repeats):
            for kind in KINDS:
                found[kind].append(measure(tower, kind, steps))
        native, portable, variables = (statistics.median(found[kind]) for kind in KINDS)
        lines += [
            Row(f"{name}, native", f"{1000 * native:.1f} ms a step"),
            Row("… portable", f"{portable / native:.2f} × native", f"at most {BOUND} ×"),
            Row("… products by MKL's compatible mode", f"{variables / native:.2f} × native"),
        ]
    return lines


def measure(tower: str, kind: str, steps: int) -> float:
    """Return the median seconds of a step, in a process without variables of the user's."""
    kept = {k: v for k, v in os.environ.items() if k not in (*KERNELS, *PORTABLE)}
    command = [sys.executable, "-m", "benchmarks.kernels", tower, kind, str(steps)]
    done = subprocess.run(command, cwd=ROOT, env=kept, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def step_seconds(tower: str, kind: str, steps: int) -> float:
    """Take the steps of a training, in this process, and return the median seconds of one."""
    if kind != "native":
        set_portable()
    import numpy as np

    from interpreting_clip.config.encoders import AnyBackbone
    from interpreting_clip.config.trainings import TrainingRecipe
    from interpreting_clip.encoders import portable
    from interpreting_clip.training.callbacks import Callbacks
    from interpreting_clip.training.contrastive import pretrain

    if kind == "variables":
        portable.are_portable = lambda: False
    study = load_tree(ROOT / "params.yaml")
    backbone = convert(study["backbones"][tower], AnyBackbone, tower)
    recipe = study["recipes"][f"{tower}_broad"] | {"epochs": 1}
    count = steps * recipe["batch_size"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    words = [f"word{number}" for number in range(48)]
    captions = [" ".join(rng.choice(words, 6)) for _ in range(count)]
    times: list[float] = []
    pretrain(
        convert(recipe, TrainingRecipe, "recipe"),
        backbone,
        images,
        captions,
        callbacks=Callbacks(log=lambda point: times.append(time.process_time())),
    )
    return statistics.median(np.diff(times).tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
