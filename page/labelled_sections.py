"""Heads and labelled concepts of published activations: their numbers on the page."""

from collections.abc import Iterator, Sequence

import msgspec

from interpreting_clip.formats.result import Estimate, Number
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.study.labelled_arrays import LabelledArrays, LabelledResults


class LabelledEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `labelled_arrays`, what its head gives, and which concepts are encoded."""

    key: str
    entry: LabelledArrays
    results: LabelledResults
    concepts: Concepts

    @property
    def numbers(self) -> list[Number]:
        """The numbers that the page and `plots/arrays.csv` show."""
        return [*head_numbers(self.results), *concept_numbers(self.concepts)]


OTHER = {"none": "head not centred", "classes": "head centred"}
"""How the page calls the other centring of a head."""


def head_numbers(results: LabelledResults) -> Iterator[Number]:
    """Yield the numbers of a head whose classes are concepts."""
    accuracy, directions, pruning = results.accuracy, results.directions, results.pruning
    other = OTHER[directions.other.centre]
    label = "accuracy: the predicted class is in the image"
    yield number("accuracy.accuracy", label, 1, accuracy.accuracy, accuracy.guessing, unit="%")
    name, label = "importance_ratio", "largest importance / median"
    by_chance = directions.random_importance_ratio
    yield number(f"directions.{name}", label, 1, directions.importance_ratio, by_chance)
    ratio = directions.other.importance_ratio
    yield number(f"directions.other.{name}", f"{label}, {other}", 1, ratio)
    label = "share of the head’s energy in its mean row"
    yield number("directions.mean_row.energy", label, 2, directions.mean_row.energy)
    label = "share of the directions that can be pruned"
    yield number("pruning.by_accuracy", label, 1, pruning.by_accuracy, pruning.accuracy_chance)
    yield number("pruning.other_by_accuracy", f"{label}, {other}", 1, pruning.other_by_accuracy)
    label = "share by principal components of the activations"
    yield number("pruning.by_covariance", label, 1, pruning.by_covariance)
    for axis in results.outlier_axes.axes:
        if axis.outlier:
            name, label = f"outlier_axes.{axis.feature}", f"accuracy lost if feature {axis.feature}"
            lost, lost_at_mean = axis.costs["images"], axis.costs_at_mean["images"]
            yield number(f"{name}.costs", f"{label} is 0", 1, lost, unit="points")
            yield number(
                f"{name}.costs_at_mean", f"{label} is its mean", 1, lost_at_mean, unit="points"
            )


def concept_numbers(concepts: Concepts) -> Iterator[Number]:
    """Yield how many concepts features, directions and the rows of the head encode."""
    against_all = "the same against all other images"
    for basis, counts in reversed(concepts.bases.items()):
        name, label = f"concepts.{basis}", f"concepts that {basis} encode"
        yield number(f"{name}.unique", label, 0, counts.unique, counts.random)
        yield number(f"{name}.p", "p among as many random directions", 3, counts.random_p)
        if basis == "directions" and (in_span := concepts.in_span):
            label = "the same, against random directions in their span"
            yield number("concepts.in_span", label, 0, counts.unique, in_span.random)
            label = "p among random directions in their span"
            yield number("concepts.in_span.p", label, 3, in_span.random_p)
        yield number(f"{name}.over_all", against_all, 0, counts.over_all, counts.over_all_random)
        label = f"{basis} that encode a concept"
        yield number(f"{name}.encoding", label, 0, counts.encoding_directions)
        label = f"concepts of each of these {basis}"
        yield number(f"{name}.polysemanticity", label, 2, counts.polysemanticity)
    if rows := concepts.rows:
        label = "concepts that their own row of the head encodes"
        yield number("concepts.rows.encoded", label, 0, rows.encoded, rows.by_others)
        name, by_chance = "concepts.rows.over_all", rows.over_all_by_others
        yield number(name, against_all, 0, rows.over_all, by_chance)
        name, label = "concepts.rows.precision", "mean average precision of own rows"
        yield number(name, label, 3, rows.precision, rows.precision_by_others)


def number(
    name: str,
    label: str,
    digits: int,
    value: Estimate | float | int | None,
    chance: Estimate | float | int | None = None,
    *,
    unit: str = "",
) -> Number:
    """Return a number of a table with its interval and its chance level."""
    by_chance = chance.value if isinstance(chance, Estimate) else chance
    low = high = None
    if isinstance(value, Estimate):
        value, low, high = value.value, value.low, value.high
    return Number(name, label, unit, digits, "", value, low, high, by_chance)


def largest_p_error(entries: Sequence[LabelledEntry]) -> float:
    """Return the largest standard error of the p values that the page shows; 0 without any."""
    nulls = [null for e in entries for null in (*e.concepts.bases.values(), e.concepts.in_span)]
    return max((null.random_p_error or 0.0 for null in nulls if null), default=0.0)
