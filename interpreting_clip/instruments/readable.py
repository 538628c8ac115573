"""Results that show themselves: a small table in a terminal, and the same in a notebook."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from html import escape
from typing import ClassVar

import numpy as np

from interpreting_clip.measures.result import Number, numbers

HEAD = ("", "value", "unit", "interval", "chance level")

SHOWN = 10
"""The most features, concepts or the like that a result lists by name."""


class Readable:
    """A result whose numbers are shown in a table with unit, interval and chance level.

    Attributes
    ----------
    INTERVAL : what the intervals hold, as a sentence; empty if there are none
    """

    INTERVAL: ClassVar[str] = ""

    # By identity: whether two arrays are equal is no single truth.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def numbers(self) -> list[Number]:
        """The numbers with their labels, in the order of the table."""
        return numbers(self)

    @property
    def notes(self) -> list[str]:
        """What stands below the table, as sentences."""
        return [self.INTERVAL] if self.INTERVAL else []

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the result, by the name of their field."""
        # By reference: `dataclasses.asdict` would copy them.
        found = {field.name: getattr(self, field.name) for field in fields(self)}  # pyright: ignore
        return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}

    def __repr__(self) -> str:
        """Return the name of the result, its table, and the sizes of its arrays."""
        return "\n".join([type(self).__name__, self.table, *self._sizes()])

    @property
    def table(self) -> str:
        """The table as text, with its notes."""
        rows = [HEAD, *map(table_row, self.numbers)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        # Empty columns, such as the unit of counts, are left out.
        kept = [i for i in range(len(HEAD)) if any(row[i] for row in rows[1:]) or i == 1]
        lines = [
            "  ".join(
                row[i].ljust(widths[i]) if i in (0, 2) else row[i].rjust(widths[i]) for i in kept
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        """Return the table as HTML, for a notebook."""
        below = (*self.notes, *self._sizes())
        return html_table(self.numbers) + "".join(f"<p>{escape(one)}</p>" for one in below)

    def _sizes(self) -> Iterator[str]:
        shapes = (f"{name} {list(array.shape)}" for name, array in self.arrays.items())
        if text := ", ".join(shapes):
            yield f"Arrays: {text}"


def table_row(number: Number) -> tuple[str, str, str, str, str]:
    """Return the cells of a number; one without a chance level says so."""
    interval = ""
    if number.low is not None and number.high is not None:
        ends = (number_text(end, number.digits) for end in (number.low, number.high))
        interval = f"[{', '.join(ends)}]"
    chance = "none"
    if number.chance is not None:
        # The mean of counts is no whole number.
        finer = number.digits or int(number.chance != round(number.chance))
        chance = number_text(number.chance, finer)
    value = number_text(number.value, number.digits)
    return number.label, value, number.unit, interval, chance


def html_table(numbers: Sequence[Number]) -> str:
    """Return numbers as a table in HTML."""
    head = "".join(f"<th>{one}</th>" for one in HEAD)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in table_row(number)) + "</tr>"
        for number in numbers
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def number_text(value: float | int | None, digits: int) -> str:
    """Return a number with a true minus and as many decimals, or a dash if there is none."""
    if value is None:
        return "–"
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


def listed(names: Sequence[object], shown: int = SHOWN) -> str:
    """Return the first names as a list in words, and how many there are besides."""
    text = ", ".join(map(str, names[:shown]))
    return f"{text} and {len(names) - shown:,} more" if len(names) > shown else text
