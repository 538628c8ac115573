"""Heads and labelled concepts of published activations: their numbers on the page."""

from collections.abc import Iterable, Iterator, Sequence

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


def head_numbers(results: LabelledResults) -> Iterator[Number]:
    """Yield the numbers of a head whose classes are concepts."""
    accuracy, directions, pruning = results.accuracy, results.directions, results.pruning
    yield number(
        "accuracy.accuracy",
        "accuracy: the predicted class is in the image",
        1,
        (accuracy.accuracy, accuracy.guessing),
        unit="%",
    )
    ratio = "largest importance / median"
    yield number(
        "directions.importance_ratio",
        ratio,
        1,
        (directions.importance_ratio, directions.random_importance_ratio),
    )
    yield number(
        "directions.other.importance_ratio",
        f"{ratio}, {OTHER[directions.other.centre]}",
        1,
        (directions.other.importance_ratio, None),
    )
    yield number(
        "directions.mean_row.energy",
        "share of the head’s energy in its mean row",
        2,
        (directions.mean_row.energy, None),
    )
    share = "share of the directions that can be pruned"
    yield number("pruning.by_accuracy", share, 1, (pruning.by_accuracy, pruning.accuracy_chance))
    yield number(
        "pruning.other_by_accuracy",
        f"{share}, {OTHER[directions.other.centre]}",
        1,
        (pruning.other_by_accuracy, None),
    )
    yield number(
        "pruning.by_covariance",
        "share by principal components of the activations",
        1,
        (pruning.by_covariance, None),
    )
    for axis in results.outlier_axes.axes:
        if axis.outlier:
            for field, level in (("costs", "0"), ("costs_at_mean", "its mean")):
                yield number(
                    f"outlier_axes.{axis.feature}.{field}",
                    f"accuracy lost if feature {axis.feature} is {level}",
                    1,
                    (getattr(axis, field)["images"], None),
                    unit="points",
                )


OTHER = {"none": "head not centred", "classes": "head centred"}
"""How the page calls the other centring of a head."""


def concept_numbers(concepts: Concepts) -> Iterator[Number]:
    """Yield how many concepts features, directions and the rows of the head encode."""
    for basis, counts in reversed(concepts.bases.items()):
        yield number(
            f"concepts.{basis}.unique",
            f"concepts that {basis} encode",
            0,
            (counts.unique, counts.random),
        )
        yield number(
            f"concepts.{basis}.p", "p among as many random directions", 3, (counts.random_p, None)
        )
        if basis == "directions" and (in_span := concepts.in_span):
            yield number(
                "concepts.in_span",
                "the same, against random directions in their span",
                0,
                (counts.unique, in_span.random),
            )
            label = "p among random directions in their span"
            yield number("concepts.in_span.p", label, 3, (in_span.random_p, None))
        yield number(
            f"concepts.{basis}.over_all",
            "the same against all other images",
            0,
            (counts.over_all, counts.over_all_random),
        )
        yield number(
            f"concepts.{basis}.encoding",
            f"{basis} that encode a concept",
            0,
            (counts.encoding_directions, None),
        )
        yield number(
            f"concepts.{basis}.polysemanticity",
            f"concepts of each of these {basis}",
            2,
            (counts.polysemanticity, None),
        )
    if rows := concepts.rows:
        yield number(
            "concepts.rows.encoded",
            "concepts that their own row of the head encodes",
            0,
            (rows.encoded, rows.by_others),
        )
        yield number(
            "concepts.rows.over_all",
            "the same against all other images",
            0,
            (rows.over_all, rows.over_all_by_others),
        )
        yield number(
            "concepts.rows.precision",
            "mean average precision of own rows",
            3,
            (rows.precision, rows.precision_by_others),
        )


def number(
    name: str,
    label: str,
    digits: int,
    value_and_chance: tuple[Estimate | float | int | None, Estimate | float | int | None],
    unit: str = "",
) -> Number:
    """Return a number of a table with its interval and its chance level."""
    value, chance = value_and_chance
    by_chance = chance.value if isinstance(chance, Estimate) else chance
    low = high = None
    if isinstance(value, Estimate):
        value, low, high = value.value, value.low, value.high
    return Number(name, label, unit, digits, "", value, low, high, by_chance)


def labelled_rows(entries: Sequence[LabelledEntry]) -> list[tuple[Number, list[Number | None]]]:
    """Return each number of any entry, and that of every entry, if it has it."""
    return rows_by_name([e.numbers for e in entries])


def rows_by_name(
    numbers: Sequence[Iterable[Number]],
) -> list[tuple[Number, list[Number | None]]]:
    """Return each number that is known in some list, and that of every list, if it has it."""
    each = [{one.name: one for one in some} for some in numbers]
    rows = []
    for name in dict.fromkeys(name for one in each for name in one):
        found = [one.get(name) for one in each]
        if known := [one for one in found if one and one.value is not None]:
            rows.append((known[0], found))
    return rows


def largest_p_error(entries: Sequence[LabelledEntry]) -> float:
    """Return the largest standard error of the p values that the page shows; 0 without any."""
    nulls = [null for e in entries for null in (*e.concepts.bases.values(), e.concepts.in_span)]
    return max((null.random_p_error or 0.0 for null in nulls if null), default=0.0)
