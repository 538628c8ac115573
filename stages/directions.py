"""Stage `directions`: privileged directions of an encoder's head, and accuracy after pruning."""

import numpy as np

from interpreting_clip.config.shifts import TEST_SETS, result_name
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.numbers import write_numbers
from interpreting_clip.formats.saved_activations import Activations, read_test_sets
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.measures.accuracy import map_classes
from interpreting_clip.measures.directions import (
    Directions,
    Result,
    Settings,
    importance,
    singular_directions,
)
from interpreting_clip.measures.head import Head, random_head
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s directions, their importance, and accuracy per pruned fraction."""
    settings = params.read("directions", Settings)
    folder = inputs[f"data/activations/{key}"]
    tests = read_test_sets(folder)
    imagenet = tests[TEST_SETS[0]].values
    head = read_head(inputs[f"data/heads/{key}"], imagenet.shape[1])
    with error_context(folder, ValueError):
        own = singular_directions(head.weight)
        random = singular_directions(random_head(head.weight, settings.random_head_seed))
        weights = importance(imagenet, own), importance(imagenet, random)
        curves = [
            pruning_curves(tests, head, directions, weight, settings.fractions)
            for directions, weight in zip((own, random), weights, strict=True)
        ]
    arrays = {"directions": own.vectors, "singular_values": own.singular_values}
    importances = np.flip(np.sort(weights[0]))
    prunable = prunable_fraction(
        np.array(settings.fractions), np.array(curves[0]["imagenet"]), settings.harmless
    )
    result = {
        # The lists may differ in length: a head may have a lower rank.
        "importance": {
            name: np.flip(np.sort(weight))
            for name, weight in zip(("head", "random_head"), weights, strict=True)
        },
        "fractions": settings.fractions,
        "accuracy": {"head": curves[0], "random_head": curves[1]},
        "prunable": prunable,
    }
    out = outputs[f"data/directions/{key}"]
    write_tensors(out / "directions.safetensors", {**arrays, "importance": weights[0]})
    ratio = float(importances[0] / np.median(importances))
    write_numbers(out, Result(len(importances), prunable, ratio))
    write_json(out / "directions.json", result)


def pruning_curves(
    tests: dict[str, Activations],
    head: Head,
    directions: Directions,
    weight: np.ndarray,
    fractions: list[float],
) -> dict[str, list[float]]:
    """Return the accuracy in percent on every test set at every pruned fraction."""
    curves = {}
    for dataset, test in tests.items():
        class_map = map_classes(test.class_indices.tolist(), len(head.weight), test.aliases)
        accuracies = pruned_accuracies(
            test.values,
            test.classes,
            head,
            directions,
            weight,
            fractions=np.array(fractions),
            class_map=class_map,
        )
        curves[result_name(dataset)] = (100 * accuracies).tolist()
    return curves
