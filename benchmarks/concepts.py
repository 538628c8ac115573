"""The cost of probing at the paper's size: the table of concepts.md.

Every direction of an encoder is probed for every concept of Broden, on drawn labels that are as
sparse and as skewed as Broden's. scikit-learn's function is called for a sample of the pairs, in
the same run and on the same scores, and its time is scaled to all pairs.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.synthetic import Size, draw_activations, draw_head, draw_labels
from benchmarks.tables import Cost, Row, alone, write_table
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.measures.average_precision import (
    SparseTargets,
    average_precisions,
    permuted_average_precisions,
)
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import (
    ConceptLabels,
    Group,
    Negatives,
    concept_examples,
    concept_targets,
    probe,
)
from interpreting_clip.measures.directions import singular_directions

BRODEN = Size(images=63_305, features=1_024, concepts=1_197, classes=1_000)
SAMPLE = 200
SEED = 0
DRAWS = 20
THRESHOLDS = (0.6, 0.7, 0.8, 0.9)


class Loop(NamedTuple):
    """What scikit-learn found for some pairs, and its seconds per pair."""

    precisions: np.ndarray
    seconds: float


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        found = rows(Path(scratch), BRODEN, SAMPLE)
    title = (
        f"{BRODEN.features:,} directions, {BRODEN.concepts:,} concepts, {BRODEN.images:,} images"
    )
    write_table("concepts", title, found)


def rows(folder: Path, size: Size, sample: int) -> list[Row]:
    """Return the lines of the table."""
    write_inputs(folder, size)
    warm = Size(16, 2, 1, 2, 1.0)
    (folder / "warm").mkdir()
    write_inputs(folder / "warm", warm)
    lines = []
    for negatives in get_args(Negatives):
        # compile the functions that are compiled once per machine
        precisions(folder / "warm", negatives)
        cost = alone(precisions, folder, negatives)
        pairs = draw_pairs(size, sample)
        loop = scikit_learn(folder, negatives, *pairs)
        difference = float(np.abs(cost.result[pairs] - loop.precisions).max())
        whole = loop.seconds * size.features * size.concepts
        lines += lines_of(negatives, cost, sample, loop=whole, difference=difference)
        lines += null_lines(alone(permuted, folder, negatives), cost, whole)
    for draws, nulls in ((1, 0), (1, 1), (DRAWS, 0), (DRAWS, 1)):
        stage = alone(both_bases, folder, draws, nulls)
        what = f"directions and features as stage `broden`, draws of negatives: {draws}"
        if nulls:
            what = "… with one draw of both nulls"
        lines += [
            Row(what, f"{stage.seconds:.1f} s"),
            Row("… peak memory", f"{stage.memory:.0f} MiB", "under 2 GiB"),
        ]
    return lines


def null_lines(null: Cost, cost: Cost, loop: float) -> list[Row]:
    """Return the lines for one draw of permuted images; its time includes the real labels."""
    return [
        Row("… with one draw of permuted images", f"{null.seconds:.1f} s"),
        Row("… … of the time without", f"{null.seconds / cost.seconds:.2f}", "at most 2"),
        Row("… … ratio to one loop of scikit-learn", f"{loop / null.seconds:,.0f}"),
    ]


def lines_of(
    negatives: str, cost: Cost, sample: int, *, loop: float, difference: float
) -> list[Row]:
    """Return the lines for one kind of negatives; `loop` is scikit-learn's time for all pairs."""
    bound = "at least 1,000" if negatives == "all" else ""
    return [
        Row(f"negatives: {negatives}", f"{cost.seconds:.1f} s", "under 30 s"),
        Row("… peak memory", f"{cost.memory:.0f} MiB", "under 2 GiB"),
        Row(f"… scikit-learn, from {sample} pairs", f"{loop / 3600:.2f} h"),
        Row("… ratio", f"{loop / cost.seconds:,.0f}", bound),
        Row("… largest difference on the sample", f"{difference:.0e}", "under 1e-9"),
    ]


def write_inputs(folder: Path, size: Size) -> None:
    """Write the scores, the labels and a head as the stages do."""
    labels = draw_labels(size, SEED)
    write_tensors(folder / "scores.safetensors", {"scores": draw_activations(size, SEED)})
    pairs = {"image": labels.image, "concept": labels.concept}
    write_tensors(folder / "labels.safetensors", pairs)
    write_tensors(folder / "head.safetensors", {"weight": draw_head(size, SEED).weight})


def read_inputs(folder: Path) -> tuple[np.ndarray, ConceptLabels, np.ndarray]:
    """Return the memory-mapped scores, the labels, and the numbers of the concepts."""
    scores = read_tensors(folder / "scores.safetensors", "scores")["scores"]
    pairs = read_tensors(folder / "labels.safetensors", "image", "concept")
    labels = ConceptLabels(np.asarray(pairs["image"]), np.asarray(pairs["concept"]))
    return scores, labels, np.unique(labels.concept)


def read_targets(
    folder: Path, negatives: Negatives, draws: int = 1
) -> tuple[np.ndarray, SparseTargets]:
    """Return the memory-mapped scores, and the targets."""
    scores, labels, concepts = read_inputs(folder)
    return scores, concept_targets(labels, concepts, len(scores), negatives, SEED, draws=draws)


def precisions(folder: Path, negatives: Negatives) -> np.ndarray:
    """Compute what is timed: the average precision of every score column for every concept."""
    return average_precisions(*read_targets(folder, negatives), usable_processors())[0]


def permuted(folder: Path, negatives: Negatives) -> None:
    """Compute the same with the labels as they are and with those of permuted images."""
    scores, targets = read_targets(folder, negatives)
    permutations = image_permutations(len(scores), 1, SEED)
    permuted_average_precisions(scores, targets, permutations, usable_processors())


def both_bases(folder: Path, draws: int, nulls: int) -> int:
    """Compute what stage `broden` computes, for the head's directions and for the features."""
    scores, targets = read_targets(folder, "balanced", draws)
    directions = singular_directions(read_tensors(folder / "head.safetensors")["weight"])
    groups = [Group(targets.positives > 0, threshold) for threshold in THRESHOLDS]
    workers = usable_processors()
    permutations = image_permutations(len(scores), nulls, SEED)
    sizes = [
        len(
            probe(
                scores, each, targets, groups, workers=workers, permutations=permutations
            ).precisions
        )
        for each in (directions, None)
    ]
    random_direction_counts(scores, sizes, targets, groups, draws=nulls, seed=SEED, workers=workers)
    return sum(sizes)


def draw_pairs(size: Size, sample: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of a direction and a concept."""
    generator = np.random.default_rng(SEED + 1)
    of = size.features, size.concepts
    directions, concepts = (generator.integers(count, size=sample) for count in of)
    return directions, concepts


def scikit_learn(
    folder: Path, negatives: Negatives, directions: np.ndarray, concepts: np.ndarray
) -> Loop:
    """Call scikit-learn's function for pairs; only the calls are timed."""
    scores, labels, numbers = read_inputs(folder)
    sets = list(concept_examples(labels, numbers, len(scores), negatives, SEED))
    found, seconds = np.empty(len(directions)), 0.0
    for pair, (direction, concept) in enumerate(zip(directions, concepts, strict=True)):
        examples = sets[concept]
        images = np.arange(len(scores))
        if examples.negatives is not None:
            images = np.concatenate([examples.positives, examples.negatives[0]])
        shown, column = np.isin(images, examples.positives), scores[images, direction]
        start = time.perf_counter()
        found[pair] = average_precision_score(shown, column)
        seconds += time.perf_counter() - start
    return Loop(found, seconds / len(directions))


if __name__ == "__main__":
    main()
