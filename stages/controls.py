"""Stage `controls`: planted structure, and what each measure finds of it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.controls.control import Control, Settings
from interpreting_clip.controls.drawn_accuracies import robustness_controls
from interpreting_clip.controls.features import (
    constant_controls,
    kurtosis_controls,
    outlier_controls,
)
from interpreting_clip.controls.label_checks import sanity_checks
from interpreting_clip.controls.low_rank_head import head_controls
from interpreting_clip.controls.moved_images import ruled_cka_controls
from interpreting_clip.controls.noisy_labels import ConceptScoring, concept_controls
from interpreting_clip.controls.planted_neighbours import neighbour_controls
from interpreting_clip.controls.rotations import cka_controls
from interpreting_clip.controls.shifted_head import shift_controls
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.saved_activations import read_activations
from interpreting_clip.measures import mutual_neighbours
from interpreting_clip.measures.concepts import ConceptLabels, Negatives, Sign
from interpreting_clip.measures.grams import OutlierLimits
from interpreting_clip.quantities import Confidence, Count, Percents, Positive, Seed, Share
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write for each instrument what was planted, what it found, and whether they agree."""
    settings = params.read("controls", Settings)
    sigma = params.read("kurtosis.outlier_sigma", Positive)
    share = params.read("kurtosis.outlier_share", Share)
    steps = params.read("directions.pruning_steps", Count)
    harmless = params.read("directions.harmless", Percents)
    scoring = ConceptScoring(
        params.read("concepts.negatives", Negatives),
        params.read("concepts.draws", Count),
        params.read("concepts.seed", Seed),
        params.read("concepts.sign", Sign),
        params.read("concepts.threshold", Share),
    )
    confidence = params.read("robustness.confidence", Confidence)
    images = params.read("layers.images", Count)
    minibatch = params.read("layers.minibatch", Count)
    limits_of_layers = OutlierLimits(
        params.read("cka.outlier_sigma", Positive), params.read("cka.outlier_share", Share)
    )
    neighbours = params.read("mutual_neighbours", mutual_neighbours.Settings)
    folder, seed = inputs[f"data/activations/{settings.encoder}"], settings.seed
    shown = inputs.if_present("data/broden_labels")
    activations = read_activations(folder, TEST_SETS[0]).values
    labels = read_labels(shown) if shown else None
    with error_context(folder, ValueError):
        kurtosis = kurtosis_controls(activations.shape[1], sigma, seed)
        outliers, curve, limits = outlier_controls(activations, sigma, share, seed)
        outliers += constant_controls(activations.shape[1], sigma, share, seed)
        fractions = [step / steps for step in range(steps)]
        directions = [
            *head_controls(fractions, harmless, seed),
            *shift_controls(fractions, seed),
        ]
        concepts = concept_controls(labels, scoring, seed)
        checks = sanity_checks(scoring.threshold, seed)
        robustness, coverage = robustness_controls(
            TESTBED_SHIFTS, confidence, settings.resamples, settings.repetitions, seed
        )
        similarity = cka_controls(activations, images, minibatch, seed)
        ruled = ruled_cka_controls(activations, images, minibatch, limits_of_layers, seed)
        shared = neighbour_controls(activations, images, neighbours, seed)
    result = {
        "kurtosis": verdict(kurtosis),
        "outlier_features": verdict(
            outliers, curve=list(map(asdict, curve)), limits=list(map(asdict, limits))
        ),
        "directions": verdict(directions),
        "concepts": verdict(concepts, checks=list(map(asdict, checks))),
        "effective_robustness": verdict(robustness, coverage=list(map(asdict, coverage))),
        "cka": verdict([*similarity, *ruled, *shared]),
    }
    write_json(outputs["plots/controls.json"], result, digits=4)


def read_labels(folder: Path) -> ConceptLabels:
    """Return which probe image shows which concept."""
    pairs = read_tensors(folder / "labels.safetensors", "image", "concept")
    return ConceptLabels(pairs["image"], pairs["concept"])


def verdict(rows: Sequence[Control], **details: Any) -> dict[str, Any]:
    """Return an instrument's controls, and whether all of them found what was planted."""
    controls = [asdict(row) | {"as_planted": row.as_planted} for row in rows]
    return {"as_planted": all(row.as_planted for row in rows), "controls": controls, **details}
