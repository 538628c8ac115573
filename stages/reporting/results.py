"""The results of a study that the report reads: their types, and the checks on reading."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from stages.reporting.names import SHIFTS
from stages.runtime.errors import InputError

Number = float | None
"""A result, or None where it is undefined for this encoder."""

Result = TypeVar("Result")


class Accuracies(msgspec.Struct, frozen=True, kw_only=True):
    """Top-1 accuracy in percent, on ImageNet's test images and on each shift."""

    imagenet: Number
    imagenet_v2: Number
    imagenet_r: Number
    imagenet_sketch: Number
    objectnet: Number
    imagenet_a: Number


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Effective robustness in points: per shift, and their mean with an interval.

    `shifts` lists the shifts that the mean is over, or is None where it is over all five.
    """

    imagenet_v2: Number
    imagenet_r: Number
    imagenet_sketch: Number
    objectnet: Number
    imagenet_a: Number
    mean: Number
    mean_low: Number
    mean_high: Number
    shifts: list[str] | None = None


class Kurtosis(msgspec.Struct, frozen=True, kw_only=True):
    """Mean per-image kurtosis with a bootstrap interval, and the count of outlier features."""

    mean: Number
    low: Number
    high: Number
    outlier_features: int | None


class Directions(msgspec.Struct, frozen=True, kw_only=True):
    """Count of directions, prunable fraction (0 to 1), largest over median importance."""

    count: int | None
    prunable: Number
    importance_ratio: Number


class Concepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique Broden concepts of those `measured`, and polysemanticity, of each basis."""

    measured: int | None
    unique_directions: int | None
    polysemanticity_directions: Number
    unique_features: int | None
    polysemanticity_features: Number


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder's measures: `metrics/encoders/<encoder>.json`."""

    accuracy: Accuracies
    effective_robustness: Robustness
    kurtosis: Kurtosis
    directions: Directions
    concepts: Concepts


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """Importance of each direction, largest first, of the head and of a random head."""

    head: list[float]
    random_head: list[float]


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy in percent on `dataset` after pruning a `fraction` (0 to 1) of the directions."""

    dataset: str
    fraction: float
    accuracy: Number
    random_head_accuracy: Number


class CategoryConcepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique concepts and polysemanticity in one Broden category."""

    basis: Literal["directions", "features"]
    category: str
    unique: int
    polysemanticity: Number


class ThresholdConcepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique concepts and polysemanticity at one threshold of the average precision."""

    basis: Literal["directions", "features"]
    threshold: float
    unique: int
    polysemanticity: Number


class TrainingStep(msgspec.Struct, frozen=True, kw_only=True):
    """Loss and, where it was measured, accuracy in percent at one optimiser step."""

    step: int
    loss: Number
    accuracy: Number


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline `logit(shift) = slope · logit(ImageNet) + intercept`."""

    slope: float
    intercept: float


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The standard models (name and accuracies in percent) and the line through them, per shift."""

    models: list[dict[str, str | float | None]]
    lines: dict[str, Line]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The series behind one encoder's plots: `plots/encoders/<encoder>.json`."""

    label: str
    training: Literal["zero_shot", "finetuned", "supervised", "untrained"]
    backbone: str
    data: str
    representation: Literal["linear", "rectified"]
    importance: Importance
    pruning: list[Pruning]
    concepts: list[CategoryConcepts]
    sweep: list[ThresholdConcepts]
    training_curve: list[TrainingStep]
    robustness: Baseline


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder of the study; `number` counts from 1 and keys the charts to the table."""

    key: str
    number: int
    metrics: Metrics
    series: Series


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """CKA of two encoders' layers, `cka[first_layer][second_layer]`, 0 to 1."""

    first_label: str
    second_label: str
    first_layers: list[str]
    second_layers: list[str]
    cka: list[list[float]]


class PublishedLine(Line, frozen=True, kw_only=True):
    """The baseline fitted on published accuracies, and the number of standard models in it."""

    r_squared: float
    models: int


class PublishedRobustness(msgspec.Struct, frozen=True, kw_only=True):
    """A published model's mean effective robustness in percentage points, with an interval."""

    mean: Number
    low: Number
    high: Number


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The result on published accuracies: `metrics/published.json`."""

    lines: dict[str, PublishedLine]
    encoders: dict[str, PublishedRobustness]


def read_encoders(
    keys: Sequence[str], metrics: Mapping[str, Any], series: Mapping[str, Any]
) -> list[Encoder]:
    """Check the loaded JSON of each encoder of the study, in the study's order.

    Raises
    ------
    InputError
        An encoder has no results, or one of its files lacks a key or holds a wrong value.
    """
    return [
        Encoder(
            key=key,
            number=number,
            metrics=_convert(metrics, key, f"metrics/encoders/{key}.json", Metrics),
            series=_convert(series, key, f"plots/encoders/{key}.json", Series),
        )
        for number, key in enumerate(keys, 1)
    ]


def read_comparisons(keys: Sequence[str], comparisons: Mapping[str, Any]) -> list[Comparison]:
    """Check the loaded JSON of each comparison of the study, in the study's order.

    Raises
    ------
    InputError
        A comparison has no result, its file lacks a key, or its matrix does not fit its layers.
    """
    checked = []
    for key in keys:
        file = f"plots/comparisons/{key}.json"
        result = _convert(comparisons, key, file, Comparison)
        rows, columns = len(result.first_layers), len(result.second_layers)
        if [len(row) for row in result.cka] != [columns] * rows:
            raise InputError(
                f"{file}: expected {rows} × {columns} CKA values, one per pair of layers; "
                f"`dvc repro cka@{key}` makes them anew"
            )
        checked.append(result)
    return checked


def read_published(published: Any) -> Published:
    """Check the loaded `metrics/published.json`.

    Raises
    ------
    InputError
        A key is missing or holds a wrong value.
    """
    return _convert({"published": published}, "published", "metrics/published.json", Published)


def _convert(results: Mapping[str, Any], key: str, file: str, kind: type[Result]) -> Result:
    if key not in results:
        raise InputError(f"{file}: no result for `{key}`, which the study lists; run `dvc repro`")
    try:
        return msgspec.convert(results[key], kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{file}: {error}; `dvc repro` makes it anew") from None


def measured_shifts(encoders: Sequence[Encoder]) -> list[str]:
    """Return the shifts that the study measures, in the order of `SHIFTS`; all where none says.

    Raises
    ------
    InputError
        Two encoders were measured on different shifts, so that their means do not compare.
    """
    measured = [e.metrics.effective_robustness.shifts for e in encoders]
    for e, shifts in zip(encoders, measured, strict=True):
        if shifts != measured[0]:
            raise InputError(
                f"metrics/encoders/{e.key}.json: measured on the shifts {shifts or list(SHIFTS)}, "
                f"`{encoders[0].key}` on {measured[0] or list(SHIFTS)}; run `dvc repro`"
            )
    listed = measured[0] if measured else None
    return [shift for shift in SHIFTS if listed is None or shift in listed]
