"""Stage `broden`: the concepts that an encoder's directions and features encode."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from stages.config.machine import read_machine
from stages.config.measures import ConceptsSettings
from stages.config.params import Params
from stages.datasets.card import is_absent, write_absent
from stages.files.arrays import read_tensors, write_tensors
from stages.files.json import read_json, write_json
from stages.files.outputs import new_output, open_outputs
from stages.measures.average_precision import average_precisions
from stages.measures.concepts import (
    ConceptLabels,
    concept_targets,
    direction_precisions,
    encoded_by_category,
    encoded_concepts,
)
from stages.measures.directions import Directions
from stages.runtime.errors import error_context
from stages.runtime.launch import launch

LABELS, CONCEPTS = Path("data/broden_labels"), Path("data/concepts")


def main(key: str) -> None:
    """Write the average precision of every direction and feature of encoder `key` per concept."""
    folder, privileged = Path("data/broden_activations") / key, Path("data/directions") / key
    inputs = open_outputs(folder, LABELS, privileged)
    if is_absent(LABELS):
        write_absent("broden", CONCEPTS / key, inputs)
        return
    params, workers = Params(), read_machine().workers
    settings = params.read("concepts", ConceptsSettings)
    features = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    arrays = read_tensors(privileged / "directions.safetensors", "directions")
    directions = Directions(arrays["directions"], arrays["singular_values"])
    concepts = read_json(LABELS / "concepts.json")
    pairs = read_tensors(LABELS / "labels.safetensors", "image", "concept")
    labels = ConceptLabels(pairs["image"], pairs["concept"])
    numbers = np.array([concept["number"] for concept in concepts])
    with error_context(f"{folder} and {LABELS}", ValueError):
        targets = concept_targets(labels, numbers, len(features), settings.negatives, settings.seed)
        precisions = {
            "directions": direction_precisions(features, directions, targets, workers),
            "features": average_precisions(features, targets, workers),
        }
    categories = [concept["category"] for concept in concepts]
    counts = {basis: count(values, categories, settings) for basis, values in precisions.items()}
    with new_output(CONCEPTS / key, inputs) as out:
        write_tensors(out / "precisions.safetensors", precisions)
        write_json(out / "concepts.json", {"measured": len(concepts), **counts})


def count(precisions: np.ndarray, categories: list[str], settings: ConceptsSettings) -> dict:
    """Count encoded concepts at the threshold, by category and at each threshold of the sweep."""
    by_category = encoded_by_category(precisions, categories, settings.threshold)
    return {
        **asdict(encoded_concepts(precisions, settings.threshold)),
        "categories": {category: asdict(counts) for category, counts in by_category.items()},
        "sweep": [
            {"threshold": threshold, **asdict(encoded_concepts(precisions, threshold))}
            for threshold in settings.sweep
        ],
    }


if __name__ == "__main__":
    launch(main)
