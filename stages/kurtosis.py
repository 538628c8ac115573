"""Stage `kurtosis`: an encoder's kurtosis, its outlier features, and their relation to its head."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from interpreting_clip.config.shifts import TEST_SETS, result_name
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.numbers import write_numbers
from interpreting_clip.formats.saved_activations import Activations, read_card, read_test_sets
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.measures.accuracy import map_classes
from interpreting_clip.measures.directions import Directions
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import (
    OutlierFeatures,
    Result,
    Settings,
    hiding_outliers,
    kurtosis_and_deviations,
    most_extreme_first,
    outlier_features,
)
from interpreting_clip.measures.outlier_axes import align_axes, pruning_costs, tops
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

MOST_AXES = 100
"""The most outlier features that are examined. At most 56 of 1,024 features can be beyond 6 σ in
half of the images, but with a lower σ there are hundreds, and each costs a pass over all logits."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s kurtosis on ImageNet's test images, and its features' deviations."""
    settings = params.read("kurtosis", Settings)
    folder, privileged = inputs[f"data/activations/{key}"], inputs[f"data/directions/{key}"]
    tests = read_test_sets(folder)
    activations = tests[TEST_SETS[0]].values
    width = activations.shape[1]
    head = read_head(inputs[f"data/heads/{key}"], width)
    arrays = read_tensors(
        privileged / "directions.safetensors",
        "directions",
        "singular_values",
        "importance",
        "feature_logit_variance",
    )
    directions = Directions(arrays["directions"], arrays["singular_values"])
    with error_context(folder / TEST_SETS[0], ValueError):
        per_image, deviations = kurtosis_and_deviations(activations, settings.outlier_sigma)
    kurtosis = bootstrap_mean(per_image, settings.resamples, settings.confidence, settings.seed)
    outliers = outlier_features(deviations, settings.outlier_share)
    ordered = most_extreme_first(deviations)
    # If there is no outlier feature, examine only the most extreme one.
    examined = ordered.first(min(max(len(outliers.feature), 1), MOST_AXES))
    with error_context(folder, ValueError):
        aligned = align_axes(np.arange(width), directions, arrays["importance"])
        axes = {
            "typical_cosine": np.median(aligned.cosine),
            "costs": costs(tests, head, examined, settings.confidence),
            "logit_variance": arrays["feature_logit_variance"][examined.feature],
            "typical_logit_variance": np.median(arrays["feature_logit_variance"]),
            "tops": tops(len(directions.vectors)),
            **{name: values[examined.feature] for name, values in asdict(aligned).items()},
            **asdict(examined),
        }
    result = {
        "representation": read_card(folder)["representation"],
        "kurtosis": asdict(kurtosis),
        "features": width,
        "outlier_sigma": settings.outlier_sigma,
        "outlier_share": settings.outlier_share,
        "hiding_outliers": hiding_outliers(width, settings.outlier_sigma),
        "outlier_features": asdict(outliers),
        "largest_share": ordered.share[0],
        "sweep": [
            {"share": share, "outlier_features": len(outlier_features(deviations, share).feature)}
            for share in settings.sweep
        ],
        "axes": axes,
    }
    out = outputs[f"data/kurtosis/{key}"]
    write_numbers(out, Result(kurtosis, len(outliers.feature), float(ordered.share[0])))
    write_json(out / "kurtosis.json", result)
    write_tensors(out / "features.safetensors", asdict(deviations))


def costs(
    tests: Mapping[str, Activations], head: Head, examined: OutlierFeatures, confidence: float
) -> dict[str, dict[str, Any]]:
    """Return what pruning each feature alone costs, in points of accuracy, on every test set."""
    found = {}
    for dataset, test in tests.items():
        lost = pruning_costs(
            test.values,
            test.classes,
            head,
            examined.feature,
            confidence=confidence,
            class_map=map_classes(test.class_indices.tolist(), len(head.weight), test.aliases),
        )
        found[result_name(dataset)] = {name: 100 * part for name, part in asdict(lost).items()}
    return found
