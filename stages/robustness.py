"""Stage `robustness`: an encoder's accuracies and its effective robustness."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from stages.config.measures import RobustnessSettings
from stages.config.params import Params
from stages.config.test_sets import SHIFTS, TEST_SETS, result_name
from stages.files.activations import Activations, read_test_sets
from stages.files.heads import read_head
from stages.files.json import read_json, write_json
from stages.files.outputs import new_output, open_outputs
from stages.measures.accuracy import map_classes, top1_accuracy
from stages.measures.effective_robustness import Accuracy, estimate_effective_robustness
from stages.measures.head import Head
from stages.measures.logit_line import LogitLine, ResampledLines
from stages.runtime.errors import error_context
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Write encoder `key`'s accuracies in percent and effective robustness in points.

    A shift whose dataset is absent is left out, and the mean is over the others.
    """
    params = Params()
    settings = params.read("robustness", RobustnessSettings)
    folder, shifts = Path("data/activations") / key, Path("data/shift_activations") / key
    heads, lines = Path("data/heads") / key, Path("data/baseline")
    inputs = open_outputs(folder, shifts, heads, lines)
    baseline = read_json(lines / "baseline.json")
    tests = read_test_sets(folder, shifts)
    head = read_head(heads, tests[TEST_SETS[0]].values.shape[1])
    measured = {
        name: measure((shifts if name in SHIFTS else folder) / name, test, head)
        for name, test in tests.items()
    }
    result = {
        "accuracy": {result_name(d): 100 * a.fraction for d, a in measured.items()},
        "images": {result_name(d): a.images for d, a in measured.items()},
        "effective_robustness": estimate(measured, baseline, settings),
        "baseline": {"models": baseline["models"], "lines": baseline["lines"]},
    }
    with new_output(Path("data/robustness") / key, inputs) as out:
        write_json(out / "robustness.json", result)


def measure(source: Path, test: Activations, head: Head) -> Accuracy:
    """Return the accuracy on the test set in folder `source`, among its own classes."""
    with error_context(source, ValueError):
        class_map = map_classes(test.class_indices.tolist(), len(head.weight), test.aliases)
        fraction = top1_accuracy(test.values, test.classes, head, class_map)
    return Accuracy(fraction, len(test.classes))


def estimate(
    measured: dict[str, Accuracy], baseline: dict, settings: RobustnessSettings
) -> dict[str, dict[str, float]]:
    """Return effective robustness per measured shift and its mean; empty without a shift."""
    if not any(shift in measured for shift in SHIFTS):
        return {}
    result = estimate_effective_robustness(
        measured[TEST_SETS[0]],
        {shift: measured.get(shift) for shift in SHIFTS},
        {shift: LogitLine(**line) for shift, line in baseline["lines"].items()},
        {
            shift: ResampledLines(np.array(lines["slope"]), np.array(lines["intercept"]))
            for shift, lines in baseline["resampled"].items()
        },
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return {s: asdict(e) for s, e in result.shifts.items()} | {"mean": asdict(result.mean)}


if __name__ == "__main__":
    launch(main)
