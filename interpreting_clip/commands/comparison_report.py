"""The report of the command on several encoders: a page, the JSON and two tables."""

from collections.abc import Sequence
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from interpreting_clip.commands.report import (
    ENCODERS,
    MADE_BY,
    Pages,
    Study,
    contents,
    definition_fold,
    document,
    figures,
    files_in,
    inputs_table,
    not_measured,
    numbers_of,
    numbers_table,
    paragraphs,
    tables_in,
    wide,
)
from interpreting_clip.formats.comparison_tables import (
    Grid,
    differences_grid,
    encoders_grid,
    html_grid,
    numbered,
    similarity_matrices,
)
from interpreting_clip.formats.json import DIGITS, whole_file, write_json
from interpreting_clip.formats.result import plain
from interpreting_clip.measures.encoder_comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

COMPARISON, INPUTS = "comparison", "inputs"
"""The names of the sections that are of no measure."""


def write_comparison(
    out: Path, studies: Sequence[Study], comparison: Comparison, directions: Pages = ()
) -> list[Path]:
    """Write the page, the JSON and the tables into a folder, and return their paths.

    The page has links to the pages of `directions`.
    """
    page, numbers = files_in(out)
    tables = tables_in(out)
    frames = (comparison.to_frame(), comparison.differences_frame().set_index(["first", "second"]))
    texts = {
        page: html(studies, comparison, directions),
        **{file: table_text(frame) for file, frame in zip(tables, frames, strict=True)},
    }
    with ExitStack() as files:  # so that either all are new or none is
        for file, text in texts.items():
            files.enter_context(whole_file(file)).write(text.encode())
        write_json(numbers, numbers_of_several(studies, comparison))
    return [page, numbers, *tables]


def table_text(table: "pd.DataFrame") -> str:
    """Return a table as CSV; floats have the decimals of the JSON."""
    # Adding 0 makes 0 of -0, which rounding leaves of a small negative number.
    floats = {str(name): table[name].round(DIGITS) + 0.0 for name in table.select_dtypes("float")}
    return table.assign(**floats).to_csv(lineterminator="\n")


def numbers_of_several(studies: Sequence[Study], comparison: Comparison) -> dict[str, object]:
    """Return the content of `measures.json`: of each encoder what it has of a single one."""
    return {
        "made_by": MADE_BY,
        ENCODERS: {study.name: numbers_of(study) for study in studies},
        "differences": plain(comparison.differences),
        "similarities": plain(comparison.similarities),
        "not_compared": comparison.not_compared,
    }


def html(studies: Sequence[Study], comparison: Comparison, directions: Pages) -> str:
    """Return the page: the comparison, and then each measure of all encoders."""
    titles = {name: title for study in studies for name, title in study.titles.items()}
    linked = {COMPARISON: "Comparison", **titles, INPUTS: "Inputs and what was not measured"}
    inputs = "".join(
        f"<h3>{escape(study.name)}</h3>{inputs_table(study)}{not_measured(study)}"
        for study in studies
    )
    return document(
        ", ".join(comparison.encoders),
        f"{contents(linked, directions)}{comparison_section(comparison)}"
        f"{''.join(measure_section(name, title, studies) for name, title in titles.items())}"
        f'<section id="{INPUTS}"><h2>{linked[INPUTS]}</h2>{inputs}</section>',
    )


def comparison_section(comparison: Comparison) -> str:
    """Return the table of all encoders, its chart, the differences and the similarities."""
    parts = [
        paragraphs(numbered(comparison)),
        titled("", encoders_grid(comparison)),
        figures({"": comparison}),
    ]
    if comparison.differences:
        parts += [titled("Differences on the same images", differences_grid(comparison))]
    parts += [titled(title, grid) for title, grid in similarity_matrices(comparison)]
    return (
        f'<section id="{COMPARISON}"><h2>Comparison</h2>{"".join(parts)}'
        f"{paragraphs(comparison.notes)}</section>"
    )


def titled(title: str, grid: Grid) -> str:
    """Return a table with its title above it."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return heading + wide(html_grid(grid), title or "Encoders")


def measure_section(name: str, title: str, studies: Sequence[Study]) -> str:
    """Return a measure's part of the page: one chart of all encoders, and the table of each."""
    results = {study.name: study.results[name] for study in studies if name in study.results}
    try:
        drawn = figures(results)
    except ValueError as error:  # accuracies that are compared with different lines
        drawn = paragraphs([f"Not drawn together: {error}"])
    tables = "".join(
        f"<details><summary>{escape(encoder)}</summary>"
        f"{numbers_table(f'{title} {place}', one)}</details>"
        for place, (encoder, one) in enumerate(results.items(), 1)
    )
    return (
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2>{drawn}{tables}'
        f"{definition_fold(name)}</section>"
    )
