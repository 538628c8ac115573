"""What a measure's result says of its numbers: label, unit, digits, interval, chance level.

From this come an encoder's metrics, `plots/measures.csv`, a row of a table on the page, the columns
of `dvc metrics show` and the table in docs/reference/measures.md.
"""

from dataclasses import dataclass
from typing import Any, get_type_hints

from interpreting_clip.measures.intervals import Estimate


@dataclass(frozen=True)
class Label:
    """What is said of a number of a result: `share: Annotated[float, Label("share", 2)]`.

    Fields without a label are not shown.

    Attributes
    ----------
    label : in words, for the head of a table
    digits : decimal places that are shown
    unit : such as %; empty for a count or a ratio
    ends : names of the fields with the ends of its interval, if it is not an `Estimate`
    chance : name of the field with the value that chance alone would give
    headline : its name in `dvc metrics show`; empty if it has no column there
    """

    label: str
    digits: int
    unit: str = ""
    ends: tuple[str, str] | None = None
    chance: str = ""
    headline: str = ""


def labels(kind: type) -> dict[str, Label]:
    """Return the labels of a result's numbers, by field."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: said
        for name, hint in hints.items()
        for said in getattr(hint, "__metadata__", ())
        if isinstance(said, Label)
    }


@dataclass(frozen=True)
class Number:
    """A number with its description; None where the study lacks what it needs."""

    name: str
    label: str
    unit: str
    digits: int
    headline: str
    value: float | int | None
    low: float | int | None
    high: float | int | None
    chance: float | int | None


def numbers(result: Any) -> list[Number]:
    """Return the numbers of a result, in the order of its fields."""
    return [_number(result, name, label) for name, label in labels(type(result)).items()]


def _number(result: Any, name: str, label: Label) -> Number:
    value = getattr(result, name)
    low, high = None, None
    if isinstance(value, Estimate):
        value, low, high = value.value, value.low, value.high
    elif label.ends:
        low, high = (getattr(result, end) for end in label.ends)
    return Number(
        name=name,
        label=label.label,
        unit=label.unit,
        digits=label.digits,
        headline=label.headline,
        value=value,
        low=low,
        high=high,
        chance=getattr(result, label.chance) if label.chance else None,
    )
