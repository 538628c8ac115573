"""A chart as a page shows it: a picture per panel, a legend in HTML, and data for its script."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.charts.colours import VARIABLES, recoloured
from interpreting_clip.charts.panels import Legend, Look, PanelChart, single_panels
from interpreting_clip.charts.pictures import panel_pictures


class LegendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of a look, its colour as CSS, and its encoders with numbers and names."""

    text: str
    look: Look
    colour: str
    encoders: list[tuple[int, str]]


class PanelDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of some rows: its panels, its legend, and the data for the page's script.

    `panels` are pictures by title; a single panel may have an empty title.
    `spec` is JSON, safe inside `<script>`: the specification of a panel without its rows, and each
    panel's title and rows.
    """

    name: str
    title: str
    panels: dict[str, str]
    legend: list[LegendEntry]
    spec: str


def panel_drawing(
    chart: PanelChart, table: pd.DataFrame, *, holds_rows: bool = True
) -> PanelDrawing:
    """Draw a chart panel by panel, in the order in which the panels first occur among the rows.

    With `holds_rows=False`, a script of the page sets the rows of `spec`.
    """
    spec, values = single_panels(chart, table)
    data = [{"title": k, "values": text if holds_rows else ""} for k, text in values.items()]
    rows = chart.rows(table)
    return PanelDrawing(
        name=chart.name,
        title=chart.title,
        panels=panel_pictures(chart, spec, values),
        legend=[entry for legend in chart.legend for entry in legend_entries(legend, rows)],
        spec=script_json({"spec": spec, "panels": data}),
    )


def script_json(value: Any) -> str:
    """Return a value as JSON that is safe inside `<script>`, whatever text it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def legend_entries(legend: Legend, rows: pd.DataFrame) -> Iterator[LegendEntry]:
    """Yield an entry for each name that is drawn."""
    for name, look in legend.looks.items():
        drawn = rows[rows[legend.column] == name]
        if len(drawn):
            yield LegendEntry(
                text=name,
                look=look,
                colour=recoloured(look.colour, VARIABLES),
                encoders=numbered_encoders(drawn) if legend.numbered else [],
            )


def numbered_encoders(rows: pd.DataFrame) -> list[tuple[int, str]]:
    """Return the numbers and the names of encoders, by number."""
    pairs = rows[["number", "label"]].drop_duplicates().sort_values("number")
    return [(int(number), label) for number, label in pairs.itertuples(index=False)]
