"""How results show themselves: as text, as HTML in a notebook, and as a table of pandas.

`Result` imports it when it is shown: it counts in the fingerprints of stages that show results.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from interpreting_clip.formats.result import Number, Result


def measure_title(name: str) -> str:
    """Return the name of a measure or of a section as a heading."""
    return name.upper() if name == "cka" else name.replace("_", " ").capitalize()


def text(result: "Result") -> str:
    """Return the name of a result, its table, and the sizes of its arrays."""
    return "\n".join([type(result).__name__, table(result), *_sizes(result)])


def table(result: "Result") -> str:
    """Return the table of a result as text, with its notes."""
    columns = map(_aligned, _columns_of(result))
    lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    return "\n".join([*lines, *result.notes])


def html(result: "Result") -> str:
    """Return the table of a result as HTML, for a notebook."""
    below = (*result.notes, *_sizes(result))
    return result_table(result) + "".join(f"<p>{escape(one)}</p>" for one in below)


def result_table(result: "Result") -> str:
    """Return the table of a result as HTML, without its notes."""
    return _html_of(_columns_of(result))


def frame(numbers: "Sequence[Number]") -> "pd.DataFrame":
    """Return numbers as a table of pandas, indexed by name."""
    import pandas as pd

    columns = ["name", "label", "value", "low", "high", "chance", "unit"]
    table = pd.DataFrame(list(numbers), columns=columns).set_index("name")
    # NaN where no number has an interval, as where one has none.
    return table.astype(dict.fromkeys(("value", "low", "high", "chance"), float))


def html_table(numbers: "Sequence[Number]") -> str:
    """Return numbers as a table in HTML."""
    return _html_of(_columns(numbers))


def _html_of(columns: "Sequence[tuple[str, ...]]") -> str:
    names, *rows = zip(*columns, strict=True)
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escape(x)}</td>' for x in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def table_row(number: "Number") -> tuple[str, str, str, str, str]:
    """Return the cells of a number; one without a chance level says so."""
    shown = partial(format_number, separator=",")
    interval = ""
    if number.low is not None and number.high is not None:
        interval = f"[{shown(number.low, number.digits)}, {shown(number.high, number.digits)}]"
    chance = "none"
    if number.chance is not None:
        # The mean of counts is not a whole number.
        finer = number.digits or int(number.chance != round(number.chance))
        chance = shown(number.chance, finer)
    value = shown(number.value, number.digits)
    return number.label, value, number.unit, interval, chance


def format_number(value: float | int | None, digits: int = 1, *, separator: str = "") -> str:
    """Return a number with a true minus and `digits` decimals, or a dash if there is none.

    `separator` stands between thousands.
    """
    if value is None:
        return "–"
    text = f"{value:{separator}.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


def _columns_of(result: "Result") -> Sequence[tuple[str, ...]]:
    """Return the columns of a result's table: its own, or those of its numbers, a row for each.

    `columns` is no property of `Result`, whose definition counts wherever something is measured.
    """
    return getattr(result, "columns", None) or _columns(result.numbers)


def _columns(numbers: "Sequence[Number]") -> list[tuple[str, ...]]:
    """Return the columns of a table, each with its name first, but for empty ones."""
    rows = [table_row(one) for one in numbers if one.value is not None]
    head = ("", "value", "unit", "interval", "chance level")
    columns = zip(head, *rows, strict=True)
    return [column for column in columns if any(column[1:]) or column[0] == "value"]


def _aligned(column: Sequence[str]) -> list[str]:
    """Return the cells of a column with equal widths; text is to the left, numbers to the right."""
    width = max(map(len, column))
    is_text = column[0] in ("", "unit")
    return [cell.ljust(width) if is_text else cell.rjust(width) for cell in column]


def _sizes(result: "Result") -> Iterator[str]:
    arrays = {one.name: getattr(result, one.name) for one in fields(result)}
    shapes = [f"{k} {list(v.shape)}" for k, v in arrays.items() if isinstance(v, np.ndarray)]
    if shapes:
        yield f"Arrays: {', '.join(shapes)}"
