"""Stage `robustness`: accuracies, effective robustness, and how much of a head can be pruned."""

import numpy as np
from jaxtyping import Float

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, own_shifts
from interpreting_clip.errors import error_context
from interpreting_clip.formats.baseline import FittedBaseline
from interpreting_clip.formats.results import read_result, write_result
from interpreting_clip.formats.saved_activations import read_card, read_test_sets
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.measures.accuracy import correct_predictions
from interpreting_clip.measures.accuracy_draws import MeasuredAccuracy
from interpreting_clip.measures.activations import Activations, images_of_classes
from interpreting_clip.measures.effective_robustness import Settings, effective_robustness
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.prunable import prunable
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.measures.standard_spread import line_residuals
from interpreting_clip.quantities import Percents
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s effective robustness, and how many of its directions can be pruned."""
    settings = params.read("robustness", Settings)
    harmless = params.read("prunable.harmless", Percents)
    folder = inputs[f"data/activations/{key}"]
    baseline = read_result(inputs["data/baseline"] / "baseline.json", FittedBaseline)
    pruning = read_result(inputs[f"data/pruning/{key}"] / "pruning.json", dict[str, PruningCurves])
    tests = read_test_sets(folder)
    head = read_head(inputs[f"data/heads/{key}"], tests[TEST_SETS[0]].values.shape[1])
    measured = {}
    for name, test in tests.items():
        with error_context(folder / name, ValueError):
            measured[name] = measure(test, head)
    shifts = [name for name in tests if name != TEST_SETS[0]]
    own, reasons = own_shifts(shifts), baseline.reasons(tests, read_card(folder)["not_given"])
    with error_context(folder / TEST_SETS[0], ValueError):
        starts = {
            shift: measured[TEST_SETS[0]]
            if starts_at_all(tests, shift, baseline)
            else measure_on_classes(tests[TEST_SETS[0]], tests[shift], head)
            for shift in shifts
            if shift in own or shift not in reasons
        }
    result = effective_robustness(
        measured[TEST_SETS[0]],
        # All of the testbed's, so that an absent one does not change the draws of the others.
        {shift: measured.get(shift) for shift in TESTBED_SHIFTS},
        lines=baseline.lines,
        resampled=baseline.resampled,
        starts=starts,
        residuals={shift: residuals(baseline, shift) for shift in baseline.lines},
        own={shift: measured[shift] for shift in own},
        reasons=reasons,
        settings=settings,
    )
    lines = {s: baseline.lines[s] for s in result.compared if result.robustness}
    out = outputs[f"data/robustness/{key}"]
    write_result(out / "robustness.json", result)
    share = prunable(pruning, lines, starts=baseline.abscissa, harmless=harmless)
    write_result(out / "prunable.json", share)


def measure(test: Activations, head: Head) -> MeasuredAccuracy:
    """Return the accuracy on a test set, among its own classes."""
    return MeasuredAccuracy.of_images(predicted(test, head), len(test.class_indices))


def measure_on_classes(imagenet: Activations, shift: Activations, head: Head) -> MeasuredAccuracy:
    """Return the accuracy on ImageNet's images of a shift's classes, among these."""
    classes = len(head.weight)
    chosen, _ = images_of_classes(imagenet.classes, shift.class_map(classes))
    # Every image keeps its place, so that its weight in the draws is that of the whole set.
    correct = np.full(len(chosen), np.nan)
    correct[chosen] = predicted(imagenet.of_classes(shift, classes), head)
    return MeasuredAccuracy.of_images(correct, len(shift.class_indices))


def predicted(test: Activations, head: Head) -> Float[np.ndarray, " image"]:
    """Return 1 for each image whose class is predicted, and 0 for the others."""
    class_map = test.class_map(len(head.weight))
    return correct_predictions(test.values, test.classes, head, class_map).astype(float)


def residuals(baseline: FittedBaseline, shift: str) -> Float[np.ndarray, " model"]:
    """Return the standard models' own effective robustness on a shift, NaN for those off its line.

    Those that are not above chance are off the line.
    """
    models, left_out = baseline.models_of(shift), baseline.at_chance[shift]
    x = np.array([one[baseline.abscissa[shift]] for one in models], float)
    y = [None if one["name"] in left_out else one[shift] for one in models]
    return line_residuals(x / 100, np.array(y, float) / 100, baseline.lines[shift])


def starts_at_all(tests: dict[str, Activations], shift: str, baseline: FittedBaseline) -> bool:
    """Return whether a shift is compared with the accuracy on all of ImageNet's images.

    A shift that is compared with no standard models stands beside the accuracy on its classes.
    """
    imagenet, test = tests[TEST_SETS[0]], tests[shift]
    if np.array_equal(imagenet.class_indices, test.class_indices) and not test.aliases:
        return True
    return baseline.abscissa.get(shift) == "imagenet"
