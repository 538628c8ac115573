"""Stage `directions`: privileged directions of an encoder's head, and accuracy after pruning."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from interpreting_clip.config.shifts import TEST_SETS, on_classes, result_name
from interpreting_clip.encoders.saved_activations import read_test_sets
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.measures.directions import Settings, describe, find_candidates
from interpreting_clip.measures.pruning import pruning_curves
from interpreting_clip.statistics.predictions import Activations
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s directions, and accuracy per pruned fraction on every test set.

    Importance is measured on ImageNet, and only there are random heads pruned. `pruning.json` has
    the test sets by the names of their results, and ImageNet's images of a shift's classes where
    these are fewer.
    """
    settings = params.read("directions", Settings)
    folder = inputs[f"data/activations/{key}"]
    tests = read_test_sets(folder)
    imagenet = tests[TEST_SETS[0]].values
    head = read_head(inputs[f"data/heads/{key}"], imagenet.shape[1])
    with error_context(folder, ValueError):
        candidates = find_candidates(imagenet, head, settings)
        result = describe(imagenet, head, candidates)
        without_random = replace(candidates, random=[])
        pruned = {
            name: pruning_curves(
                test.values,
                test.classes,
                head,
                candidates if name == "imagenet" else without_random,
                fractions=settings.fractions,
                class_map=test.class_map(len(head.weight)),
            )
            for name, test in with_classes_of_shifts(tests, len(head.weight))
        }
    write_result(outputs[f"data/directions/{key}"] / "directions.json", result)
    write_result(outputs[f"data/pruning/{key}"] / "pruning.json", pruned)


def with_classes_of_shifts(
    tests: Mapping[str, Activations], classes: int
) -> Iterator[tuple[str, Activations]]:
    """Yield each test set, and ImageNet's images of a shift's classes, where a line may start.

    The latter only if the shift has some of ImageNet's classes, not all, or merges some.
    """
    imagenet = tests[TEST_SETS[0]]
    for name, test in tests.items():
        yield result_name(name), test
        same = np.array_equal(test.class_indices, imagenet.class_indices) and not test.aliases
        if not same and np.isin(imagenet.classes, [*test.class_indices, *test.aliases]).any():
            yield on_classes(name), imagenet.of_classes(test, classes)
