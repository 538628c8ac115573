"""Stage `labelled_arrays`: a head and labelled concepts for published activations."""

from typing import Any

import numpy as np
from msgspec.structs import asdict

from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import headline_numbers, plain
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.measures import directions
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.concepts import (
    OF_NULLS,
    choose_concepts,
    null_settings,
    random_concepts,
)
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import outlier_features
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.measures.pruning import pruning
from interpreting_clip.quantities import Confidence, Percents, Positive, Share
from interpreting_clip.statistics.concept_nulls import RandomBest, write_nulls
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.study.labelled_arrays import (
    Labelled,
    LabelledArrays,
    LabelledResults,
    read_labelled,
)
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what the head of entry `key` gives, and which concepts random directions encode."""
    entry = params.read(f"labelled_arrays.{key}", LabelledArrays)
    file, labelled = inputs[entry.file], inputs[entry.labelled]
    with error_context(f"{file} and {labelled}", ValueError):
        given = read_labelled(file, labelled, entry)
        results = measured(given, params)
        nulls = concept_nulls(given, results.directions, params)
    write_json(outputs[f"metrics/labelled_arrays/{key}.json"], headline_numbers(results), digits=2)
    write_json(outputs[f"plots/labelled_arrays/{key}.json"], plain(results, without_beside=True))
    out = outputs[f"data/labelled_arrays/{key}"]
    write_result(out / "directions.json", results.directions)
    write_nulls(out / "random.safetensors", nulls)


def measured(given: Labelled, params: ListedParams) -> LabelledResults:
    """Return the measures of a head whose classes are the concepts."""
    how = asdict(params.read("directions", directions.Settings))
    shared: dict[str, Any] = {"head": given.head, "classes": given.shown}
    confidence = params.read("robustness.confidence", Confidence)
    outliers = outlier_features(
        given.activations,
        outlier_sigma=params.read("kurtosis.outlier_sigma", Positive),
        outlier_share=params.read("kurtosis.outlier_share", Share),
    )
    privileged = directions.directions(given.activations, head=given.head, **how)
    return LabelledResults(
        images=len(given.activations),
        concepts=len(given.names),
        accuracy=accuracy(given.activations, **shared, confidence=confidence),
        directions=privileged,
        pruning=pruning(
            given.activations,
            **shared,
            **how,
            harmless=params.read("prunable.harmless", Percents),
        ),
        outlier_axes=outlier_axes(
            {"images": Activations(given.activations, given.shown, np.arange(len(given.names)))},
            head=given.head,
            directions=privileged,
            outliers=outliers,
            confidence=confidence,
        ),
    )


def concept_nulls(
    given: Labelled, privileged: PrivilegedDirections, params: ListedParams
) -> dict[str, RandomBest]:
    """Return what random directions encode: as many as the head's, as features, in its span."""
    settings = null_settings({name: params.read(f"concepts.{name}", Any) for name in OF_NULLS})
    chosen = choose_concepts(given.activations, given.shown, settings=settings)
    how: dict[str, Any] = {"settings": settings, "workers": read_machine().workers}
    sizes = [privileged.directions, given.activations.shape[1]]
    of_bases = random_concepts(given.activations, chosen, sizes, **how)
    vectors = privileged.vectors
    in_span = random_concepts(given.activations, chosen, sizes[:1], span=vectors, **how)
    return dict(zip(("directions", "features", "in_span"), (*of_bases, *in_span), strict=True))
