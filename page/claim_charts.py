"""The small chart beside a claim: an encoder per row, with its interval and what chance gives."""

from dataclasses import replace
from typing import Any

import altair as alt
import msgspec
import pandas as pd

from interpreting_clip.charts.colours import LIGHT
from interpreting_clip.charts.panels import Ends, Layers, Legend, PanelChart
from interpreting_clip.charts.rows import (
    WIDTH,
    interval_layer,
    name_layer,
    null_layer,
    number_layer,
    row_names,
)
from interpreting_clip.charts.theme import (
    INK,
    interval_text,
    tooltip,
    training_color,
    training_shape,
)
from interpreting_clip.measures.intervals import Estimate
from page.drawings import PanelDrawing, panel_drawing
from page.names import TRAININGS

NUMBERS = ("value", "low", "high", "widest_low", "widest_high", "null_low", "null_high")
"""The columns that are drawn along the axis."""


class Dots(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The numbers that a claim compares.

    Attributes
    ----------
    axis : what they are, in words
    rows : a row per encoder, as `dot_row` makes it
    reference : a number to compare them with, drawn as an upright mark, and its words
    legend : what colours and shapes stand for, if rows are of several trainings that none names
    """

    axis: str
    rows: list[dict[str, Any]]
    reference: tuple[float, str] | None = None
    legend: tuple[Legend, ...] = ()

    def drawing(self, claim: str) -> PanelDrawing:
        """Draw the chart of a claim, whose key names it."""
        table = pd.DataFrame(self.rows).assign(
            place=range(len(self.rows)), reference=self.reference[0] if self.reference else None
        )
        words = (table["name"] + ": " + table["text"]).groupby(table["group"]).agg("; ".join)
        chart = replace(DOTS, name=f"dots-{claim}", title=self.axis, legend=self.legend)
        return panel_drawing(chart, table, in_words=words)


def dot_row(
    name: str,
    training: str,
    estimate: Estimate,
    text: str,
    *,
    widest: Estimate | None = None,
    null: tuple[float | int, float | int] | None = None,
    group: str = "",
) -> dict[str, Any]:
    """Return the row of an encoder, or of its difference to another.

    Parameters
    ----------
    name, group : of the row and of its panel
    training : a key of `TRAININGS`
    estimate, widest : the number with its interval, and with that over replicas too, if any
    text : the number and its interval as the claim writes them
    null : the lowest and the highest value by chance, None if there is no such
    """
    ends = (*estimate.ends, *(widest or estimate).ends, *(null or (None, None)))
    return {
        "group": group,
        "name": name,
        "training": TRAININGS[training],
        "text": text,
        **dict(zip(NUMBERS, (estimate.value, *ends), strict=True)),
    }


def informative(dots: Dots) -> Dots | None:
    """Return a chart, or None where it has no rows, or all numbers and the reference are equal."""
    values = {row[column] for row in dots.rows for column in NUMBERS}
    if values and dots.reference:
        values.add(dots.reference[0])
    return dots if len(values - {None}) > 1 else None


def dots_panel(ends: Ends) -> Layers:
    """Draw a row per encoder, with its intervals, what chance gives and the reference."""
    base = alt.Chart().encode(
        y=row_names("name", "place").scale(padding=0.65),
        tooltip=tooltip("name", "training", "text", "widest_text", "null_text"),
    )
    zero_line = alt.condition(
        "datum.value === 0", alt.value(LIGHT["frame"]), alt.value(LIGHT["grid"])
    )
    point = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=alt.X("value:Q", title=None)
        .scale(zero=False, nice=False, padding=8, domain=ends.get("value", alt.Undefined))
        .axis(tickCount=5, gridColor=zero_line),
        color=training_color(),
        shape=training_shape(),
    )
    reference = base.mark_tick(color=INK, thickness=2, size=13, opacity=0.55)
    return (
        alt.layer(
            reference.encode(x="reference:Q"),
            null_layer(base),
            interval_layer(base, "widest_low", "widest_high", 1),
            interval_layer(base, width=3),
            point,
            name_layer(base, room="6 + 5.9 * length(datum.text)"),
            number_layer(base, "text"),
        )
        .transform_calculate(
            widest_text=interval_text("widest_low", "widest_high", ".1f"),
            null_text=interval_text("null_low", "null_high", ".1f"),
        )
        .properties(width=WIDTH, height=alt.Step(30))
    )


def same_axis(rows: pd.DataFrame) -> Ends:
    """Return the ends of all that is drawn."""
    drawn = rows[[*NUMBERS, "reference"]].astype(float)
    return {"value": (drawn.min().min(), drawn.max().max())}


DOTS = PanelChart(
    name="dots",
    title="Numbers of a claim",
    numbers=(*NUMBERS, "place", "reference"),
    draw=dots_panel,
    panel="{group}",
    ends=same_axis,
)
"""The chart beside a claim; its title says what is compared."""
