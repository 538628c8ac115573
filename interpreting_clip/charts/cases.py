"""The chart of a claim's cases: a row per encoder or per difference between two."""

import altair as alt
import pandas as pd

from interpreting_clip.charts.colours import LIGHT
from interpreting_clip.charts.panels import Ends, Layers, PanelChart
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

NUMBERS = ("value", "low", "high", "null_low", "null_high")
"""The columns that are drawn along the axis, besides `reference`."""


def cases_panel(ends: Ends) -> Layers:
    """Draw a row per case, with its intervals, what chance gives and the reference."""
    base = alt.Chart().encode(
        y=row_names("name", "place").scale(padding=0.65),
        tooltip=tooltip("name", "training", "text", "null_text"),
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
            reference.encode(alt.X("reference:Q")),
            null_layer(base),
            interval_layer(base, width=3),
            point,
            name_layer(base, room="6 + 5.9 * length(datum.text)"),
            number_layer(base, "text"),
        )
        .transform_calculate(null_text=interval_text("null_low", "null_high", ".1f"))
        .properties(width=WIDTH, height=alt.Step(30))
    )


def same_axis(rows: pd.DataFrame) -> Ends:
    """Return the ends of all that is drawn."""
    drawn = rows[[*NUMBERS, "reference"]].astype(float)
    return {"value": (drawn.min().min(), drawn.max().max())}


CASES = PanelChart(
    name="cases",
    title="Numbers of a claim",
    numbers=(*NUMBERS, "place", "reference"),
    draw=cases_panel,
    panel="{group}",
    ends=same_axis,
)
"""The chart of a claim; its title says what is compared."""
