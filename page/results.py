"""The results of a study that the report reads: their types, and the check on reading."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json
from interpreting_clip.measures.logit_line import LogitLine
from page.names import INSTRUMENTS, TESTBED_SHIFTS, TRAININGS
from page.replicas import Replicated

Number = float | None
"""A result, or None if the study does not have the data that it needs."""

Result = TypeVar("Result")


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Effective robustness in points: per shift of the testbed, and their means with an interval.

    `natural` and `style` are the means over the shifts of photographs and over those of renditions.
    `extrapolated` lists the shifts whose line is extrapolated to the encoder. `shifts` lists those
    that the mean is over, or is None if it is over all of these. If a folder of activations lacks
    some, these are in `not_given`, and there is no mean. A study's own shifts are no part of it
    (`OwnShift`).
    """

    imagenet_v2: Number
    imagenet_r: Number
    imagenet_sketch: Number
    objectnet: Number
    imagenet_a: Number
    mean: Number
    mean_low: Number
    mean_high: Number
    natural: Interval | None
    style: Interval | None
    extrapolated: list[str]
    shifts: list[str] | None = None
    not_given: list[str] = []


class OwnShift(msgspec.Struct, frozen=True, kw_only=True):
    """An encoder on a shift of the study's own: accuracies in percent, robustness in points.

    `imagenet` is the ImageNet accuracy that the shift's is compared with, `chance` that of guessing
    on the shift. `robustness` is None if no standard models stand beside it, or if they do not
    compare; `extrapolated` says whether their line is extrapolated to the encoder.
    """

    accuracy: Interval
    imagenet: float
    chance: float
    robustness: Interval | None
    extrapolated: bool


class Kurtosis(msgspec.Struct, frozen=True, kw_only=True):
    """Mean per-image kurtosis with a bootstrap interval, and the count of outlier features.

    `largest_share` is the share of images, 0 to 1, in which the most extreme feature is beyond
    `outlier_sigma`.
    """

    mean: float
    low: float
    high: float
    outlier_features: int
    largest_share: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The mean over random heads, and the quantiles of 5 and 95 %."""

    mean: float
    low: float
    high: float


class Prunable(msgspec.Struct, frozen=True, kw_only=True):
    """Prunable fractions (0 to 1) of random heads, by accuracy and robustness and by each alone."""

    prunable: Spread | None
    by_accuracy: Spread
    by_robustness: Spread | None


class MeanRow(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of a head's rows: its share of the energy, and |cosine| with the first direction."""

    energy: float
    cosine: float


class HeadDirections(msgspec.Struct, frozen=True, kw_only=True):
    """The directions of a head with one centring.

    `spectrum` is the participation ratio of the squared singular values, `first_logit_variance` the
    share of the logit variance that the most important direction carries, and `by_accuracy` the
    prunable fraction by ImageNet accuracy alone.
    """

    count: int
    importance_ratio: float
    spectrum: float
    first_logit_variance: float
    by_accuracy: float


class DirectionNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Directions with the study's `centre`, and what can be pruned of them (fractions, 0 to 1).

    `importance_ratio` is the largest importance over the median one. `prunable` is what neither
    harms ImageNet accuracy nor mean effective robustness, `by_accuracy` and `by_robustness` what
    harms one of them not; None if there is no robustness. `extrapolated` lists the pruned fractions
    at which a line is extrapolated. `heads` has both centrings by name.
    """

    centre: Literal["none", "classes"]
    count: int
    importance_ratio: float
    prunable: Number
    by_accuracy: float
    by_robustness: Number
    extrapolated: list[float]
    random_heads: Prunable
    mean_row: MeanRow
    heads: dict[Literal["none", "classes"], HeadDirections]

    def is_extrapolated(self, prunable: Number) -> bool:
        """Return whether a line is extrapolated at a fraction up to a prunable one."""
        return prunable is not None and any(one <= prunable for one in self.extrapolated)


class ConceptChance(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a count of unique concepts; None without draws of the nulls.

    `permuted` and `random` are the means over draws of the two nulls, permuted images and random
    directions, with the middle 90 %. `over_all` counts against all images, and its chance levels
    are those two, too.
    """

    permuted: Number
    permuted_low: int | None
    permuted_high: int | None
    random: Number
    random_low: int | None
    random_high: int | None
    over_all: int
    over_all_permuted: Number
    over_all_random: Number


class Concepts(msgspec.Struct, frozen=True, kw_only=True):
    """Unique Broden concepts out of those `measured`, and polysemanticity, for each basis.

    The ends of intervals are the minimum and the maximum over several draws of the negatives, and
    None if there was only one. `left_out` concepts are on fewer than `minimum_images`.
    `discovered` counts the concepts at the false discovery rate.
    """

    measured: int | None
    minimum_images: int | None
    left_out: int | None
    null_draws: int | None
    false_discovery_rate: Number
    unique_directions: int | None
    unique_directions_low: int | None
    unique_directions_high: int | None
    polysemanticity_directions: Number
    polysemanticity_directions_low: Number
    polysemanticity_directions_high: Number
    chance_directions: ConceptChance | None
    discovered_directions: int | None
    unique_features: int | None
    unique_features_low: int | None
    unique_features_high: int | None
    polysemanticity_features: Number
    polysemanticity_features_low: Number
    polysemanticity_features_high: Number
    chance_features: ConceptChance | None
    discovered_features: int | None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder's measures: `measures` in `plots/encoders/<encoder>.json`.

    `accuracy` is top-1 in percent; like the numbers of `images` and of `classes`, it is on
    `imagenet`, on each shift of the testbed (None where it is absent), and on the study's own.
    """

    accuracy: dict[str, Number]
    images: dict[str, int | None]
    classes: dict[str, int | None]
    effective_robustness: Robustness
    own_shifts: dict[str, OwnShift] = {}
    kurtosis: Kurtosis
    directions: DirectionNumbers
    concepts: Concepts

    def robustness_on(self, shift: str) -> Number:
        """Return the effective robustness on a shift, of the testbed or the study's own."""
        if own := self.own_shifts.get(shift):
            return own.robustness and own.robustness.value
        return getattr(self.effective_robustness, shift, None)

    def is_extrapolated_on(self, shift: str) -> bool:
        """Return whether a shift's line is extrapolated to the encoder."""
        if own := self.own_shifts.get(shift):
            return own.extrapolated
        return shift in self.effective_robustness.extrapolated

    @property
    def is_extrapolated(self) -> bool:
        """Whether the line of any shift is extrapolated to the encoder."""
        own = any(one.extrapolated for one in self.own_shifts.values())
        return own or bool(self.effective_robustness.extrapolated)


class OutliersAt(msgspec.Struct, frozen=True, kw_only=True):
    """How many features are beyond `outlier_sigma` in at least a share, 0 to 1, of the images."""

    share: float
    outlier_features: int


class AccuracyCost(msgspec.Struct, frozen=True, kw_only=True):
    """Points of accuracy lost, with an interval."""

    value: float
    low: float
    high: float


class OutlierAxis(msgspec.Struct, frozen=True, kw_only=True):
    """A feature's axis among the privileged directions, and what pruning it alone costs.

    `share` is the fraction of images in which it is beyond `outlier_sigma`; if that is too small
    for an `outlier`, it is the most extreme feature. `cosine` is the largest |cos| with a
    direction, `rank` that direction's place by importance, `within` the share of the axis that the
    head sees, `within_top` that in the span of the most important directions, as many as each of
    `tops`. `logit_variance` is the share of the logit variance that the feature carries.
    """

    feature: int
    share: float
    outlier: bool
    cosine: float
    rank: int
    within: float
    within_top: list[float]
    logit_variance: float
    costs: dict[str, AccuracyCost]


class Outliers(msgspec.Struct, frozen=True, kw_only=True):
    """The definition of an outlier feature, and how many there are at other shares of the images.

    Of an encoder's `features`, `hiding_outliers` is the fewest equal outliers that hide each other.
    `typical_cosine` and `typical_logit_variance` are medians over all features.
    """

    features: int
    outlier_sigma: float
    outlier_share: float
    hiding_outliers: int
    sweep: list[OutliersAt]
    typical_cosine: float
    typical_logit_variance: float
    tops: list[int]
    axes: list[OutlierAxis]


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """Importance of each direction, largest first: of the head, with the other centring, by chance.

    `random_head` is the mean over random heads.
    """

    head: list[float]
    other: list[float]
    random_head: list[float]


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy in percent on `dataset` after pruning a `fraction` (0 to 1) of the directions.

    Of the directions with the other centring, and of random heads (their mean), too.
    """

    dataset: str
    fraction: float
    accuracy: float
    other_accuracy: float
    random_head_accuracy: float


class PrunedRobustness(msgspec.Struct, frozen=True, kw_only=True):
    """Mean effective robustness in points after pruning a `fraction` (0 to 1) of the directions.

    `random_head_robustness` is the mean over random heads; `extrapolated` says whether the line of
    a shift is extrapolated to the pruned encoder.
    """

    fraction: float
    robustness: float
    random_head_robustness: float
    extrapolated: bool


class CategoryConcepts(ConceptChance, frozen=True, kw_only=True):
    """Unique concepts with their interval and polysemanticity in one Broden category, or `all`."""

    basis: Literal["directions", "features"]
    category: str
    unique: int
    low: int | None
    high: int | None
    polysemanticity: float


class EncodedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A direction (by importance, from 1) or feature (from 0) and a concept that it encodes.

    `side` says whether the concept is on the images with high scores or, if either side of a
    direction counts, on those with low ones; `precision` is the average precision.
    """

    basis: Literal["directions", "features"]
    number: int
    side: Literal["positive", "negative"]
    concept: str
    category: str
    precision: float


class ThresholdConcepts(ConceptChance, frozen=True, kw_only=True):
    """Unique concepts and polysemanticity at one threshold of the average precision."""

    basis: Literal["directions", "features"]
    threshold: float
    unique: int
    low: int | None
    high: int | None
    polysemanticity: float


class TrainingStep(msgspec.Struct, frozen=True, kw_only=True):
    """Loss and accuracy in percent of the training batches up to one optimiser step."""

    step: int
    loss: float
    accuracy: float


class Abscissa(msgspec.Struct, frozen=True, kw_only=True):
    """ImageNet accuracy in percent at which a shift's line is read, and the number of images."""

    accuracy: float
    images: int


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """What guessing gives on a shift, and the lowest accuracy that is above it, in percent."""

    accuracy: float
    above: float


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The standard models (name and accuracies in percent) and the line through them, per shift.

    `abscissa` names the ImageNet accuracy that is the abscissa of each line. `at_chance` names the
    models that are not above `chance` on a shift and so no part of its line. `own_models` has the
    models of those of the study's own shifts that are not read against `models`. The file is
    `plots/baseline.json`.
    """

    models: list[dict[str, str | float | None]]
    lines: dict[str, LogitLine]
    abscissa: dict[str, str]
    chance: dict[str, Chance]
    at_chance: dict[str, list[str]]
    own_models: dict[str, list[dict[str, str | float | None]]] = {}

    def models_of(self, shift: str) -> list[dict[str, str | float | None]]:
        """Return the models that a shift's line was fitted to, or that are at chance on it."""
        return self.own_models.get(shift, self.models)


class SaidNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number of a measure, with all that `interpreting_clip.measures.result` says of it."""

    name: str
    label: str
    unit: str
    digits: int
    headline: str
    value: Number
    low: Number
    high: Number
    chance: Number


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One encoder's measures and the series behind its plots: `plots/encoders/<encoder>.json`.

    `numbers` has those of every measure by the measure's name. `encoded` has the strongest of the
    `pairs` of each basis. `left_out` says why a shift has no effective robustness.
    """

    measures: Metrics
    numbers: dict[str, list[SaidNumber]]
    representation: Literal["linear", "rectified"]
    outliers: Outliers
    importance: Importance
    logit_variance: list[float]
    pruning: list[Pruning]
    pruned_robustness: list[PrunedRobustness]
    concepts: list[CategoryConcepts]
    encoded: list[EncodedPair]
    pairs: dict[str, int]
    sweep: list[ThresholdConcepts]
    concept_names: dict[str, list[str]]
    training_curve: list[TrainingStep]
    abscissa: dict[str, Abscissa]
    left_out: dict[str, str]


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
    `replicas` its numbers over other seeds, by names such as `robustness.robustness`.
    """

    key: str
    number: int
    entry: EncoderEntry
    series: Series
    null: UntrainedNull | None = None
    replicas: dict[str, Replicated] = {}

    @property
    def file(self) -> str:
        """The file that `series` was read from."""
        return f"plots/encoders/{self.key}.json"

    @property
    def metrics(self) -> Metrics:
        """The encoder's measures."""
        return self.series.measures


def report_order(entries: Mapping[str, EncoderEntry]) -> list[str]:
    """Return the keys of encoders as the report lists them: by backbone, training and key."""
    ranks = {training: rank for rank, training in enumerate(TRAININGS)}
    return sorted(entries, key=lambda k: (entries[k].backbone, ranks[entries[k].training], k))


class LayerComparison(msgspec.Struct, frozen=True, kw_only=True):
    """CKA of the layers of two encoders, by key: `cka[first_layer][second_layer]`, 0 to 1.

    `without_outliers` is CKA without the outlier features of either layer, None where nothing else
    varies; `first_outliers` and `second_outliers` have the most of each layer in any minibatch. The
    file is `plots/comparisons/<comparison>.json`.
    """

    first: str
    second: str
    first_layers: list[str]
    second_layers: list[str]
    first_outliers: list[int]
    second_outliers: list[int]
    cka: list[list[float]]
    without_outliers: list[list[Number]]

    def __post_init__(self) -> None:
        """Refuse a matrix that does not fit its layers."""
        rows, columns = len(self.first_layers), len(self.second_layers)
        for matrix in (self.cka, self.without_outliers):
            if [len(row) for row in matrix] != [columns] * rows:
                raise ValueError(f"expected {rows} × {columns} CKA values, one per pair of layers")

    @property
    def moved(self) -> float:
        """The largest difference that leaving out outlier features makes to a pair of layers."""
        changes = [
            abs(whole - rest)
            for row, other in zip(self.cka, self.without_outliers, strict=True)
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


def read_result(file: Path, kind: type[Result]) -> Result:
    """Read a result from its JSON file; keys that the type does not have are ignored.

    Raises
    ------
    InputError
        The file is missing, lacks a key or holds a wrong value.
    """
    try:
        return msgspec.convert(read_json(file), kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # a lone surrogate
        raise InputError(f"{file}: {error}; `dvc repro` makes it anew") from None


def first_complete(encoders: Sequence[StudyEncoder]) -> StudyEncoder | None:
    """Return the first encoder that was measured on all shifts of the study, or the first one."""
    complete = (e for e in encoders if not e.metrics.effective_robustness.not_given)
    return next(complete, encoders[0] if encoders else None)


def measured_shifts(encoders: Sequence[StudyEncoder]) -> list[str]:
    """Return the testbed's shifts that the study measures, in their order; all if none are listed.

    A shift that a folder of activations lacks counts as measured, if other encoders have it.

    Raises
    ------
    InputError
        Two encoders were measured on different shifts, so their means are not comparable.
    """
    compared = [e for e in encoders if not e.metrics.effective_robustness.not_given]
    encoders, every = compared or encoders, list(TESTBED_SHIFTS)
    measured = [e.metrics.effective_robustness.shifts for e in encoders]
    for e, shifts in zip(encoders, measured, strict=True):
        if shifts != measured[0]:
            raise InputError(
                f"{e.file}: measured on the shifts {shifts or every}, "
                f"`{encoders[0].key}` on {measured[0] or every}; run `dvc repro`"
            )
    listed = measured[0] if measured else None
    return [shift for shift in every if listed is None or shift in listed]


def own_shifts(encoders: Sequence[StudyEncoder]) -> list[str]:
    """Return the study's own shifts that an encoder was measured on."""
    return list(dict.fromkeys(shift for e in encoders for shift in e.metrics.own_shifts))
