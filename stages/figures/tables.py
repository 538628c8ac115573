"""The rows of each CSV under `plots/`, made from the results of a study."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import structs

from stages.figures.encoder_row import ENCODER_COLUMNS, Row, about
from stages.figures.inputs import Comparison, Encoder
from stages.figures.names import DATASETS
from stages.figures.representations import alike, named
from stages.figures.robustness_table import ROBUSTNESS_COLUMNS, robustness_rows
from stages.storage.errors import InputError

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "effective_robustness": ROBUSTNESS_COLUMNS,
        "kurtosis": (
            *ENCODER_COLUMNS,
            "representation",
            "kurtosis",
            "low",
            "high",
            "null",
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
            "polysemanticity",
        ),
        "sweep": (*ENCODER_COLUMNS, "basis", "threshold", "unique", "polysemanticity"),
        "cka": (
            "first_label",
            "second_label",
            "first_layer",
            "second_layer",
            "first_index",
            "second_index",
            "cka",
        ),
        "training": (*ENCODER_COLUMNS, "step", "loss", "accuracy"),
    }
)
"""Columns of `plots/<name>.csv`, by name; accuracies in percent, robustness in points."""


def study_tables(
    encoders: Sequence[Encoder], comparisons: Sequence[Comparison]
) -> dict[str, list[Row]]:
    """Return the rows of every CSV of the study by its name in `COLUMNS`.

    Raises
    ------
    InputError
        The encoders were measured against different baselines, or a shift has no line.
    """
    return {
        "effective_robustness": robustness_rows(encoders),
        "kurtosis": kurtosis_rows(encoders),
        "importance": importance_rows(encoders),
        "pruning": pruning_rows(encoders),
        "concepts": concept_rows(encoders),
        "sweep": sweep_rows(encoders),
        "cka": cka_rows(comparisons),
        "training": training_rows(encoders),
    }


def kurtosis_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return each encoder's kurtosis; `null` is the untrained encoder's of its own backbone.

    A null counts only for encoders with the same kind of representation: pooled ReLU features have
    a high kurtosis without a single outlier feature.
    """
    return [
        about(e)
        | {
            "representation": named(e),
            "kurtosis": e.metrics.kurtosis.mean,
            "low": e.metrics.kurtosis.low,
            "high": e.metrics.kurtosis.high,
            "null": null.metrics.kurtosis.mean if (null := untrained(e, encoders)) else None,
            "outlier_features": e.metrics.kurtosis.outlier_features,
        }
        for e in encoders
        if e.metrics.kurtosis.mean is not None
    ]


def untrained(encoder: Encoder, encoders: Sequence[Encoder]) -> Encoder | None:
    """Return the untrained encoder of the same backbone and kind of representation, if any."""
    wanted = ("untrained", encoder.series.backbone)
    nulls = (e for e in encoders if wanted == (e.series.training, e.series.backbone))
    return next((null for null in nulls if alike(null, encoder)), None)


def importance_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return the importance of each direction by rank, of the head and of the random head."""
    return [
        about(e) | {"head": head, "rank": rank, "importance": value}
        for e in encoders
        for head, values in (
            ("head", e.series.importance.head),
            ("random head", e.series.importance.random_head),
        )
        for rank, value in enumerate(values, 1)
    ]


def pruning_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return accuracy against the fraction of directions pruned, per dataset and head."""
    return [
        about(e)
        | {"dataset": _dataset(e, p.dataset), "head": head, "fraction": p.fraction, "accuracy": y}
        for e in encoders
        for p in e.series.pruning
        for head, y in (("head", p.accuracy), ("random head", p.random_head_accuracy))
        if y is not None
    ]


def concept_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return the unique concepts per Broden category, of directions and of single features."""
    return [
        about(e) | {"representation": named(e)} | structs.asdict(concepts)
        for e in encoders
        for concepts in e.series.concepts
    ]


def sweep_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return the unique concepts at each threshold of the average precision."""
    return [about(e) | structs.asdict(concepts) for e in encoders for concepts in e.series.sweep]


def cka_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """Return CKA of each pair of layers of each comparison; indices count layers from 0."""
    return [
        {
            "first_label": c.first_label,
            "second_label": c.second_label,
            "first_layer": a,
            "second_layer": b,
            "first_index": i,
            "second_index": j,
            "cka": c.cka[i][j],
        }
        for c in comparisons
        for i, a in enumerate(c.first_layers)
        for j, b in enumerate(c.second_layers)
    ]


def training_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return loss and accuracy per step of each encoder that was trained here."""
    return [
        about(e) | {"step": t.step, "loss": t.loss, "accuracy": t.accuracy}
        for e in encoders
        for t in e.series.training_curve
    ]


def _dataset(encoder: Encoder, dataset: str) -> str:
    if dataset not in DATASETS:
        raise InputError(
            f"plots/encoders/{encoder.key}.json: pruning of the unknown dataset `{dataset}`; "
            f"expected one of {', '.join(DATASETS)}"
        )
    return DATASETS[dataset]
