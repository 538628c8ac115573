"""The rows of each CSV under `plots/` that a study's results make."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from interpreting_clip.formats.baseline import Baseline
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concept_counts import BasisConcepts, ConceptCounts
from page.across_encoders import CORRELATION_COLUMNS, correlation_rows
from page.families import untrained_null
from page.names import DATASETS, REPRESENTATIONS
from page.results import Controls, StudyEncoder
from page.robustness_tables import (
    ENCODER_COLUMNS,
    ROBUSTNESS_COLUMNS,
    encoder_cells,
    robustness_rows,
)
from page.standard_lines import Row

COUNT_COLUMNS = (
    *("unique", "low", "high", "polysemanticity"),
    *("permuted", "permuted_low", "permuted_high", "random", "random_low", "random_high"),
    *("over_all", "over_all_permuted", "over_all_random"),
)
"""A count of concepts, and beside it both nulls and the count against all images."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "effective_robustness": ROBUSTNESS_COLUMNS,
    "kurtosis": (
        *ENCODER_COLUMNS,
        *("representation", "kurtosis", "low", "high", "null", "null_low", "null_high"),
        "outlier_features",
    ),
    "importance": (*ENCODER_COLUMNS, "head", "rank", "importance"),
    "pruning": (*ENCODER_COLUMNS, "dataset", "head", "fraction", "accuracy"),
    "concepts": (*ENCODER_COLUMNS, "representation", "basis", "category", *COUNT_COLUMNS),
    "sweep": (*ENCODER_COLUMNS, "basis", "threshold", *COUNT_COLUMNS),
    "correlation": CORRELATION_COLUMNS,
    "cka": (
        *("first_label", "second_label", "first_layer", "second_layer"),
        *("first_index", "second_index", "cka", "without_outliers"),
    ),
    "training": (*ENCODER_COLUMNS, "step", "loss", "accuracy"),
    "measures": (
        *ENCODER_COLUMNS,
        *("measure", "number_of_measure", "unit", "value", "low", "high", "chance"),
    ),
}
"""Columns of `plots/<name>.csv`, by name; accuracies in percent, robustness in points."""

ALL = "all"
"""The category in the counts of all concepts."""

HEADS = ("head", "other centring", "random head")
"""Whose directions: the head's, those with the centring that the study does not use, the null's."""

PLANTED_COLUMNS = ("features", "size", "found", "arithmetic")
"""Columns of `plots/planted_outliers.csv`; shares in percent."""


def study_tables(
    encoders: Sequence[StudyEncoder],
    comparisons: Sequence[LayerCka],
    baseline: Baseline,
    names: Mapping[str, str] = MappingProxyType(DATASETS),
) -> dict[str, list[Row]]:
    """Return the rows of every CSV of the study by its name in `COLUMNS`.

    Parameters
    ----------
    encoders, comparisons, baseline
        The study's results.
    names
        The names of the test sets, and of the study's own shifts.

    Raises
    ------
    InputError
        An encoder was measured against another baseline, or a shift has no line.
    """
    return {
        "effective_robustness": robustness_rows(encoders, baseline, names),
        "kurtosis": kurtosis_rows(encoders),
        "importance": importance_rows(encoders),
        "pruning": pruning_rows(encoders, names),
        "concepts": concept_rows(encoders),
        "sweep": sweep_rows(encoders),
        "correlation": correlation_rows(encoders),
        "cka": cka_rows(encoders, comparisons),
        "training": training_rows(encoders),
        "measures": measure_rows(encoders),
    }


def planted_rows(controls: Controls) -> list[Row]:
    """Return the percentage of images in which raised features are outliers, by number and size."""
    return [
        {
            "features": f"{point.axes} raised",
            "size": point.size,
            "found": 100 * point.found,
            "arithmetic": 100 * point.arithmetic,
        }
        for point in controls.outlier_features.curve
    ]


def kurtosis_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return each encoder's kurtosis beside the mean, lowest and highest of its null.

    Without many untrained encoders of its backbone, `null` is that of the study's own one.
    """
    rows = []
    for e in encoders:
        measured, single = e.results.kurtosis, untrained_null(e, encoders)
        null = e.null.numbers.kurtosis if e.null else []
        one = single.results.kurtosis.kurtosis.value if single else None
        kurtosis = measured.kurtosis
        cells = {
            "representation": REPRESENTATIONS[e.representation],
            "kurtosis": kurtosis.value,
            "low": kurtosis.low,
            "high": kurtosis.high,
            "null": fmean(null) if null else one,
            "null_low": min(null, default=None),
            "null_high": max(null, default=None),
            "outlier_features": measured.outliers.outlier_features,
        }
        rows.append(encoder_cells(e) | cells)
    return rows


def importance_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the importance of each direction by rank, by `HEADS`."""
    return [
        encoder_cells(e) | {"head": head, "rank": rank, "importance": value}
        for e in encoders
        for found in [e.results.directions]
        for head, values in zip(
            HEADS, (found.importance, found.other.importance, found.random_importance), strict=True
        )
        for rank, value in enumerate(values.tolist(), 1)
    ]


def pruning_rows(
    encoders: Sequence[StudyEncoder], names: Mapping[str, str] = MappingProxyType(DATASETS)
) -> list[Row]:
    """Return accuracy against the fraction of directions pruned, per dataset and head.

    Parameters
    ----------
    encoders
        The study's encoders.
    names
        The names of the test sets, and of the study's own shifts.
    """
    return [
        encoder_cells(e)
        | {"dataset": name, "head": head, "fraction": fraction, "accuracy": float(curve[place])}
        for e in encoders
        for dataset, name in names.items()
        if (one := e.results.pruning.get(dataset))
        for curves in [(one.accuracy, one.other_accuracy, _mean_curve(one.random_accuracy))]
        for place, fraction in enumerate(one.fractions.tolist())
        for head, curve in zip(HEADS, curves, strict=True)
        if len(curve)
    ]


def _mean_curve(curves: Float[np.ndarray, "random fraction"]) -> list[float]:
    """Return the mean over random heads; empty without them (`directions.random_heads: 0`)."""
    return [fmean(at) for at in curves.T.tolist()] if len(curves) else []


def concept_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the unique concepts per category and of all, of directions and of single features."""
    return [
        encoder_cells(e)
        | {"representation": REPRESENTATIONS[e.representation]}
        | {"basis": basis, "category": category, **count_cells(counts)}
        for e, basis, found in _bases(encoders)
        for category, counts in {ALL: found, **found.categories}.items()
    ]


def sweep_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the unique concepts at each threshold of the average precision."""
    return [
        encoder_cells(e) | {"basis": basis, "threshold": counts.threshold, **count_cells(counts)}
        for e, basis, found in _bases(encoders)
        for counts in found.sweep
    ]


def _bases(encoders: Sequence[StudyEncoder]) -> Iterator[tuple[StudyEncoder, str, BasisConcepts]]:
    for e in encoders:
        for basis, found in (e.results.concepts.bases if e.results.concepts else {}).items():
            yield e, basis, found


def count_cells(counts: ConceptCounts) -> Row:
    """Return a count of concepts with its interval, and what stands beside it by chance."""
    cells: Row = {
        "unique": counts.unique.value,
        "low": counts.unique.low,
        "high": counts.unique.high,
        "polysemanticity": counts.polysemanticity.value,
        "over_all": counts.over_all,
    }
    for null in ("permuted", "random", "over_all_permuted", "over_all_random"):
        if found := getattr(counts, null):
            cells |= {null: found.value, f"{null}_low": found.low, f"{null}_high": found.high}
    return {name: value for name, value in cells.items() if name in COUNT_COLUMNS}


def cka_rows(encoders: Sequence[StudyEncoder], comparisons: Sequence[LayerCka]) -> list[Row]:
    """Return CKA of each pair of layers of each comparison; indices count layers from 0."""
    labels = {e.key: e.entry.label for e in encoders}
    return [
        {
            "first_label": labels[c.first],
            "second_label": labels[c.second],
            "first_layer": first,
            "second_layer": second,
            "first_index": i,
            "second_index": j,
            "cka": float(c.cka[i, j]),
            "without_outliers": c.without_outliers[i][j],
        }
        for c in comparisons
        for i, first in enumerate(c.first_layers)
        for j, second in enumerate(c.second_layers)
    ]


def measure_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return every number of every measure, with its interval and its chance level."""
    return [
        encoder_cells(e)
        | {"measure": one.name.partition(".")[0], "number_of_measure": one.label}
        | {name: getattr(one, name) for name in ("unit", "value", "low", "high", "chance")}
        for e in encoders
        for one in e.results.numbers
    ]


def training_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return loss and accuracy per step of each encoder that was trained here."""
    return [
        encoder_cells(e) | {"step": one.step, "loss": one.loss, "accuracy": one.accuracy}
        for e in encoders
        for one in e.results.training
    ]
