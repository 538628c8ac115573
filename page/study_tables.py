"""The rows of each CSV under `plots/` that a study's results make."""

from collections.abc import Mapping, Sequence
from statistics import mean
from types import MappingProxyType

from msgspec import structs

from interpreting_clip.errors import InputError
from page.across_encoders import CORRELATION_COLUMNS, correlation_rows
from page.families import untrained_null
from page.names import DATASETS, REPRESENTATIONS
from page.results import Baseline, ConceptChance, Controls, LayerComparison, StudyEncoder
from page.robustness_tables import (
    ENCODER_COLUMNS,
    ROBUSTNESS_COLUMNS,
    Row,
    encoder_cells,
    robustness_rows,
)

CHANCE_COLUMNS = tuple(field.name for field in structs.fields(ConceptChance))
"""What stands beside a count of concepts: both nulls, and the count against all images."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "effective_robustness": ROBUSTNESS_COLUMNS,
    "kurtosis": (
        *ENCODER_COLUMNS,
        "representation",
        "kurtosis",
        "low",
        "high",
        "null",
        "null_low",
        "null_high",
        "outlier_features",
    ),
    "importance": (*ENCODER_COLUMNS, "head", "rank", "importance"),
    "pruning": (*ENCODER_COLUMNS, "dataset", "head", "fraction", "accuracy"),
    "concepts": (
        *ENCODER_COLUMNS,
        "representation",
        "basis",
        "category",
        "unique",
        "low",
        "high",
        "polysemanticity",
        *CHANCE_COLUMNS,
    ),
    "sweep": (
        *ENCODER_COLUMNS,
        "basis",
        "threshold",
        "unique",
        "low",
        "high",
        "polysemanticity",
        *CHANCE_COLUMNS,
    ),
    "correlation": CORRELATION_COLUMNS,
    "cka": (
        "first_label",
        "second_label",
        "first_layer",
        "second_layer",
        "first_index",
        "second_index",
        "cka",
        "without_outliers",
    ),
    "training": (*ENCODER_COLUMNS, "step", "loss", "accuracy"),
    "measures": (
        *ENCODER_COLUMNS,
        "measure",
        "number_of_measure",
        "unit",
        "value",
        "low",
        "high",
        "chance",
    ),
}
"""Columns of `plots/<name>.csv`, by name; accuracies in percent, robustness in points."""

HEADS = ("head", "other centring", "random head")
"""Whose directions: the head's, those with the centring that the study does not use, the null's."""

PLANTED_COLUMNS = ("features", "size", "found", "arithmetic")
"""Columns of `plots/planted_outliers.csv`; shares in percent."""


def study_tables(
    encoders: Sequence[StudyEncoder],
    comparisons: Sequence[LayerComparison],
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
        An encoder was measured against another baseline, a shift has no line, or pruning is of an
        unknown dataset.
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
        kurtosis, single = e.metrics.kurtosis, untrained_null(e, encoders)
        null = e.null.numbers.kurtosis if e.null else []
        one = single.metrics.kurtosis.mean if single else None
        cells = {
            "representation": REPRESENTATIONS[e.series.representation],
            "kurtosis": kurtosis.mean,
            "low": kurtosis.low,
            "high": kurtosis.high,
            "null": mean(null) if null else one,
            "null_low": min(null, default=None),
            "null_high": max(null, default=None),
            "outlier_features": kurtosis.outlier_features,
        }
        rows.append(encoder_cells(e) | cells)
    return rows


def importance_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the importance of each direction by rank, by `HEADS`."""
    return [
        encoder_cells(e) | {"head": head, "rank": rank, "importance": value}
        for e in encoders
        for head, values in zip(
            HEADS,
            (
                e.series.importance.head,
                e.series.importance.other,
                e.series.importance.random_head,
            ),
            strict=True,
        )
        for rank, value in enumerate(values, 1)
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

    Raises
    ------
    InputError
        A dataset is not one of the test sets.
    """
    rows = []
    for e in encoders:
        for p in e.series.pruning:
            if p.dataset not in names:
                raise InputError(
                    f"plots/encoders/{e.key}.json: pruning of the unknown dataset `{p.dataset}`; "
                    f"expected one of {', '.join(names)}"
                )
            accuracies = p.accuracy, p.other_accuracy, p.random_head_accuracy
            for head, y in zip(HEADS, accuracies, strict=True):
                cells = {"dataset": names[p.dataset], "head": head, "fraction": p.fraction}
                rows.append(encoder_cells(e) | cells | {"accuracy": y})
    return rows


def concept_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the unique concepts per category and of all, of directions and of single features."""
    return [
        encoder_cells(e)
        | {"representation": REPRESENTATIONS[e.series.representation]}
        | structs.asdict(concepts)
        for e in encoders
        for concepts in e.series.concepts
    ]


def sweep_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return the unique concepts at each threshold of the average precision."""
    return [encoder_cells(e) | structs.asdict(at) for e in encoders for at in e.series.sweep]


def cka_rows(encoders: Sequence[StudyEncoder], comparisons: Sequence[LayerComparison]) -> list[Row]:
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
            "cka": c.cka[i][j],
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
        | {"measure": measure, "number_of_measure": one.label, "unit": one.unit, "value": one.value}
        | {"low": one.low, "high": one.high, "chance": one.chance}
        for e in encoders
        for measure, found in e.series.numbers.items()
        for one in found
    ]


def training_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return loss and accuracy per step of each encoder that was trained here."""
    return [
        encoder_cells(e) | structs.asdict(step)
        for e in encoders
        for step in e.series.training_curve
    ]
