"""How cost grows with the study: the table of growth.md, which docs/growth.md explains.

From a base size, images, features, concepts and encoders are doubled twice, one at a time. The last
rows are amounts at LAION's size: bytes, and times that are computed from the base by the formulas
of growth. They are underestimates: the benchmark fits in cache, the real data would not.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.laion import LABELS_PER_IMAGE, Scale, amounts, estimates, sorting_bytes
from benchmarks.synthetic import Size, draw_classified, draw_head, draw_labels
from benchmarks.tables import Row, allocated, alone, write_table
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.saved_activations import read_activations, write_activations
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.concepts import ConceptLabels, concept_targets, probe
from interpreting_clip.measures.directions import Directions, importance, singular_directions
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.pruning import pruned_accuracies

FACTORS = 2, 4
FRACTIONS = np.arange(10) / 10
LAYERS, MINIBATCH, IMAGES_PER_GRAM = 16, 64, 16
ENOUGH = 1.0
"""Measurements are repeated until they have taken so many processor seconds."""

SEED = 0


BASE = Scale(images=4_096, features=512, concepts=200, encoders=2, classes=500)


class Work(NamedTuple):
    """The inputs of all parts at some scale; all encoders share one set of arrays."""

    scale: Scale
    folder: Path
    activations: np.ndarray
    classes: np.ndarray
    head: Head
    directions: Directions
    labels: ConceptLabels


class Cost(NamedTuple):
    """The processor seconds of a part and the MiB that it allocates at its peak."""

    seconds: float
    memory: float


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # waiting threads would count as busy
        found = alone(rows, Path(scratch), BASE, ENOUGH).result
    write_table("growth", "How processor time and memory grow", found)


def bookkeeping(work: Work) -> None:
    """Write each encoder's activations and read them: extraction without its forward passes."""
    indices = np.arange(work.scale.classes)
    for encoder in range(work.scale.encoders):
        folder = work.folder / str(encoder)
        write_activations(
            folder, TEST_SETS[0], work.activations, classes=work.classes, class_indices=indices
        )
        read_activations(folder, TEST_SETS[0])


def kurtosis(work: Work) -> None:
    """Compute kurtosis with its bootstrap, and outlier features."""
    for _ in range(work.scale.encoders):
        of_images, _ = kurtosis_and_deviations(work.activations, 6.0)
        bootstrap_mean(of_images, 100, 0.95, SEED)


def directions(work: Work) -> None:
    """Compute the importance of the directions and their pruning curve."""
    own = work.directions
    for _ in range(work.scale.encoders):
        weights = importance(work.activations, own)
        pruned_accuracies(
            work.activations, work.classes, work.head, own, weights, fractions=FRACTIONS
        )


def concepts(work: Work) -> None:
    """Compute the average precisions of directions and features for all concepts."""
    numbers, workers = np.unique(work.labels.concept), usable_processors()
    for _ in range(work.scale.encoders):
        targets = concept_targets(work.labels, numbers, work.scale.images, "all", SEED)
        for directions in (work.directions, None):
            probe(work.activations, directions, targets, [], workers=workers)


def comparisons(work: Work) -> None:
    """Compare every pair of encoders, layer by layer."""
    for pair in combinations(range(work.scale.encoders), 2):
        first, second = (read_tensors(work.folder / f"grams{each}.safetensors") for each in pair)
        cka(first, second)


class Part(NamedTuple):
    """A part of a study: how to run it and, per quantity doubled, how its time should grow."""

    run: Callable[[Work], None]
    grows: dict[str, str]


LINEAR, SAME = "× 2 × 4", "× 1 × 1"
LESS, MORE = f"{LINEAR}, or less", f"{LINEAR}, or more"
PARTS = {
    "extraction, but for forward passes": Part(
        bookkeeping,
        {"images": MORE, "features": MORE, "concepts": SAME, "encoders": LINEAR},
    ),
    "kurtosis": Part(
        kurtosis,
        {"images": LINEAR, "features": LINEAR, "concepts": SAME, "encoders": LINEAR},
    ),
    "importance and pruning": Part(
        directions,
        {"images": LINEAR, "features": LESS, "concepts": SAME, "encoders": LINEAR},
    ),
    "concepts": Part(
        concepts,
        {"images": MORE, "features": LESS, "concepts": SAME, "encoders": LINEAR},
    ),
    "comparison of all pairs": Part(
        comparisons,
        {"images": LINEAR, "features": SAME, "concepts": SAME, "encoders": "× 6 × 28"},
    ),
}


def rows(folder: Path, base: Scale, enough: float) -> list[Row]:
    """Return the lines of the table: growth, part by part, then amounts at LAION's size."""
    first = {name: measured(folder, part, base, enough) for name, part in PARTS.items()}
    lines = []
    for name, part in PARTS.items():
        cost = first[name]
        lines.append(Row(name, f"{cost.seconds:.3f} processor seconds, {cost.memory:.1f} MiB"))
        for quantity, expected in part.grows.items():
            scales = [doubled(base, quantity, factor) for factor in FACTORS]
            costs = [measured(folder, part, scale, enough) for scale in scales]
            lines.append(Row(f"… {quantity}", growth([cost, *costs]), f"time {expected}"))
    seconds = {name: cost.seconds for name, cost in first.items()}
    sorting = sorting_bytes(doubled(base, "images", 16))
    return [*lines, *estimates(base, seconds), *amounts(sorting)]


def doubled(base: Scale, quantity: str, factor: int) -> Scale:
    """Return the base with one of its quantities multiplied."""
    return base._replace(**{quantity: getattr(base, quantity) * factor})


def growth(costs: list[Cost]) -> str:
    """Say how much more time and memory the later costs are, relative to the first."""
    times = " ".join(f"× {cost.seconds / costs[0].seconds:.1f}" for cost in costs[1:])
    memory = " ".join(f"× {cost.memory / costs[0].memory:.1f}" for cost in costs[1:])
    return f"time {times}, memory {memory}"


def measured(folder: Path, part: Part, scale: Scale, enough: float) -> Cost:
    """Measure one part at some scale, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = drawn(Path(scratch), scale)
        part.run(work)  # compile and read what is compiled and read only once
        memory = allocated(lambda: part.run(work))
        spent = [processor_seconds(part.run, work)]
        while sum(spent) < enough:
            spent.append(processor_seconds(part.run, work))
        return Cost(min(spent), memory)


def processor_seconds(run: Callable[[Work], None], work: Work) -> float:
    """Return the time that all processors together spent on a call.

    Growth is a ratio of times that are measured minutes apart; other programs would distort wall
    times.
    """
    start = time.process_time()
    run(work)
    return time.process_time() - start


def drawn(folder: Path, scale: Scale) -> Work:
    """Draw the inputs and write those that the stages map."""
    size = Size(scale.images, scale.features, scale.concepts, scale.classes, LABELS_PER_IMAGE)
    head = draw_head(size, SEED)
    activations, classes = draw_classified(size, head, SEED)
    write_tensors(folder / "activations.safetensors", {"activations": activations})
    mapped = read_tensors(folder / "activations.safetensors")["activations"]
    for encoder, grams in enumerate(draw_grams(scale)):
        write_tensors(folder / f"grams{encoder}.safetensors", grams)
    own, labels = singular_directions(head.weight), draw_labels(size, SEED)
    return Work(scale, folder, mapped, classes, head, own, labels)


def draw_grams(scale: Scale) -> Iterator[dict[str, np.ndarray]]:
    """Draw the Gram matrices of each encoder's layers, on a fraction of the images."""
    generator = np.random.default_rng(SEED)
    shape = max(1, scale.images // (MINIBATCH * IMAGES_PER_GRAM)), MINIBATCH, MINIBATCH
    for _ in range(scale.encoders):
        yield {f"layer{layer}": generator.standard_normal(shape) for layer in range(LAYERS)}


if __name__ == "__main__":
    main()
