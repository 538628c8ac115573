"""Stage `robustness`: an encoder's accuracies and its effective robustness."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from stages.measures.accuracy import restriction, top1
from stages.measures.effective_robustness import Accuracy, estimate_effective_robustness
from stages.measures.logit_line import LogitLine, ResampledLines
from stages.settings.robustness import RobustnessSettings
from stages.settings.shifts import SHIFTS, TEST_SETS, result_name
from stages.storage.activations import read_activations
from stages.storage.errors import found_in
from stages.storage.heads import read_head
from stages.storage.launch import launch
from stages.storage.params import read_method
from stages.storage.results import read_json, write_json


def main(key: str) -> None:
    """Write encoder `key`'s accuracies in percent and effective robustness in points."""
    settings = read_settings()
    baseline = read_json(Path("data/baseline/baseline.json"))
    measured = {dataset: measure(key, dataset) for dataset in TEST_SETS}
    result = estimate_effective_robustness(
        measured[TEST_SETS[0]],
        {shift: measured[shift] for shift in SHIFTS},
        {shift: LogitLine(**baseline["lines"][shift]) for shift in SHIFTS},
        {shift: resampled(baseline["resampled"][shift]) for shift in SHIFTS},
        confidence=settings.confidence,
        seed=settings.seed,
    )
    write_json(
        Path("data/robustness") / f"{key}.json",
        {
            "accuracy": {result_name(d): 100 * a.share for d, a in measured.items()},
            "images": {result_name(d): a.images for d, a in measured.items()},
            "effective_robustness": {s: asdict(e) for s, e in result.shifts.items()}
            | {"mean": asdict(result.mean)},
            "baseline": {"models": baseline["models"], "lines": baseline["lines"]},
        },
    )


def read_settings() -> RobustnessSettings:
    """Return the `robustness:` section."""
    method = read_method("robustness")
    return method.read("robustness", RobustnessSettings)


def measure(key: str, dataset: str) -> Accuracy:
    """Return encoder `key`'s accuracy on a test set, among the classes that it holds."""
    directory = Path("data/activations") / key
    activations = read_activations(directory, dataset)
    head = read_head(Path("data/heads") / key, activations.values.shape[1])
    with found_in(directory / dataset):
        counts_as = restriction(activations.class_indices.tolist(), len(head.weight))
        share = top1(activations.values, activations.classes, head, counts_as)
    return Accuracy(share, len(activations.classes))


def resampled(lines: dict[str, list[float]]) -> ResampledLines:
    """Return the resampled lines of one shift."""
    return ResampledLines(np.array(lines["slope"]), np.array(lines["intercept"]))


if __name__ == "__main__":
    launch(main)
