"""Charts with a row per encoder: a mark with its interval, and the name above it."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, Legend, Look, PanelChart, by_training
from interpreting_clip.charts.theme import (
    GROUND,
    INK,
    SOFT_INK,
    by_name,
    interval_text,
    number_text,
    number_tip,
    shown_if,
    tooltip,
    training_color,
    training_shape,
)

WIDTH, ROW = 325, 38
"""The width of a chart and the height of a row, in pixels."""

HAS_INTERVAL = "isValid(datum.low) && isValid(datum.high)"
ENCODER = (
    "(datum.number ? datum.number + '  ' : '') + datum.label + (datum.rev ? ', ' + datum.rev : '')"
)
DRAWN: dict[str, Any] = {"invalid": None}
"""Otherwise a row without an interval or a null would be left out."""


def row_names(column: str, along: str) -> alt.Y:
    """Give each value of a column a row; `name_layer` writes its name there."""
    order = alt.EncodingSortField(field=along, op="min")
    return alt.Y(f"{column}:N", sort=order, title=None, axis=None)


def name_layer(
    base: alt.Chart, column: str = "name", room: int | str = 60, halo: int = 0
) -> alt.Chart:
    """Write each encoder's name above its mark, so that the row needs no margin.

    A long name is cut to leave `room`, in pixels or as an expression of Vega, for the number
    next to it. With a `halo`, in pixels, only the ground around the letters is drawn, so that no
    line runs through them.
    """
    look = {"color": GROUND, "stroke": GROUND, "strokeWidth": halo} if halo else {"color": INK}
    limit = alt.expr(f"{WIDTH} - ({room})")
    text = base.mark_text(align="left", dy=-14, limit=limit, **look, **DRAWN)
    return text.encode(alt.XValue(0), alt.Text(f"{column}:N"))


def number_layer(base: alt.Chart, column: str) -> alt.Chart:
    """Write each encoder's number above its mark, at the right."""
    text = base.mark_text(align="right", dy=-14, color=INK, **DRAWN)
    return text.encode(alt.XValue("width"), alt.Text(f"{column}:N"))


def interval_layer(
    base: alt.Chart, low: str = "low", high: str = "high", width: int = 2
) -> alt.Chart:
    """Draw the interval between two columns where a row has it."""
    return base.mark_rule(strokeWidth=width, **DRAWN).encode(
        x=alt.X(f"{low}:Q"),
        x2=alt.X2(high),
        color=training_color(),
        opacity=shown_if(f"isValid(datum.{low}) && isValid(datum.{high})"),
    )


def null_layer(base: alt.Chart) -> alt.Chart:
    """Shade the range of chance, from `null_low` to `null_high`."""
    return base.mark_rule(color=SOFT_INK, strokeWidth=7, **DRAWN).encode(
        alt.X("null_low:Q"), alt.X2("null_high"), opacity=shown_if("isValid(datum.null_low)", 0.18)
    )


def kurtosis_panel(_ends: Ends) -> Layers:
    """Draw an encoder per row, with its interval, what chance gives, and what a Gaussian has."""
    base = alt.Chart().encode(y=row_names("label", "number"), yOffset=alt.YOffset("rev:N", sort=[]))
    null = base.mark_tick(color=INK, thickness=2, size=13, **DRAWN).encode(
        alt.X("null:Q"), opacity=shown_if("isValid(datum.null)", 0.55)
    )
    point = base.mark_point(filled=True, size=75, opacity=1, **DRAWN).encode(
        x=alt.X("kurtosis:Q", title="mean kurtosis per image")
        .scale(zero=False, nice=True)  # padding would go below 0, which no kurtosis is
        .axis(tickCount=6),
        color=training_color(),
        shape=training_shape(),
        tooltip=tooltip(
            *("label", "training"),
            number_tip("kurtosis", "mean kurtosis per image", ".2f"),
            *("interval", "null_text", "outlier_features"),
        ),
    )
    span = "' (' + format(datum.null_low, '.2f') + ' to ' + format(datum.null_high, '.2f') + ')'"
    names = name_layer(base, room=0, halo=4), name_layer(base, room=0)
    three = alt.Chart(alt.InlineData(values=[{"gaussian": 3}])).encode(alt.X("gaussian:Q"))
    text = three.mark_text(color=SOFT_INK, align="left", baseline="bottom")
    gaussian = (
        three.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        text.encode(alt.YValue(-3), alt.TextValue("a Gaussian: 3")),
    )
    return (
        alt.layer(*gaussian, null_layer(base), null, interval_layer(base), *names, point)
        .transform_calculate(
            name=ENCODER,
            interval=interval_text("low", "high", ".2f"),
            null_text=number_text("null", ".2f", f"(isValid(datum.null_low) ? {span} : '')"),
        )
        .properties(width=WIDTH, height=alt.Step(ROW))
    )


KURTOSIS = PanelChart(
    name="kurtosis",
    title="Kurtosis of the activations",
    numbers=("number", "kurtosis", "low", "high", "null", "null_low", "null_high"),
    draw=kurtosis_panel,
    legend=(by_training("shape"),),
    panel="{representation}",
    independent={"scale": "xy"},
    revisions_together=True,
)


# --- Concepts

CATEGORY_COLOURS = {
    "object": "#56B4E9",
    "part": "#E69F00",
    "scene": "#CC79A7",
    "texture": "#F0E442",
    "material": INK,
    "color": "#7B4FA3",
}
"""The colour of each of Broden's categories, in the order in which bars are stacked."""

ALL = "all"
"""The category in the rows of totals."""


def concepts_panel(ends: Ends, colours: Mapping[str, str] = CATEGORY_COLOURS) -> Layers:
    """Draw an encoder per row: its concepts by category, and the totals with their intervals."""
    unique = number_tip("unique", "unique concepts", "d")
    base = alt.Chart().encode(y=row_names("label", "number"))
    total = base.transform_filter(alt.datum.category == ALL).encode(
        tooltip=tooltip("label", "training", "basis", unique, "interval", "random_text", "over_all")
    )
    bars = base.transform_filter(alt.datum.category != ALL).encode(
        tooltip=tooltip("label", "training", "basis", "category", unique)
    )
    whole = "datum.value % 1 ? '' : datum.label"
    bar = bars.mark_bar(stroke=GROUND, strokeWidth=0.8, size=13).encode(
        x=alt.X("unique:Q", title="unique concepts", stack="zero")
        .scale(domain=ends.get("unique", alt.Undefined))
        .axis(tickMinStep=1, format="d", tickCount=6, labelExpr=whole),
        color=alt.Color(
            "category:N", title="Broden category", scale=by_name(colours, colours.values())
        ),
        order=alt.Order("order:Q"),
    )
    interval = [
        total.mark_rule(color=colour, strokeWidth=width, **DRAWN).encode(
            alt.X("low:Q"), alt.X2("high"), opacity=shown_if(HAS_INTERVAL)
        )
        for colour, width in ((GROUND, 3.5), (INK, 1.5))
    ]
    random = total.mark_tick(color=INK, thickness=2, size=18, **DRAWN).encode(
        alt.X("random:Q"), opacity=shown_if("isValid(datum.random)", 0.55)
    )
    rounded = "format(datum.low, '.0f') + ', ' + format(datum.high, '.0f')"
    brackets = f"{HAS_INTERVAL} ? ' [' + {rounded} + ']' : ''"
    return (
        alt.layer(bar, *interval, random, number_layer(total, "total"), name_layer(total))
        .transform_calculate(
            order=f"indexof({list(colours)}, datum.category)",
            name=ENCODER,
            total=f"datum.unique + ({brackets})",
            interval=interval_text("low", "high", ".0f"),
            random_text=number_text("random", ".1f"),
        )
        .properties(width=WIDTH, height=alt.Step(ROW))
    )


def count_ends(table: pd.DataFrame) -> Ends:
    """Return the ends of a count of concepts from zero, with its interval and its null."""
    highest = table[["unique", "high", "random"]].max().max()
    stacked = table[table["category"] != ALL].groupby(["label", "basis"])["unique"].sum().max()
    return {"unique": (0.0, float(max(highest, stacked, 1)))}


CONCEPTS = PanelChart(
    name="concepts",
    title="Broden concepts that are encoded",
    numbers=("number", "unique", "low", "high", "random", "over_all"),
    draw=concepts_panel,
    legend=(
        Legend(
            column="category",
            looks={name: Look(colour=c, shape="square") for name, c in CATEGORY_COLOURS.items()},
            counted="unique",
        ),
    ),
    panel="{basis}\n{representation}",
    columns=2,
    facets={"spacing": {"column": 40, "row": 20}},
    independent={"scale": "y"},
    ends=count_ends,
)
