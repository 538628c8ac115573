"""The rows of each CSV under `plots/`, made from the results of a study."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import structs

from stages.reporting.names import DATASETS, SHIFTS, TRAININGS, measured_shifts
from stages.reporting.representations import alike, named
from stages.reporting.results import Baseline, Comparison, Encoder, Line
from stages.runtime.errors import InputError

Row = dict[str, Any]

ENCODER_COLUMNS = ("number", "label", "training", "backbone")
"""The columns that `about` fills; `number` keys a chart to the main table."""


def about(encoder: Encoder) -> Row:
    """Return the cells that identify an encoder."""
    series = encoder.series
    values = (encoder.number, series.label, TRAININGS[series.training], series.backbone)
    return dict(zip(ENCODER_COLUMNS, values, strict=True))


def on_line(slope: float, intercept: float, imagenet: float) -> float:
    """Return the accuracy in percent that the line gives at an ImageNet accuracy in percent.

    `100 · expit(slope · logit(imagenet / 100) + intercept)` (Taori et al. 2020, section 3). An
    accuracy of 0 or 100 % has no logit and is taken as 0.1 or 99.9 %, where charts draw it too.
    """
    share = drawable(imagenet) / 100
    return 100 / (1 + math.exp(-(slope * math.log(share / (1 - share)) + intercept)))


def drawable(percent: float) -> float:
    """Return an accuracy in percent moved into the drawn range, 0.1 to 99.9."""
    return min(max(percent, 0.1), 99.9)


def segment(slope: float, intercept: float, imagenet: Iterable[float]) -> list[tuple[float, float]]:
    """Return both ends of the drawn line over ImageNet accuracies in percent, or nothing of none.

    A steep line leaves the drawn range of the shift's axis before it has crossed ImageNet's; it is
    cut there, at 0.1 and 99.9 %.
    """
    drawn = [drawable(percent) for percent in imagenet]
    if not drawn:
        return []
    edges = [on_line(1 / slope, -intercept / slope, y) for y in (0.1, 99.9)] if slope else drawn
    low, high = max(min(drawn), min(edges)), min(max(drawn), max(edges))
    return [(x, on_line(slope, intercept, x)) for x in (low, high)] if low <= high else []


ROBUSTNESS_COLUMNS = (
    "kind",
    *ENCODER_COLUMNS,
    "shift",
    "imagenet",
    "accuracy",
    "baseline",
    "effective_robustness",
)
"""Columns of the table; `kind` is `standard`, `line`, `extrapolated` or `encoder`."""


def robustness_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and encoders.

    Untrained encoders are left out: at chance, their distance to the line means nothing. So is a
    shift that the study does without.
    """
    shifts = measured_shifts(encoders) if encoders else []
    baseline = _common_baseline(encoders, shifts)
    trained = [e for e in encoders if e.series.training != "untrained"]
    rows: list[Row] = []
    for shift in shifts:
        known = [e for e in trained if _accuracy(e, shift) is not None and _accuracy(e) is not None]
        standard = [m for m in baseline.models if None not in (m.get("imagenet"), m.get(shift))]
        fitted = [float(m["imagenet"] or 0) for m in standard]
        drawn = {"line": fitted, "extrapolated": fitted + [_accuracy(e) or 0 for e in known]}
        line = baseline.lines[shift]
        rows += [_backdrop("standard", m["name"], shift, m["imagenet"], m[shift]) for m in standard]
        for kind, accuracies in drawn.items():
            for x, y in segment(line.slope, line.intercept, accuracies):
                rows.append(_backdrop(kind, "baseline", shift, x, y))
        rows += [_robustness_row(e, shift, line) for e in known]
    return rows


def _accuracy(encoder: Encoder, dataset: str = "imagenet") -> float | None:
    return getattr(encoder.metrics.accuracy, dataset)


def _backdrop(kind: str, label: object, shift: str, imagenet: object, accuracy: object) -> Row:
    blank = dict.fromkeys(ROBUSTNESS_COLUMNS)
    known = {"kind": kind, "label": label, "imagenet": imagenet, "accuracy": accuracy}
    return blank | known | {"shift": SHIFTS[shift]}


def _robustness_row(encoder: Encoder, shift: str, line: Line) -> Row:
    imagenet = _accuracy(encoder)
    row = _backdrop("encoder", None, shift, imagenet, _accuracy(encoder, shift))
    return (
        row
        | about(encoder)
        | {
            "baseline": on_line(line.slope, line.intercept, imagenet or 0.0),
            "effective_robustness": getattr(encoder.metrics.effective_robustness, shift),
        }
    )


def _common_baseline(encoders: Sequence[Encoder], shifts: Sequence[str]) -> Baseline:
    if not encoders:
        return Baseline(models=[], lines={})
    baseline = encoders[0].series.robustness
    for e in encoders:
        if e.series.robustness != baseline:
            raise InputError(
                f"plots/encoders/{e.key}.json: measured against another baseline than "
                f"`{encoders[0].key}`; run `dvc repro`"
            )
        if missing := [s for s in shifts if s not in e.series.robustness.lines]:
            raise InputError(f"plots/encoders/{e.key}.json: no baseline line for {missing}")
    return baseline


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
