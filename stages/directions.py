"""Stage `directions`: privileged directions of an encoder's head, and accuracy after pruning."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.shifts import TEST_SETS, on_classes, result_name
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.numbers import write_numbers
from interpreting_clip.formats.saved_activations import Activations, read_test_sets
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.measures.accuracy import ABSENT, images_of_classes, map_classes
from interpreting_clip.measures.directions import (
    CENTRES,
    Directions,
    Result,
    Settings,
    importance,
    mean_row,
    rotated_directions,
    singular_directions,
    spectrum_participation,
)
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

Curves = dict[str, list[float]]
"""Accuracies in percent at every pruned fraction, by test set."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s directions, their importance, and accuracy per pruned fraction.

    `directions.json` has the directions of the head as it is and of the centred head, and the
    curves of every random head. `directions.safetensors` has those that the study chose, with the
    share of the logit variance that each direction, and each feature, carries.
    """
    settings = params.read("directions", Settings)
    folder = inputs[f"data/activations/{key}"]
    tests = read_test_sets(folder)
    imagenet = tests[TEST_SETS[0]].values
    head = read_head(inputs[f"data/heads/{key}"], imagenet.shape[1])
    with error_context(folder, ValueError):
        found = {centre: singular_directions(head.weight, centre) for centre in CENTRES}
        weights = {centre: importance(imagenet, found[centre]) for centre in CENTRES}
        moment = second_moment(imagenet, head)
        shares = {
            centre: logit_variance_shares(moment, head.weight, found[centre].vectors)
            for centre in CENTRES
        }
        heads = {
            centre: described(
                found[centre],
                weights[centre],
                shares[centre],
                pruning_curves(tests, head, found[centre], weights[centre], settings.fractions),
                settings,
            )
            for centre in CENTRES
        }
        own = found[settings.centre]
        random = [
            random_head(
                tests, head, rotated_directions(own, settings.random_head_seed, i), settings
            )
            for i in range(settings.random_heads)
        ]
        features = logit_variance_shares(moment, head.weight)
        mean = mean_row(head.weight)
    result = {
        "centre": settings.centre,
        "fractions": settings.fractions,
        "heads": heads,
        "mean_row": asdict(mean),
        "random_heads": {
            "importance": np.mean([one["importance"] for one in random], axis=0),
            "accuracy": [one["accuracy"] for one in random],
        },
    }
    out = outputs[f"data/directions/{key}"]
    arrays = {
        "directions": own.vectors,
        "singular_values": own.singular_values,
        "importance": weights[settings.centre],
        "logit_variance": shares[settings.centre],
        "feature_logit_variance": features,
    }
    write_tensors(out / "directions.safetensors", arrays)
    chosen = heads[settings.centre]
    numbers = Result(
        directions=len(own.vectors),
        importance_ratio=chosen["importance_ratio"],
        spectrum=chosen["spectrum"],
        mean_row=mean.energy,
    )
    write_numbers(out, numbers)
    write_json(out / "directions.json", result)


def described(
    directions: Directions,
    weights: Float[np.ndarray, " direction"],
    shares: Float[np.ndarray, " direction"],
    curves: Curves,
    settings: Settings,
) -> dict[str, Any]:
    """Return all that is said of a head's directions; lists are by importance, largest first."""
    order = np.argsort(-weights, kind="stable")
    fractions, imagenet = np.array(settings.fractions), np.array(curves["imagenet"])
    return {
        "importance": weights[order],
        "importance_ratio": float(weights[order[0]] / np.median(weights)),
        "logit_variance": shares[order],
        "spectrum": spectrum_participation(directions.singular_values),
        "accuracy": curves,
        "prunable": prunable_fraction(fractions, imagenet, settings.harmless),
    }


def random_head(
    tests: Mapping[str, Activations], head: Head, directions: Directions, settings: Settings
) -> dict[str, Any]:
    """Return the importances of a random head's directions, and accuracy without the least."""
    weights = importance(tests[TEST_SETS[0]].values, directions)
    curves = pruning_curves(tests, head, directions, weights, settings.fractions)
    return {"importance": np.flip(np.sort(weights)), "accuracy": curves}


def pruning_curves(
    tests: Mapping[str, Activations],
    head: Head,
    directions: Directions,
    weight: Float[np.ndarray, " direction"],
    fractions: Sequence[float],
) -> Curves:
    """Return the accuracy in percent on every test set at every pruned fraction.

    Also on ImageNet's images of a shift's classes, among these alone, where a line may start.
    """
    imagenet = tests.get(TEST_SETS[0])
    curves = {}
    for dataset, test in tests.items():
        class_map = map_classes(test.class_indices.tolist(), len(head.weight), test.aliases)
        measured = {result_name(dataset): (test.values, test.classes)}
        if dataset != TEST_SETS[0] and imagenet and has_other_classes(test, imagenet, class_map):
            chosen, classes = images_of_classes(imagenet.classes, class_map)
            measured[on_classes(dataset)] = (imagenet.values[chosen], classes)
        for name, (values, classes) in measured.items():
            accuracies = pruned_accuracies(
                values,
                classes,
                head,
                directions,
                weight,
                fractions=np.array(fractions),
                class_map=class_map,
            )
            curves[name] = (100 * accuracies).tolist()
    return curves


def has_other_classes(
    test: Activations, imagenet: Activations, class_map: Int[np.ndarray, " class_"]
) -> bool:
    """Return whether a shift has some of ImageNet's classes, not all, or merges some."""
    same = np.array_equal(test.class_indices, imagenet.class_indices) and not test.aliases
    return not same and bool(np.any(class_map[imagenet.classes] != ABSENT))
