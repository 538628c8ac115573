"""The results of several encoders on the same images: one table, and their paired differences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from interpreting_clip.formats.result import Estimate, Number, Result
from interpreting_clip.measures.kurtosis import Settings
from interpreting_clip.statistics.concept_counts import CONFIDENCE as OF_CONCEPTS
from interpreting_clip.statistics.intervals import (
    bootstrap_mean,
    deviation_interval,
    jackknife_interval,
    percentile_interval,
)

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES, CONFIDENCE, SEED = Settings().resamples, Settings().confidence, Settings().seed
"""Of the differences over images, as of the kurtosis by default."""

ON_SHIFTS = ("accuracy_", "drop_")
"""How the names of accuracies and drops on shifts begin."""

Paired = Callable[[Any, np.ndarray], Estimate]
"""Returns the interval of a difference from those of images or draws that both encoders share."""


def over_images(value: float, differences: np.ndarray) -> Estimate:
    """Return a difference with the bootstrap interval of the mean difference of an image."""
    found = bootstrap_mean(differences, RESAMPLES, CONFIDENCE, SEED)
    return replace(found, value=value)


def over_draws(value: float, differences: np.ndarray) -> Estimate:
    """Return a difference with the percentiles of the differences of common draws."""
    return percentile_interval(value, differences, CONFIDENCE)


def over_counts(value: float | int, differences: np.ndarray) -> Estimate:
    """Return a difference of counts with t times the deviation over common resamples."""
    return deviation_interval(value, differences, OF_CONCEPTS)


def over_blocks(value: float, differences: np.ndarray) -> Estimate:
    """Return a difference with the jackknife's interval over common blocks of images."""
    return jackknife_interval(value, differences, CONFIDENCE)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A number that stands in the table of several encoders.

    Attributes
    ----------
    column : its name in a data frame
    label : in words
    measure, number : the measure, and the path of the number in its result (`Result.numbers`)
    chance : measure and number of its chance level, if the number has none of its own
    draws : returns an array of the result with an entry for each image, draw or block that encoders
        share; None: there is none, so a difference has no interval
    interval : of the differences of these entries
    subtracted : whether a difference of two encoders means anything
    """

    column: str
    label: str
    measure: str
    number: str
    chance: tuple[str, str] | None = None
    draws: Callable[[Any], Any] | None = None
    interval: Paired = over_images
    subtracted: bool = True


HEADLINES = (
    Headline(
        column="features",
        label="features",
        measure="participation_ratio",
        number="features",
        subtracted=False,
    ),
    Headline(
        column="kurtosis",
        label="mean kurtosis",
        measure="kurtosis",
        number="kurtosis",
        draws=attrgetter("per_image"),
    ),
    Headline(
        column="kurtosis_centred",
        label="kurtosis minus the mean image",
        measure="kurtosis",
        number="centred",
    ),
    Headline(
        column="kurtosis_p",
        label="p of the kurtosis in rotations",
        measure="privileged_basis",
        number="kurtosis_p",
        subtracted=False,
    ),
    Headline(
        column="outlier_features",
        label="outlier features",
        measure="kurtosis",
        number="outliers.outlier_features",
        chance=("privileged_basis", "rotated_outliers"),
    ),
    Headline(
        column="outlier_energy",
        label="energy in outlier features",
        measure="kurtosis",
        number="outliers.total_energy",
    ),
    Headline(
        column="massive_ratio",
        label="largest / median absolute value",
        measure="massive_activations",
        number="ratio",
        draws=lambda result: result.per_image_largest / result.per_image_median,
    ),
    Headline(
        column="dimensions",
        label="dimensions used",
        measure="participation_ratio",
        number="dimensions",
        draws=attrgetter("without_block"),
        interval=over_blocks,
    ),
    Headline(
        column="accuracy",
        label="accuracy",
        measure="accuracy",
        number="accuracy",
        draws=lambda result: 100.0 * result.correct,
    ),
    Headline(
        column="robustness",
        label="effective robustness",
        measure="effective_robustness",
        number="robustness",
        draws=attrgetter("draws"),
        interval=over_draws,
    ),
    Headline(
        column="robustness_curved",
        label="robustness on curved lines",
        measure="effective_robustness",
        number="curved.robustness",
        draws=attrgetter("curved.draws"),
        interval=over_draws,
    ),
    Headline(
        column="importance_ratio",
        label="largest importance / median",
        measure="directions",
        number="importance_ratio",
    ),
    Headline(
        column="prunable",
        label="prunable share of directions",
        measure="pruning",
        number="by_accuracy",
    ),
    Headline(
        column="concepts_directions",
        label="concepts of directions",
        measure="concepts",
        number="directions.unique",
        draws=attrgetter("directions.draws"),
        interval=over_counts,
    ),
    Headline(
        column="concepts_features",
        label="concepts of features",
        measure="concepts",
        number="features.unique",
        draws=attrgetter("features.draws"),
        interval=over_counts,
    ),
    Headline(
        column="modality_gap",
        label="modality gap",
        measure="modality_gap",
        number="length",
    ),
)
"""The numbers of the table, in its order; those of shifts stand below the accuracy."""

DROP = Headline(
    column="drop",
    label="drop in accuracy",
    measure="accuracy_drop",
    number="drop",
    draws=lambda result: 100.0 * result.correct_before - 100.0 * result.correct_after,
)
"""Of a shift whose images are the original ones, changed."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A number of one encoder minus that of another one, on the same images.

    `number` has the column of the table as its name, points where the encoders have %, an interval
    if both encoders have draws in common, and as its chance level the difference of theirs.
    """

    first: str
    second: str
    number: Number


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How similar two encoders are on the same images: the result of each measure, by its name."""

    first: str
    second: str
    results: Mapping[str, Result]

    @property
    def numbers(self) -> dict[str, Number]:
        """The similarities by column: `cka`, `cka_without_outliers` and `mutual_neighbours`."""
        found = {}
        for name, result in self.results.items():
            for number in result.numbers:
                if isinstance(number.value, float):  # the others are counts
                    own = number.name in (name, "alignment")
                    found[name if own else f"{name}_{number.name}"] = number
        return found


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Comparison(Result):
    """The results of several encoders: what `compare` returns.

    `to_frame()` has a row for each encoder, `differences_frame()` one for each pair of encoders and
    each number, `similarities_frame()` one for each pair. Of two encoders, the first minus the
    second is shown.

    Attributes
    ----------
    results : by encoder and measure
    differences : of each pair of encoders on the same images
    similarities : of the same pairs: CKA and others
    not_compared : the pairs that are on other images, and what else cannot be compared, with why
    """

    results: dict[str, dict[str, Result]]
    differences: list[Difference]
    similarities: list[Similarity]
    not_compared: list[str] = field(default_factory=list)

    @property
    def encoders(self) -> list[str]:
        """The names of the encoders."""
        return [*self.results]

    @property
    def rows(self) -> dict[str, dict[str, Number]]:
        """The numbers of the table by column and encoder, those that any encoder has."""
        found = {
            headline.column: {
                name: replace(number, name=headline.column, label=headline.label)
                for name, results in self.results.items()
                if (number := headline_number(headline, results)) is not None
            }
            for headline in headlines(self.results)
        }
        return {column: numbers for column, numbers in found.items() if numbers}

    @property
    def notes(self) -> list[str]:
        """What the intervals are, how many comparisons there are, and what was not compared."""
        found = [
            "Intervals and chance levels are those of each measure; a number without one has none."
        ]
        if self.differences:
            number = len(self.differences)
            found += [
                f"{number} difference{'s' * (number > 1)} on the same images, first minus second. "
                "Each 95 % interval is of its own difference, not corrected for their number; "
                "without an interval: the number has no draws that encoders share. Chance: the "
                "difference of the chance levels.",
            ]
        by_concepts: dict[tuple[str, ...], list[str]] = {}
        for name, results in self.results.items():
            if measured := getattr(results.get("concepts"), "concepts", None):
                by_concepts.setdefault(tuple(measured), []).append(name)
        if len(by_concepts) > 1:
            counts = [f"{', '.join(of)}: {len(one)}" for one, of in by_concepts.items()]
            found += [f"Concepts were measured on enough images for {'; '.join(counts)}."]
        return [*found, *(f"Not compared: {reason}." for reason in self.not_compared)]

    def to_frame(self) -> "pd.DataFrame":
        """Return the table, a row for each encoder, with `_low`, `_high` and `_chance`.

        A column that no encoder has a value in is left out.
        """
        from interpreting_clip.formats.comparison_tables import encoders_frame

        return encoders_frame(self)

    def differences_frame(self) -> "pd.DataFrame":
        """Return a row for each pair of encoders and each number that both have."""
        from interpreting_clip.formats.comparison_tables import differences_frame

        return differences_frame(self)

    def similarities_frame(self) -> "pd.DataFrame":
        """Return a row for each pair of encoders, with CKA and others and their chance levels."""
        from interpreting_clip.formats.comparison_tables import similarities_frame

        return similarities_frame(self)

    def __repr__(self) -> str:
        """Return the tables as text."""
        from interpreting_clip.formats.comparison_tables import text

        return f"{type(self).__name__}\n{text(self)}"

    def _repr_html_(self) -> str:
        """Return the tables as HTML, for a notebook."""
        from interpreting_clip.formats.comparison_tables import html

        return html(self)


def headlines(results: Mapping[str, Mapping[str, Result]]) -> list[Headline]:
    """Return the headlines, with accuracies and drops on shifts below the accuracy."""
    measures = dict.fromkeys(name for one in results.values() for name in one)
    found: list[Headline] = []
    for headline in HEADLINES:
        found.append(headline)
        if headline.column == "accuracy":
            for start, template in zip(ON_SHIFTS, (headline, DROP), strict=True):
                found += [
                    replace(
                        template,
                        column=name,
                        measure=name,
                        label=f"{template.label} on {name.removeprefix(start)}",
                    )
                    for name in measures
                    if name.startswith(start)
                ]
    return found


def headline_number(headline: Headline, results: Mapping[str, Result]) -> Number | None:
    """Return an encoder's number with its chance level; None if the encoder has none."""
    found = number_at(headline.measure, headline.number, results)
    if found and headline.chance and (chance := number_at(*headline.chance, results)):
        return replace(found, chance=chance.value)
    return found


def number_at(measure: str, path: str, results: Mapping[str, Result]) -> Number | None:
    """Return the number at a path in a measure's result; None if there is none."""
    numbers = results[measure].numbers if measure in results else []
    return next((one for one in numbers if one.name == path and one.value is not None), None)


def paired_differences(
    results: Mapping[str, Mapping[str, Result]], pairs: Sequence[tuple[str, str]]
) -> Iterator[Difference]:
    """Yield the difference of each pair of encoders in each number that both have.

    Draws are subtracted draw by draw, and images image by image, so that what both encoders share
    cancels.

    Parameters
    ----------
    results : by encoder and measure
    pairs : of encoders on the same images in the same order
    """
    for first, second in pairs:
        sides = results[first], results[second]
        for headline in headlines(results):
            one, other = (headline_number(headline, side) for side in sides)
            if not headline.subtracted or one is None or other is None:
                continue
            if one.value is None or other.value is None:
                continue
            value = one.value - other.value
            estimate = Estimate(value)
            if headline.draws:
                draws = [np.asarray(headline.draws(side[headline.measure])) for side in sides]
                if draws[0].shape == draws[1].shape and draws[0].size > 1:
                    estimate = headline.interval(value, draws[0] - draws[1])
            chance = None
            if one.chance is not None and other.chance is not None:
                chance = one.chance - other.chance
            number = replace(
                one,
                name=headline.column,
                label=headline.label,
                unit="points" if one.unit == "%" else one.unit,
                value=value,
                low=estimate.low,
                high=estimate.high,
                chance=chance,
            )
            yield Difference(first=first, second=second, number=number)
