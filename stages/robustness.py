"""Stage `robustness`: accuracies, effective robustness, and how much of a head can be pruned."""

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.encoders.saved_activations import read_card, read_test_sets
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.measures.effective_robustness import Settings, compare_with_lines
from interpreting_clip.measures.prunable import prunable
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.quantities import Percents
from interpreting_clip.statistics.accuracy_draws import measure_accuracy, measure_on_classes
from interpreting_clip.training.saved_baseline import FittedBaseline
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
    imagenet = tests[TEST_SETS[0]]
    head = read_head(inputs[f"data/heads/{key}"], imagenet.values.shape[1])
    measured = {}
    for name, test in tests.items():
        with error_context(folder / name, ValueError):
            measured[name] = measure_accuracy(test, head)
    reasons = baseline.reasons(tests, read_card(folder)["not_given"])
    with error_context(folder / TEST_SETS[0], ValueError):
        starts = {
            shift: measured[TEST_SETS[0]]
            if baseline.starts_at_all(shift, imagenet, test)
            else measure_on_classes(imagenet, test, head)
            for shift, test in tests.items()
            if shift != TEST_SETS[0] and shift not in reasons
        }
    result = compare_with_lines(
        measured[TEST_SETS[0]],
        # All of the testbed's, so that an absent one does not change the draws of the others.
        {shift: measured.get(shift) for shift in TESTBED_SHIFTS},
        lines=baseline.shift_lines,
        starts=starts,
        standard=baseline.standard,
        reasons=reasons,
        settings=settings,
    )
    lines = {s: baseline.lines[s] for s in result.compared if result.robustness}
    out = outputs[f"data/robustness/{key}"]
    write_result(out / "robustness.json", result)
    share = prunable(pruning, lines, starts=baseline.abscissa, harmless=harmless)
    write_result(out / "prunable.json", share)
