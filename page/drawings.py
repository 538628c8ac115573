"""A chart as a page shows it: a picture per panel, a legend in HTML, what its script draws."""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.charts.colours import VARIABLES, recoloured
from interpreting_clip.charts.panels import Legend, PanelChart, panel_spec, panel_values
from interpreting_clip.charts.pictures import panel_pictures

SMALL = 280
"""The width in pixels up to which four panels stand in a row."""

OUTLINES = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "square": "M-4,-4h8v8h-8Z",
    "diamond": "M0,-5.4L4.4,0L0,5.4L-4.4,0Z",
    "triangle-up": "M0,-5L5,4H-5Z",
    "triangle-down": "M0,5L5,-4H-5Z",
    "triangle-right": "M5,0L-4,5V-5Z",
    "cross": "M-1.6,-5h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4v-3.2h3.4Z",
}
"""Vega's shapes, in a box of ten pixels around the origin."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel as a picture, with its title in plain text; empty if the chart has one panel."""

    title: str
    svg: str


class LegendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one look stands for, and the encoders that have it: numbers, names.

    `path` is a shape's outline and `dash` a `stroke-dasharray`, each empty if the chart has none;
    `colour` is CSS.
    """

    text: str
    colour: str
    path: str
    scale: float
    dash: str
    opacity: float
    encoders: list[tuple[int, str]]


class PanelDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of some rows: its panels, its legend, and what the page's script draws it from.

    `spec` is JSON, safe inside `<script>`: the specification of a panel without its rows, and each
    panel's title and rows.
    """

    name: str
    title: str
    panels: list[Panel]
    legend: list[LegendEntry]
    spec: str

    @property
    def small(self) -> bool:
        """Whether four panels stand in a row of the page, and not three."""
        widths = re.findall(
            r' viewBox="0 0 ([\d.]+)', " ".join(p.svg.partition(">")[0] for p in self.panels)
        )
        return max(map(float, widths), default=0) < SMALL


def panel_drawing(
    chart: PanelChart,
    table: pd.DataFrame,
    *,
    holds_rows: bool = True,
    in_words: Mapping[str, str] | pd.Series = MappingProxyType({}),
) -> PanelDrawing:
    """Draw a chart panel by panel, in the order in which the panels first occur among the rows.

    Where a script of the page sets the rows, `spec` does not hold them. `in_words` is what the
    alternative text says of a panel, by its title; by default the title.
    """
    rows = chart.rows(table)
    spec = panel_spec(chart, chart.ends(rows) if len(rows) else {})
    values = panel_values(chart, rows, spec)
    pictures = panel_pictures(chart, spec, values, in_words)
    data = [{"title": k, "values": text if holds_rows else ""} for k, text in values.items()]
    return PanelDrawing(
        name=chart.name,
        title=chart.title,
        panels=[Panel(title=title, svg=svg) for title, svg in pictures.items()],
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
        own = rows[rows[legend.column] == name] if legend.column in rows else rows
        if legend.counted:
            own = own[own[legend.counted] > 0]
        if len(own) or legend.column not in rows:
            yield LegendEntry(
                text=name,
                colour=recoloured(look.colour, VARIABLES),
                path=OUTLINES.get(look.shape, look.shape),
                scale=1 if look.shape in OUTLINES else 7,  # another shape is a path in a box of two
                dash=" ".join(map(str, look.dash)),
                opacity=look.opacity,
                encoders=numbered_encoders(own) if legend.numbered else [],
            )


def numbered_encoders(rows: pd.DataFrame) -> list[tuple[int, str]]:
    """Return the numbers and the names of encoders, by number."""
    pairs = rows[["number", "label"]].drop_duplicates().sort_values("number")
    return [(int(number), label) for number, label in pairs.itertuples(index=False)]
