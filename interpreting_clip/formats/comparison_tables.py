"""How the comparison of several encoders shows itself: as text, as HTML and as tables of pandas."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from interpreting_clip.formats.result_tables import format_number, table_row

if TYPE_CHECKING:
    import pandas as pd

    from interpreting_clip.formats.result import Number
    from interpreting_clip.measures.encoder_comparison import Comparison

WIDTH = 100
"""The columns of a terminal that a table fits into; further encoders stand below."""

LONGEST = 24
"""The longest name at the top of a column; longer names have numbers there."""

BY_CHANCE = "  by chance"

Grid = list[list[str]]
"""The cells of a table by row, the names of its columns first."""


def text(comparison: "Comparison") -> str:
    """Return the tables as text, with the notes."""
    parts = [
        "\n".join([*([title] if title else []), *aligned(grid)])
        for title, grid in titled_grids(comparison)
    ]
    if legend := numbered(comparison):
        parts.insert(0, "\n".join(legend))
    return "\n\n".join([*parts, "\n".join(comparison.notes)])


def html(comparison: "Comparison") -> str:
    """Return the tables as HTML, with the notes."""
    parts = [f"<p>{escape(one)}</p>" for one in numbered(comparison)]
    parts += [
        (f"<p>{escape(title)}</p>" if title else "") + html_grid(grid)
        for title, grid in titled_grids(comparison)
    ]
    return "".join([*parts, *(f"<p>{escape(note)}</p>" for note in comparison.notes)])


def titled_grids(comparison: "Comparison") -> Iterator[tuple[str, Grid]]:
    """Yield each table with its title; the first has none."""
    yield "", encoders_grid(comparison)
    if comparison.differences:
        yield "Differences on the same images", differences_grid(comparison)
    if comparison.similarities:
        yield "Similarity on the same images", similarities_grid(comparison)


def numbered(comparison: "Comparison") -> list[str]:
    """Return the number of each encoder with its name, if its name is too long for a column."""
    names = comparison.encoders
    if all(title == name for title, name in zip(column_titles(names), names, strict=True)):
        pairs = [f"{one} − {other}" for one, other in compared_pairs(comparison)]
        if max(map(len, pairs), default=0) <= LONGEST:
            return []
    return [f"{number}  {name}" for number, name in enumerate(names, 1)]


def column_titles(names: Sequence[str]) -> list[str]:
    """Return the titles of the columns of encoders: their names, or numbers if one is too long."""
    if max(map(len, names)) <= LONGEST:
        return [*names]
    return [str(number) for number, _ in enumerate(names, 1)]


def pair_titles(comparison: "Comparison", sign: str) -> list[str]:
    """Return the titles of the columns of pairs, of the same numbers or names."""
    pairs = compared_pairs(comparison)
    if not numbered(comparison):
        return [f"{one} {sign} {other}" for one, other in pairs]
    place = {name: number for number, name in enumerate(comparison.encoders, 1)}
    return [f"{place[one]} {sign} {place[other]}" for one, other in pairs]


def compared_pairs(comparison: "Comparison") -> list[tuple[str, str]]:
    """Return the pairs of encoders that have differences or similarities."""
    both = (*comparison.differences, *comparison.similarities)
    return [*dict.fromkeys((one.first, one.second) for one in both)]


def encoders_grid(comparison: "Comparison") -> Grid:
    """Return a row for each number and its chance level, and a column for each encoder."""
    names = comparison.encoders
    rows = comparison.rows.values()
    return [
        ["", *column_titles(names)],
        *(row for numbers in rows for row in grid_rows([numbers.get(name) for name in names])),
    ]


def differences_grid(comparison: "Comparison") -> Grid:
    """Return a row for each number and its chance level, and a column for each pair."""
    of: dict[str, dict[tuple[str, str], Number]] = {}
    for one in comparison.differences:
        of.setdefault(one.number.name, {})[one.first, one.second] = one.number
    pairs = compared_pairs(comparison)
    return [
        ["", *pair_titles(comparison, "−")],
        *(row for each in of.values() for row in grid_rows([each.get(pair) for pair in pairs])),
    ]


def similarities_grid(comparison: "Comparison") -> Grid:
    """Return a row for each similarity and its chance level, and a column for each pair."""
    of = {(one.first, one.second): one.numbers for one in comparison.similarities}
    pairs = compared_pairs(comparison)
    columns = dict.fromkeys(column for numbers in of.values() for column in numbers)
    found = ([of.get(pair, {}).get(column) for pair in pairs] for column in columns)
    return [
        ["", *pair_titles(comparison, "and")],
        *(row for numbers in found for row in grid_rows(numbers)),
    ]


def similarity_matrices(comparison: "Comparison") -> Iterator[tuple[str, Grid]]:
    """Yield each similarity as a table with a row and a column for each encoder, and its title."""
    of = {(one.first, one.second): one.numbers for one in comparison.similarities}
    names = comparison.encoders
    for column in dict.fromkeys(column for numbers in of.values() for column in numbers):
        by_pair = {pair: numbers[column] for pair, numbers in of.items() if column in numbers}
        known = next(iter(by_pair.values()))
        title = f"{known.label[:1].upper()}{known.label[1:]}"
        if known.chance is not None:
            title += f"; by chance {format_number(known.chance, known.digits)}"
        grid = [["", *names]]
        for row in names:
            found = [by_pair.get((row, name)) or by_pair.get((name, row)) for name in names]
            grid.append([row, *(format_number(one and one.value, known.digits) for one in found)])
        yield title, grid


def grid_rows(numbers: "Sequence[Number | None]") -> Iterator[list[str]]:
    """Yield a row of values with their intervals, and one of chance levels if there are any."""
    known = next(number for number in numbers if number)
    cells = [table_row(number) if number else ("", "–", "", "", "") for number in numbers]
    label = f"{known.label}, {known.unit}" if known.unit else known.label
    yield [label, *(f"{value} {interval}".rstrip() for _, value, _, interval, _ in cells)]
    if any(number and number.chance is not None for number in numbers):
        yield [BY_CHANCE, *(chance for *_, chance in cells)]


def aligned(grid: Grid) -> Iterator[str]:
    """Yield the lines of a table, whose columns stand below others where the line is too long."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    start = 1
    while start < len(widths):
        stop, length = start + 1, widths[0] + 2 + widths[start]
        while stop < len(widths) and length + 2 + widths[stop] <= WIDTH:
            length += 2 + widths[stop]
            stop += 1
        if start > 1:
            yield ""
        for label, *cells in grid:
            shown = zip(cells[start - 1 : stop - 1], widths[start:stop], strict=True)
            yield "  ".join(
                [label.ljust(widths[0]), *(one.rjust(width) for one, width in shown)]
            ).rstrip()
        start = stop


def html_grid(grid: Grid) -> str:
    """Return a table as HTML."""
    names, *rows = grid
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escape(x)}</td>' for x in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def encoders_frame(comparison: "Comparison") -> "pd.DataFrame":
    """Return a row for each encoder, with the columns of each number that are not empty."""
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    for column, by_encoder in comparison.rows.items():
        for name in ("value", "low", "high", "chance"):
            key = column if name == "value" else f"{column}_{name}"
            numbers = [by_encoder.get(encoder) for encoder in comparison.encoders]
            columns[key] = [getattr(number, name, None) for number in numbers]
    index = pd.Index(comparison.encoders, name="encoder")
    return pd.DataFrame(columns, index, dtype=float).dropna(axis="columns", how="all")


def differences_frame(comparison: "Comparison") -> "pd.DataFrame":
    """Return a row for each pair of encoders and each number."""
    import pandas as pd

    found = [(one.first, one.second, one.number) for one in comparison.differences]
    rows = [
        (first, second, one.name, one.value, one.low, one.high, one.chance, one.unit)
        for first, second, one in found
    ]
    numbers = ["difference", "low", "high", "chance"]
    table = pd.DataFrame(rows, columns=["first", "second", "measure", *numbers, "unit"])
    return table.astype(dict.fromkeys(numbers, float))


def similarities_frame(comparison: "Comparison") -> "pd.DataFrame":
    """Return a row for each pair of encoders, and a column for each similarity and its chance."""
    import pandas as pd

    rows = [
        {
            **{"first": one.first, "second": one.second},
            **{
                column + suffix: value
                for column, number in one.numbers.items()
                for suffix, value in (("", number.value), ("_chance", number.chance))
                if value is not None
            },
        }
        for one in comparison.similarities
    ]
    return pd.DataFrame(rows, columns=None if rows else ["first", "second"])
