"""The cost of the measures at the paper's size: the table of measures.md.

Activations are in a memory-mapped file, as in the stages. Each measure is compared with the least
work that it needs, timed in the same process right after it: reading every number in double
precision once, or one matrix product of activations and head.
"""

import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.synthetic import Size, draw_classified, draw_head
from benchmarks.tables import Row, alone, seconds, write_table
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.measures.accuracy import top1_accuracy
from interpreting_clip.measures.chunks import chunks
from interpreting_clip.measures.directions import Directions, importance, singular_directions
from interpreting_clip.measures.head import Head, random_head
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.pruning import pruned_accuracies

IMAGENET = Size(images=50_000, features=1_024, classes=1_000)
FRACTIONS = np.arange(10) / 10
REPEATS = 3
SEED = 0


class Inputs(NamedTuple):
    """The inputs of a measure; activations are memory-mapped."""

    activations: np.ndarray
    classes: np.ndarray
    head: Head
    own: Directions
    null: Directions


class Timed(NamedTuple):
    """Seconds of a measure and of the least work, and the MiB that it allocates at its peak."""

    seconds: float
    bare: float
    allocated: float


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        write_inputs(Path(scratch), IMAGENET)
        found = rows(Path(scratch), REPEATS)
    title = (
        f"{IMAGENET.images:,} images, {IMAGENET.features:,} features, {IMAGENET.classes:,} classes"
    )
    write_table("measures", title, found)


def kurtosis(inputs: Inputs) -> None:
    """Compute the kurtosis of every image and the deviation of each feature."""
    kurtosis_and_deviations(inputs.activations, 6.0)


def bootstrap(inputs: Inputs) -> None:
    """Resample a mean over the images 1,000 times."""
    bootstrap_mean(inputs.activations[:, 0].astype(np.float64), 1000, 0.95, SEED)


def importances(inputs: Inputs) -> None:
    """Compute how much each of the head's directions contributes."""
    importance(inputs.activations, inputs.own)


def accuracy(inputs: Inputs) -> None:
    """Compute the accuracy of the head."""
    top1_accuracy(inputs.activations, inputs.classes, inputs.head)


def pruning(inputs: Inputs) -> None:
    """Compute the pruning curve of the head's directions."""
    _prune(inputs, inputs.own)


def null_pruning(inputs: Inputs) -> None:
    """Compute the pruning curve of a random head's directions."""
    _prune(inputs, inputs.null)


def reading(inputs: Inputs) -> None:
    """Read every number in double precision, once."""
    for _, block in chunks(inputs.activations, 128):
        block.sum()


def product(inputs: Inputs) -> None:
    """Multiply activations and head in double precision, a thousand images at a time."""
    weight = inputs.head.weight.astype(np.float64).T
    for _, block in chunks(inputs.activations):
        np.matmul(block, weight)


def single_product(inputs: Inputs) -> None:
    """Multiply activations and head as they are, in single precision."""
    np.matmul(inputs.activations, inputs.head.weight.T)


MEASURES: dict[str, tuple[Callable[[Inputs], None], Callable[[Inputs], None], str]] = {
    "kurtosis and outlier features, over reading": (kurtosis, reading, "under 2 s"),
    "bootstrap, 1,000 resamples, over reading": (bootstrap, reading, "under 2 s"),
    "importance of directions, over a product": (importances, product, "under 2 products"),
    "accuracy, over a product": (accuracy, product, "under 2 products"),
    "pruning, 10 fractions, over a product": (pruning, product, "under 3 products"),
    "… of a random head": (null_pruning, product, "under 3 products"),
    "… over one evaluation per fraction": (pruning, accuracy, "under 3 evaluations"),
    "a product, over one in single precision": (product, single_product, ""),
}


def rows(folder: Path, repeats: int) -> list[Row]:
    """Return the lines of the table, each measured in a process of its own."""
    lines = []
    for what, (measure, bare, bound) in MEASURES.items():
        cost = alone(timed, folder, measure, bare, repeats)
        found: Timed = cost.result
        ratio, memory = found.seconds / found.bare, found.allocated
        measured = f"{found.seconds:.2f} s, × {ratio:.1f}, {memory:.0f} MiB"
        lines.append(Row(what, measured, bound))
    return lines


def timed(
    folder: Path, measure: Callable[[Inputs], None], bare: Callable[[Inputs], None], repeats: int
) -> Timed:
    """Time a measure and its least work alternately, take the fastest of each, and its memory."""
    inputs = read_inputs(folder)
    reading(inputs)  # so that the file is in memory for both of them
    turns = [
        (seconds(lambda: measure(inputs)), seconds(lambda: bare(inputs))) for _ in range(repeats)
    ]
    spent, base = map(min, zip(*turns, strict=True))
    return Timed(spent, base, allocated(lambda: measure(inputs)))


def allocated(function: Callable[[], object]) -> float:
    """Return the most memory that a call holds beyond what was there before, in MiB.

    Pages of mapped files are not counted: the system takes them back when it needs them.
    """
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def write_inputs(folder: Path, size: Size) -> None:
    """Write activations, their classes and the head."""
    head = draw_head(size, SEED)
    activations, classes = draw_classified(size, head, SEED)
    arrays = {"activations": activations, "classes": classes, "weight": head.weight}
    write_tensors(folder / "inputs.safetensors", arrays)


def read_inputs(folder: Path) -> Inputs:
    """Map the activations and find the directions."""
    arrays = read_tensors(folder / "inputs.safetensors")
    weight = np.asarray(arrays["weight"])
    own, null = (singular_directions(each) for each in (weight, random_head(weight, SEED + 1)))
    head = Head(weight, None, normalize_features=True)
    return Inputs(arrays["activations"], np.asarray(arrays["classes"]), head, own, null)


def _prune(inputs: Inputs, directions: Directions) -> None:
    # Any order of the directions costs the same; their importance has a line of its own.
    order = np.arange(len(directions.vectors), 0, -1.0)
    pruned_accuracies(
        inputs.activations, inputs.classes, inputs.head, directions, order, fractions=FRACTIONS
    )


if __name__ == "__main__":
    main()
