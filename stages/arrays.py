"""Stage `arrays`: measure published activations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from msgspec.structs import asdict

from interpreting_clip.arrays.conversions import as_head
from interpreting_clip.catalogue import (
    COMPARISONS,
    OF_ARRAYS,
    comparisons_of_arrays,
    measures_of_arrays,
)
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import Number, headline_numbers, plain
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.measures.kurtosis import standardized
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.measures.privileged_basis import PrivilegedBasis
from interpreting_clip.statistics.predictions import Activations, as_true_classes
from interpreting_clip.study.array_results import ArrayResults, Profile
from interpreting_clip.study.measured_arrays import MeasuredArrays, read_given_arrays
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

ROTATIONS = "privileged_basis"
"""The measure that stage `array_rotations` has computed."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what is measured of entry `key`, and its headline numbers for DVC's tables."""
    entry = params.read(f"arrays.{key}", MeasuredArrays)
    file, keywords = inputs[entry.file], read_keywords(params)
    rotations = inputs[f"data/array_rotations/{key}"] / f"{ROTATIONS}.json"
    with error_context(file, ValueError), error_context(file, TypeError):
        given = read_given_arrays(file, entry)
        results = measured(given, entry, keywords, read_result(rotations, PrivilegedBasis))
    write_json(outputs[f"metrics/arrays/{key}.json"], headline_numbers(results), digits=2)
    write_json(outputs[f"plots/arrays/{key}.json"], plain(results, without_beside=True))


def read_keywords(params: ListedParams) -> dict[str, dict[str, Any]]:
    """Return the settings of each measure, by its name."""
    return {
        measure.name: {
            **(
                asdict(params.read(measure.section or measure.name, measure.settings))
                if measure.settings
                else {}
            ),
            **{name: params.read(path, float) for name, path in measure.elsewhere.items()},
        }
        for measure in (*OF_ARRAYS, *COMPARISONS)
        if measure.name != ROTATIONS
    }


def measured(
    given: Mapping[str, Any],
    entry: MeasuredArrays,
    keywords: dict[str, dict[str, Any]],
    rotations: PrivilegedBasis,
) -> ArrayResults:
    """Return the results of every measure whose arguments are given; the others are None."""
    fields: dict[str, Any] = {
        name: measure()
        for name, _, needs, measure in measures_of_arrays(given, keywords)
        if given.keys() >= {*needs} and name != ROTATIONS
    }
    fields[ROTATIONS] = rotations
    fields["comparisons"] = {
        name: compared({**given, "compare": other}, keywords)
        for name, other in given["compare"].items()
    }
    images = given["activations"]
    results = ArrayResults(
        images=len(images), features=images.shape[1], profile=profile(images), **fields
    )
    if results.accuracy is None or results.directions is None:
        return results
    weight, bias, normalize = given["head"].values()
    head = as_head(weight, bias, normalize, images.shape[1])
    classes, every = as_true_classes(
        given["labels"]["classes"], None, None, len(head.weight), len(images)
    )
    axes = outlier_axes(
        {entry.activations: Activations(images, classes, every)},
        head=head,
        directions=results.directions,
        outliers=results.kurtosis.outliers,
        confidence=keywords["kurtosis"]["confidence"],
    )
    return replace(results, outlier_axes=axes)


def profile(images: Float[np.ndarray, "image feature"]) -> Profile:
    """Return how far each feature of the first image and of the mean image lies from the others."""
    mean = images.mean(axis=0, dtype=np.float64)
    same = mean.max() == mean.min()
    return Profile(
        first_image=z_scores(images[0]), mean_image=np.empty(0) if same else z_scores(mean)
    )


def z_scores(image: Float[np.ndarray, " feature"]) -> Float[np.ndarray, " feature"]:
    """Return the features of one image in standard deviations from their mean."""
    ((_, z),) = standardized(image[None])
    return z[0]


def compared(given: Mapping[str, Any], keywords: dict[str, dict[str, Any]]) -> list[Number]:
    """Return the numbers of every measure of two arrays; their names begin with the measure's."""
    return [
        replace(number, name=f"{measure}.{number.name}")
        for measure, _, needs, compare in comparisons_of_arrays(given, keywords)
        if given.keys() >= {*needs}
        for number in compare().numbers
    ]
