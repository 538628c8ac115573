"""The results of a study that the report reads: their types, and the check on reading."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from stages.config.encoders import EncoderEntry
from stages.files.json import read_json
from stages.reporting.names import SHIFTS
from stages.runtime.errors import InputError

Number = float | None
"""A result, or None where the study does without the data that it needs."""

Result = TypeVar("Result")


class Accuracies(msgspec.Struct, frozen=True, kw_only=True):
    """Top-1 accuracy in percent, on ImageNet's test images and on each shift."""

    imagenet: float
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

    mean: float
    low: float
    high: float
    outlier_features: int


class Directions(msgspec.Struct, frozen=True, kw_only=True):
    """Count of directions, prunable fraction (0 to 1), largest over median importance."""

    count: int
    prunable: float
    importance_ratio: float


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
    accuracy: float
    random_head_accuracy: float


class CategoryConcepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique concepts and polysemanticity in one Broden category."""

    basis: Literal["directions", "features"]
    category: str
    unique: int
    polysemanticity: float


class ThresholdConcepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique concepts and polysemanticity at one threshold of the average precision."""

    basis: Literal["directions", "features"]
    threshold: float
    unique: int
    polysemanticity: float


class TrainingStep(msgspec.Struct, frozen=True, kw_only=True):
    """Loss and accuracy in percent of the training batches up to one optimiser step."""

    step: int
    loss: float
    accuracy: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline `logit(shift) = slope · logit(ImageNet) + intercept`, and its fit.

    `r_squared` is the share of the variance that the line explains, of `models` standard models.
    """

    slope: float
    intercept: float
    r_squared: float
    models: int


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The standard models (name and accuracies in percent) and the line through them, per shift."""

    models: list[dict[str, str | float | None]]
    lines: dict[str, Line]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The series behind one encoder's plots: `plots/encoders/<encoder>.json`."""

    representation: Literal["linear", "rectified"]
    importance: Importance
    pruning: list[Pruning]
    concepts: list[CategoryConcepts]
    sweep: list[ThresholdConcepts]
    training_curve: list[TrainingStep]
    robustness: Baseline


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder of the study; `number` counts from 1 and keys the charts to the table.

    `entry` is what params.yaml says of it.
    """

    key: str
    number: int
    entry: EncoderEntry
    metrics: Metrics
    series: Series


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """CKA of the layers of two encoders, by key: `cka[first_layer][second_layer]`, 0 to 1.

    The file is `plots/comparisons/<comparison>.json`.
    """

    first: str
    second: str
    first_layers: list[str]
    second_layers: list[str]
    cka: list[list[float]]

    def __post_init__(self) -> None:
        """Refuse a matrix that does not fit its layers."""
        rows, columns = len(self.first_layers), len(self.second_layers)
        if [len(row) for row in self.cka] != [columns] * rows:
            raise ValueError(f"expected {rows} × {columns} CKA values, one per pair of layers")


class PublishedRobustness(msgspec.Struct, frozen=True, kw_only=True):
    """A published model's mean effective robustness in percentage points, with an interval."""

    mean: float
    low: float
    high: float


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The result on published accuracies: `metrics/published.json`."""

    lines: dict[str, Line]
    encoders: dict[str, PublishedRobustness]


def read_result(file: Path, kind: type[Result]) -> Result:
    """Read a result from its JSON file; what a type does not name is left unread.

    Raises
    ------
    InputError
        The file is missing, lacks a key or holds a wrong value.
    """
    try:
        return msgspec.convert(read_json(file), kind)
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
