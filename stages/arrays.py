"""Stage `arrays`: measure published activations."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from msgspec.structs import asdict

from interpreting_clip.arrays.conversions import as_head, as_matrix
from interpreting_clip.catalogue import (
    COMPARISONS,
    OF_ARRAYS,
    comparisons_of_arrays,
    measures_of_arrays,
)
from interpreting_clip.errors import InputError, error_context, listed
from interpreting_clip.formats.array_files import read_arrays
from interpreting_clip.formats.files import require_digest
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import Number, plain
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import NONE, OWN_ROW, MeasuredArrays
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

ROUNDED = 0.01
"""How far the length of a normalised activation may be from 1; half precision gives 0.001."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what is measured of entry `key`, and its headline numbers for DVC's tables."""
    entry = params.read(f"arrays.{key}", MeasuredArrays)
    file = inputs[entry.file]
    if entry.sha256:  # that of a download is known
        advice = "get the file again, or correct `sha256` in params.yaml"
        require_digest(file, entry.sha256, advice)
    keywords = read_keywords(params)
    with error_context(file, ValueError), error_context(file, TypeError):
        given = read_given(file, entry)
        results = measured(given, entry, keywords)
    headline = {n.headline: n.value for n in results.numbers if n.headline}
    write_json(outputs[f"metrics/arrays/{key}.json"], headline, digits=2)
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
    }


def read_given(file: Path, entry: MeasuredArrays) -> dict[str, Any]:
    """Return the arguments that the arrays give measures, and `compare`, arrays by name."""
    arrays = read_arrays(file)

    def read(name: str) -> np.ndarray:
        if name not in arrays:
            raise InputError(f"{file}: no array '{name}'; it holds {listed([*arrays])}")
        return arrays[name].numbers()

    images = as_matrix(read(entry.activations), entry.activations)
    require_length(images, entry)
    given: dict[str, Any] = {"activations": images}
    if entry.head != NONE:
        given["head"] = {
            "head": read(entry.head),
            "bias": None if entry.bias is None else read(entry.bias),
            "normalize_features": entry.normalize_features,
        }
    if entry.classes != NONE:
        own_row = entry.classes == OWN_ROW
        classes = np.arange(len(images)) if own_row else read(entry.classes)
        given["labels"] = {"activations": images, "classes": classes}
    given["compare"] = {name: read(name) for name in entry.compare}
    return given


def require_length(images: Float[np.ndarray, "image feature"], entry: MeasuredArrays) -> None:
    """Refuse activations whose lengths contradict the study's `unit_length`.

    Raises
    ------
    ValueError
        Names an activation, and its length.
    """
    lengths = np.linalg.norm(images.astype(np.float64), axis=1)
    off = np.abs(lengths - 1)
    if entry.unit_length != bool((off <= ROUNDED).all()):
        worst = int(np.argmax(off))
        raise ValueError(
            f"{entry.activations}: image {worst} has the length {lengths[worst]:.4f}, the furthest "
            f"from 1; set `unit_length: {str(not entry.unit_length).lower()}`"
        )


def measured(
    given: Mapping[str, Any], entry: MeasuredArrays, keywords: dict[str, dict[str, Any]]
) -> ArrayResults:
    """Return the results of every measure whose arguments are given; the others are None."""
    fields: dict[str, Any] = {
        name: measure()
        for name, _, needs, measure in measures_of_arrays(given, keywords)
        if given.keys() >= {*needs}
    }
    fields["comparisons"] = {
        name: compared({**given, "compare": other}, keywords)
        for name, other in given["compare"].items()
    }
    images = given["activations"]
    results = ArrayResults(images=len(images), features=images.shape[1], **fields)
    if results.accuracy is None or results.directions is None:
        return results
    weight, bias, normalize = given["head"].values()
    head = as_head(weight, bias, normalize, images.shape[1])
    classes = np.asarray(given["labels"]["classes"])
    axes = outlier_axes(
        {entry.activations: Activations(images, classes, np.arange(len(head.weight)))},
        head=head,
        directions=results.directions,
        outliers=results.kurtosis.outliers,
        confidence=keywords["kurtosis"]["confidence"],
    )
    return replace(results, outlier_axes=axes)


def compared(given: Mapping[str, Any], keywords: dict[str, dict[str, Any]]) -> list[Number]:
    """Return the numbers of every measure of two arrays; their names begin with the measure's."""
    return [
        replace(number, name=f"{measure}.{number.name}")
        for measure, _, needs, compare in comparisons_of_arrays(given, keywords)
        if given.keys() >= {*needs}
        for number in compare().numbers
    ]
