"""Stage `broden`: the concepts that an encoder's directions and features encode."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.json import read_json, whole_file, write_json
from interpreting_clip.formats.numbers import write_numbers
from interpreting_clip.measures import extremes
from interpreting_clip.measures.chance import ChanceLevel
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import (
    ByChance,
    ConceptLabels,
    Group,
    Probe,
    Result,
    Settings,
    concept_targets,
    discovered_concepts,
    probe,
    result_fields,
)
from interpreting_clip.measures.directions import Directions
from interpreting_clip.measures.encoding import encoded_pairs, strongest
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs

STRONGEST = 300
"""At most this many encoded pairs of each basis go into git and the report; the CSV has all."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the average precision of every direction and feature of encoder `key` per concept.

    `concepts.json` counts what they encode, beside what chance gives, and lists the strongest
    encoded pairs of a direction or feature and a concept; `encoded.csv` lists all, and
    `precisions.safetensors` holds the average precision of every pair, encoded or not. Pairs and
    precisions are those of the first draw. `extremes.safetensors` has the images with the highest
    and lowest projections on each.
    """
    folder, shown_concepts = inputs[f"data/broden_activations/{key}"], inputs["data/broden_labels"]
    privileged, out = inputs[f"data/directions/{key}"], outputs[f"data/concepts/{key}"]
    if is_absent(shown_concepts) or is_absent(folder):
        write_absent("broden", out)
        write_numbers(out, Result())
        return
    workers = read_machine().workers
    settings = params.read("concepts", Settings)
    images = params.read("browse", extremes.Settings).images
    features = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    arrays = read_tensors(
        privileged / "directions.safetensors", "directions", "singular_values", "importance"
    )
    directions = Directions(arrays["directions"], arrays["singular_values"])
    concepts = read_json(shown_concepts / "concepts.json")
    shown = read_tensors(shown_concepts / "labels.safetensors", "image", "concept")
    labels = ConceptLabels(shown["image"], shown["concept"])
    which = np.array([concept["number"] for concept in concepts])
    of_concept = np.array([concept["category"] for concept in concepts])
    categories = sorted(set(of_concept.tolist()))
    every, threshold = np.ones(len(concepts), np.bool_), settings.threshold
    groups = [
        Group(every, threshold),
        *(Group(of_concept == category, threshold) for category in categories),
        *(Group(every, other) for other in settings.sweep),
    ]
    with error_context(f"{folder} and {shown_concepts}", ValueError):
        targets = concept_targets(
            labels, which, len(features), settings.negatives, settings.seed, draws=settings.draws
        )
        probes = {
            basis: probe(
                features,
                each,
                targets,
                groups,
                sign=settings.sign,
                workers=workers,
                images=images,
                permutations=image_permutations(len(features), settings.null_draws, settings.seed),
            )
            for basis, each in (("directions", directions), ("features", None))
        }
        sizes = {basis: len(one.precisions) for basis, one in probes.items()}
        random = random_direction_counts(
            features,
            list(sizes.values()),
            targets,
            groups,
            draws=settings.null_draws,
            seed=settings.seed,
            sign=settings.sign,
            workers=workers,
        )
    random_of = dict(zip(sizes, random, strict=True))
    discovered = {
        basis: discovered_concepts(one, targets.positives, len(features), settings)
        for basis, one in probes.items()
    }
    # Directions are numbered by importance, from 1, features as in the activations, from 0.
    ranks = np.argsort(np.argsort(-arrays["importance"], kind="stable")) + 1
    numbers = {"directions": ranks, "features": np.arange(features.shape[1])}
    pairs = {b: pairs_by_number(one, numbers[b], threshold) for b, one in probes.items()}

    def named(basis: str, some: np.ndarray) -> Iterator[dict[str, Any]]:
        return named_pairs(probes[basis], some, numbers[basis], concepts)

    counts = {
        basis: {
            **summary(one, random_of[basis], categories, settings.sweep),
            "discovered": discovered[basis],
            "pairs": len(pairs[basis]),
            "encoded": list(named(basis, strongest(pairs[basis], one.precisions, STRONGEST))),
            "names": encoded_names(pairs[basis], concepts),
        }
        for basis, one in probes.items()
    }
    write_tensors(out / "precisions.safetensors", precision_arrays(probes))
    write_tensors(out / "extremes.safetensors", extreme_arrays(probes))
    write_pairs(out / "encoded.csv", {basis: named(basis, each) for basis, each in pairs.items()})
    found = {
        "measured": len(concepts),
        "minimum_images": settings.minimum_images,
        "left_out": left_out_concepts(shown_concepts, settings.minimum_images),
        "draws": targets.draws,
        "null_draws": settings.null_draws,
        "false_discovery_rate": settings.false_discovery_rate,
        **counts,
    }
    write_json(out / "concepts.json", found)
    fields = [
        result_fields(basis, one, random_of[basis], discovered[basis])
        for basis, one in probes.items()
    ]
    write_numbers(out, Result(**fields[0], **fields[1]))


def left_out_concepts(folder: Path, minimum: int) -> int:
    """Return how many concepts some images show, but too few."""
    file = folder / "left_out.json"
    return sum(0 < one["images"] < minimum for one in read_json(file)) if file.exists() else 0


def summary(
    found: Probe, random: Sequence[ByChance], categories: Sequence[str], sweep: Sequence[float]
) -> dict[str, Any]:
    """Return the counts of all concepts, of each category, and at each threshold of the sweep.

    Each stands beside the count against all images, and beside what both nulls give for both.
    """
    nothing = [ByChance(ChanceLevel(), ChanceLevel())] * len(found.counts)
    whole, *others = (
        {
            **asdict(counts),
            "permuted": asdict(permuted.drawn),
            "random": asdict(of_random.drawn),
            "over_all": over_all.unique_concepts,
            "over_all_permuted": asdict(permuted.over_all),
            "over_all_random": asdict(of_random.over_all),
        }
        for counts, over_all, permuted, of_random in zip(
            found.counts, found.over_all, found.permuted or nothing, random or nothing, strict=True
        )
    )
    return {
        **whole,
        "categories": dict(zip(categories, others, strict=False)),
        "sweep": [
            {"threshold": threshold, **found}
            for threshold, found in zip(sweep, others[len(categories) :], strict=True)
        ],
    }


def pairs_by_number(found: Probe, numbers: np.ndarray, threshold: float) -> np.ndarray:
    """Return a probe's pairs of a row and a concept that it encodes, by the row's number."""
    order = np.argsort(numbers)
    places, concepts = encoded_pairs(found.precisions[order], threshold).T
    return np.stack([order[places], concepts], axis=1)


def named_pairs(
    found: Probe, pairs: np.ndarray, numbers: np.ndarray, concepts: list[dict]
) -> Iterator[dict[str, Any]]:
    """Yield pairs with the number of the direction or feature and the name of the concept."""
    for direction, concept in pairs.tolist():
        yield {
            "number": int(numbers[direction]),
            "side": "negative" if found.negative[direction, concept] else "positive",
            "concept": concepts[concept]["name"],
            "category": concepts[concept]["category"],
            "precision": round(float(found.precisions[direction, concept]), 4),
        }


def encoded_names(pairs: np.ndarray, concepts: list[dict]) -> list[str]:
    """Return the concepts that any direction or feature encodes, each with its category."""
    unique = np.unique(pairs[:, 1]).tolist()
    return sorted("{name} ({category})".format(**concepts[i]) for i in unique)


def precision_arrays(probes: Mapping[str, Probe]) -> dict[str, np.ndarray]:
    """Return the average precisions of each basis, and whether each is that of the negative side.

    Rows are in the order of `directions.safetensors`, or of the features.
    """
    precisions = {basis: one.precisions for basis, one in probes.items()}
    negative = {f"{basis}_negative": one.negative.view(np.uint8) for basis, one in probes.items()}
    return precisions | negative


def extreme_arrays(probes: Mapping[str, Probe]) -> dict[str, np.ndarray]:
    """Return the images with the highest and lowest scores of each basis, in the same rows."""
    return {
        f"{basis}_{name}": values
        for basis, one in probes.items()
        if one.extremes is not None
        for name, values in vars(one.extremes).items()
    }


def write_pairs(file: Path, pairs: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Write encoded pairs by basis as CSV, one at a time: low thresholds give a million."""
    columns = ("basis", "number", "side", "concept", "category", "precision")
    with whole_file(file) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for basis, rows in pairs.items():
            writer.writerows((basis, *(row[column] for column in columns[1:])) for row in rows)
