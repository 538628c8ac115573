"""Results of measures: numbers with labels, intervals and chance levels, and their arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Label:
    """The label of a number in a result: `share: Annotated[float, Label("share", 2)]`.

    Fields without a label are not shown in a table.

    Attributes
    ----------
    label : in words, for a table
    digits : decimal places that are shown
    unit : such as %; empty for a count or a ratio
    chance : name of the field with the value that chance alone would give
    headline : its name in `dvc metrics show`; empty if it has no column there
    """

    label: str
    digits: int
    unit: str = ""
    chance: str = ""
    headline: str = ""


@dataclass(frozen=True)
class Part:
    """The label of a nested result: `Annotated[Counts, Part("features")]`.

    Results in a mapping are shown only if it has one, under their keys.

    Attributes
    ----------
    label : stands before the labels of its numbers; in a mapping, the key does
    headline : whether they keep their columns in `dvc metrics show`
    """

    label: str
    headline: bool = True


@dataclass(frozen=True)
class Number:
    """A number with its description; None if what it needs is lacking.

    `name` is the path of its field, such as `outliers.largest_share`. Without an interval, `low`
    and `high` are None.
    """

    name: str
    label: str
    unit: str
    digits: int
    headline: str
    value: float | int | None
    low: float | int | None
    high: float | int | None
    chance: float | int | None


def beside(dimensions: int = 1) -> Any:
    """Declare a large array of a result, which is stored beside its JSON and not in it.

    It has entries for each image, or for each pair of a direction and a feature or a concept. It is
    empty in a result that was read from the JSON alone.

    Parameters
    ----------
    dimensions : of the array
    """
    return field(default_factory=lambda: np.empty((0,) * dimensions), metadata={"beside": True})


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """What a measure returns: a dataclass of numbers, nested results and arrays.

    Numbers with a `Label` are shown in a table with their interval and chance level, in the order
    of the fields. Results compare by identity: an array comparison has no single truth value.
    The axes of its arrays have names with an underscore, whose sizes jaxtyping does not compare:
    a large array may be empty, and two nested results may differ.

    Attributes
    ----------
    CAPTION : a sentence on what the intervals hold and what chance means here
    """

    CAPTION: ClassVar[str] = ""

    @property
    def numbers(self) -> list[Number]:
        """The numbers with their labels, those of nested results too."""
        return list(_numbers(self))

    @property
    def notes(self) -> list[str]:
        """What stands below the table, as sentences."""
        return [self.CAPTION] if self.CAPTION else []

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values: arrays as lists, nested results as dictionaries."""
        return plain(self)

    def to_frame(self) -> "pd.DataFrame":
        """Return the numbers as a table of pandas, indexed by name."""
        from interpreting_clip.formats.result_tables import frame

        return frame(self.numbers)

    def __repr__(self) -> str:
        """Return the name of the result, its table, and the sizes of its arrays."""
        from interpreting_clip.formats.result_tables import text

        return text(self)

    def _repr_html_(self) -> str:
        """Return the table as HTML, for a notebook."""
        from interpreting_clip.formats.result_tables import html

        return html(self)


def headline_numbers(result: Result) -> dict[str, float | int | None]:
    """Return the numbers that `dvc metrics show` lists, by their names there."""
    return {number.headline: number.value for number in result.numbers if number.headline}


def labels(kind: type) -> dict[str, Label]:
    """Return the labels of a result's own numbers, by field."""
    return {
        name: note
        for name, notes in _annotations(kind).items()
        for note in notes
        if isinstance(note, Label)
    }


def plain(value: Any, *, without_beside: bool = False) -> Any:
    """Return results, arrays and what holds them as dictionaries, lists and numbers.

    Parameters
    ----------
    value : a result, or a mapping or list of results
    without_beside : leave out the arrays that are stored beside the JSON
    """
    if hasattr(value, "__dataclass_fields__"):
        return {
            field_.name: plain(getattr(value, field_.name), without_beside=without_beside)
            for field_ in fields(value)
            if not (without_beside and is_beside(field_))
        }
    if isinstance(value, Mapping):
        return {key: plain(item, without_beside=without_beside) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, without_beside=without_beside) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def arrays_beside(value: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays that are stored beside the JSON, by the path of their field."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from arrays_beside(item, f"{path}{key}.")
    elif hasattr(value, "__dataclass_fields__"):
        for field_ in fields(value):
            if is_beside(field_):
                yield f"{path}{field_.name}", getattr(value, field_.name)
            else:
                yield from arrays_beside(getattr(value, field_.name), f"{path}{field_.name}.")


def is_beside(field_: Any) -> bool:
    """Return whether a field was declared with `beside`."""
    return bool(field_.metadata.get("beside"))


def _annotations(kind: type) -> dict[str, tuple[Any, ...]]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}


def _numbers(result: Any) -> Iterator[Number]:
    for name, notes in _annotations(type(result)).items():
        if name.isupper():
            continue
        value = getattr(result, name)
        part = next((note for note in notes if isinstance(note, Part)), None)
        if isinstance(value, Result):
            yield from _nested(value, name, part or Part(""))
        elif isinstance(value, Mapping) and part:
            for key, nested in value.items():
                for number in _nested(nested, f"{name}.{key}", replace(part, label=key)):
                    headline = number.headline and f"{number.headline}_{key}"
                    yield replace(number, headline=headline)
        else:
            yield from (_number(result, name, n) for n in notes if isinstance(n, Label))


def _nested(result: Result, path: str, part: Part) -> Iterator[Number]:
    for number in _numbers(result):
        yield replace(
            number,
            name=f"{path}.{number.name}",
            label=f"{part.label}: {number.label}" if part.label else number.label,
            headline=number.headline if part.headline else "",
        )


def _number(result: Any, name: str, label: Label) -> Number:
    number, chance = getattr(result, name), getattr(result, label.chance) if label.chance else None
    # A number that the result lacks is None, not an Estimate.
    value, low, high = number, None, None
    if isinstance(number, Estimate):
        value, low, high = number.value, number.low, number.high
    return Number(
        name=name,
        label=label.label,
        unit=label.unit,
        digits=label.digits,
        headline=label.headline,
        value=value,
        low=low,
        high=high,
        chance=chance.value if isinstance(chance, Estimate) else chance,
    )


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its interval, all in the value's unit; None without an interval."""

    value: int | float
    low: int | float | None = None
    high: int | float | None = None

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The ends of the interval, both the value itself if there is none."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high
