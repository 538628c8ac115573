"""What the report reads of a study: each encoder with its results and nulls, and the controls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.errors import InputError
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.study.encoder_results import EncoderResults
from page.names import INSTRUMENTS, TESTBED_SHIFTS, TRAININGS
from page.replicas import Replicated

Number = float | None
"""A result, or None if the study does not have the data that it needs."""


class UntrainedNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """What the measures of features found, of each untrained encoder in the same order.

    The names are those of the measures; `dimensions` is the participation ratio.
    """

    kurtosis: list[float]
    outlier_features: list[int]
    max_to_median: list[Number]
    rms_kurtosis: list[float]
    robust_outliers: list[int | None]
    dimensions: list[float]


class UntrainedNull(msgspec.Struct, frozen=True, kw_only=True):
    """Many untrained encoders of one backbone: `plots/untrained/<backbone>.json`.

    `images` is how many of ImageNet's test images they were measured on.
    """

    representation: Literal["linear", "rectified"]
    images: int
    numbers: UntrainedNumbers

    @property
    def count(self) -> int:
        """How many encoders there are."""
        return len(self.numbers.kurtosis)


class StudyEncoder(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder of the study; `number` counts from 1 and keys the charts to the table.

    `entry` is its entry in params.yaml, `null` the untrained encoders that it is compared with, and
    `replicas` its numbers over other seeds, by names such as `kurtosis.kurtosis`.
    """

    key: str
    number: int
    entry: EncoderEntry
    results: EncoderResults
    null: UntrainedNull | None = None
    replicas: dict[str, Replicated] = {}

    @property
    def file(self) -> str:
        """The file that `results` was read from."""
        return f"plots/encoders/{self.key}.json"

    @property
    def representation(self) -> str:
        """Whether its features are `linear` or `rectified`."""
        return self.results.kurtosis.representation or "linear"

    def accuracy_on(self, dataset: str) -> Number:
        """Return the accuracy in percent on a test set; None if it was not measured there."""
        robustness = self.results.robustness
        if dataset == "imagenet":
            return robustness.imagenet
        shift = robustness.shifts.get(dataset)
        return shift and shift.accuracy.value

    def size_of(self, dataset: str) -> tuple[int | None, int | None]:
        """Return how many images and classes of a test set were measured; None if unknown."""
        robustness = self.results.robustness
        if dataset == "imagenet":
            return robustness.imagenet_images, robustness.imagenet_classes
        shift = robustness.shifts.get(dataset)
        return (shift.images, shift.classes) if shift else (None, None)


def report_order(entries: Mapping[str, EncoderEntry]) -> list[str]:
    """Return the keys of encoders as the report lists them: by backbone, training and key."""
    ranks = {training: rank for rank, training in enumerate(TRAININGS)}
    return sorted(entries, key=lambda k: (entries[k].backbone, ranks[entries[k].training], k))


def checked_layers(comparison: LayerCka, file: Path) -> LayerCka:
    """Return a comparison, or refuse one whose numbers do not fit its layers.

    Raises
    ------
    InputError
        A matrix has another number of rows or columns than there are layers.
    """
    rows, columns = len(comparison.first_layers), len(comparison.second_layers)
    for matrix in (comparison.cka.tolist(), comparison.without_outliers):
        if [len(row) for row in matrix] != [columns] * rows:
            raise InputError(
                f"{file}: expected {rows} × {columns} CKA values, one per pair of layers; "
                "`dvc repro` makes it anew"
            )
    return comparison


def moved(comparison: LayerCka) -> float:
    """Return the largest difference that leaving out outlier features makes to two layers."""
    changes = [
        abs(whole - rest)
        for row, other in zip(comparison.cka.tolist(), comparison.without_outliers, strict=True)
        for whole, rest in zip(row, other, strict=True)
        if rest is not None
    ]
    return max(changes, default=0.0)


class FoundControl(msgspec.Struct, frozen=True, kw_only=True):
    """One planted number beside the one found, and whether they agree within `tolerance`."""

    what: str
    planted: float
    found: float
    tolerance: float
    as_planted: bool


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """The controls of one measure."""

    controls: list[FoundControl]


class RaisedFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """Features raised by `size` σ: the share of images in which they are outliers."""

    axes: int
    size: float
    found: float
    arithmetic: float


class OutlierLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How far out `axes` equal outliers get, and from which size on they are beyond the limit."""

    axes: int
    highest: float
    raised_by: Number


class SanityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A score of concepts after labels were removed or added, by frequency of the concepts.

    `fell` is the share of the concepts whose score fell, 0 to 1, at each frequency.
    """

    score: str
    check: str
    fell: dict[str, float]
    passes: bool


class ConceptInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """The controls of concepts, and which of their scores pass the sanity checks."""

    controls: list[FoundControl]
    checks: list[SanityCheck]


class OutlierInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """The controls of the outlier features, the curve over sizes, and the limits."""

    controls: list[FoundControl]
    curve: list[RaisedFeatures]
    limits: list[OutlierLimit]


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """What was planted and what the measures found: `plots/controls.json`."""

    kurtosis: Instrument
    outlier_features: OutlierInstrument
    privileged_basis: Instrument
    directions: Instrument
    concepts: ConceptInstrument
    effective_robustness: Instrument
    cka: Instrument

    @property
    def instruments(self) -> dict[str, Instrument | OutlierInstrument | ConceptInstrument]:
        """The measures' names as the page writes them, each with its controls."""
        return {name: getattr(self, key) for key, name in INSTRUMENTS.items()}


def first_complete(encoders: Sequence[StudyEncoder]) -> StudyEncoder | None:
    """Return the first encoder that was measured on all shifts of the study, or the first one."""
    complete = (e for e in encoders if not e.results.robustness.not_given)
    return next(complete, encoders[0] if encoders else None)


def measured_shifts(encoders: Sequence[StudyEncoder]) -> list[str]:
    """Return the testbed's shifts that the study's mean robustness is over, in their order.

    A shift that a folder of activations lacks is one of them, if other encoders have it.

    Raises
    ------
    InputError
        Two encoders were measured on different shifts, so their means are not comparable.
    """
    encoders = [e for e in encoders if not e.results.robustness.not_given] or encoders
    measured = [
        [shift for shift in TESTBED_SHIFTS if shift in e.results.robustness.compared]
        for e in encoders
    ]
    for e, shifts in zip(encoders, measured, strict=True):
        if shifts != measured[0]:
            raise InputError(
                f"{e.file}: measured on the shifts {shifts}, `{encoders[0].key}` on "
                f"{measured[0]}; run `dvc repro`"
            )
    return measured[0] if measured else list(TESTBED_SHIFTS)


def own_shifts(encoders: Sequence[StudyEncoder]) -> list[str]:
    """Return the study's own shifts that an encoder was measured on."""
    return list(dict.fromkeys(shift for e in encoders for shift in e.results.robustness.own))
