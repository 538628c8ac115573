"""Charts with a row per encoder or case: a mark with its interval, and the name above it."""

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import OWN_SCALES, Ends, Layers, PanelChart, by_training
from interpreting_clip.charts.theme import (
    INK,
    SOFT_INK,
    tooltip,
    training_color,
    training_shape,
    with_halo,
)

WIDTH, ROW = 325, 32
"""The width of a chart and the height of a row, in pixels."""


def rows(row: str, order: str, value: alt.X, chance: str, reference: str) -> Layers:
    """Draw a row for each value of a column, in the order of another.

    It has a mark on its interval from `low` to `high`, a band between the columns `<chance>_low`
    and `<chance>_high`, a tick at a reference, and above these `name` and `text`, so that it needs
    no margin. A long name is cut.
    """
    sort = alt.EncodingSortField(field=order, op="min")
    base = alt.Chart().encode(alt.Y(f"{row}:N", sort=sort, title=None, axis=None))
    band = base.mark_rule(color=SOFT_INK, strokeWidth=7, opacity=0.18)
    tick = base.mark_tick(color=INK, thickness=2, size=13, opacity=0.55)
    interval = base.mark_rule(strokeWidth=2.5)
    tips = tooltip("name", "training", "text")
    point = base.mark_point(filled=True, size=75, opacity=1).encode(tooltip=tips)
    names = base.encode(alt.XValue(0), alt.Text("name:N"))
    texts = base.encode(alt.XValue("width"), alt.Text("text:N"))
    room = alt.expr(f"{WIDTH} - 6 - 5.9 * length(datum.text)")
    return alt.layer(
        band.encode(alt.X(f"{chance}_low:Q"), alt.X2(f"{chance}_high")),
        tick.encode(alt.X(f"{reference}:Q")),
        interval.encode(alt.X("low:Q"), alt.X2("high"), training_color()),
        *with_halo(names, align="left", dy=-14, limit=room),
        *with_halo(texts, align="right", dy=-14),
        point.encode(value, training_color(), training_shape()),
    ).properties(width=WIDTH, height=alt.Step(ROW))


def encoder_rows(value: alt.X, form: str, chance: str) -> Layers:
    """Draw a row per encoder, with its number and name, and the value with its interval as text."""
    column = value.shorthand.removesuffix(":Q")
    number, low, high = (f"format(datum.{one}, '{form}')" for one in (column, "low", "high"))
    interval = f"isValid(datum.low) ? ' [' + {low} + ', ' + {high} + ']' : ''"
    return rows("label", "number", value, chance, chance).transform_calculate(
        name="(datum.number ? datum.number + '  ' : '') + datum.label",
        text=f"{number} + ({interval})",
    )


def kurtosis_panel(_ends: Ends) -> Layers:
    """Draw an encoder per row, with its interval, what chance gives, and what a Gaussian has."""
    # Padding would go below 0, which no kurtosis is.
    x = alt.X("kurtosis:Q", title="mean kurtosis per image").scale(zero=False, nice=True)
    three = alt.Chart(alt.InlineData(values=[{"gaussian": 3}])).encode(alt.X("gaussian:Q"))
    text = three.mark_text(color=SOFT_INK, align="left", baseline="bottom")
    return alt.layer(
        three.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        text.encode(alt.YValue(-3), alt.TextValue("a Gaussian: 3")),
        encoder_rows(x.axis(tickCount=6), ".2f", "null"),
    )


KURTOSIS = PanelChart(
    name="kurtosis",
    title="Kurtosis of the activations",
    numbers=("number", "kurtosis", "low", "high", "null", "null_low", "null_high"),
    draw=kurtosis_panel,
    legend=(by_training("shape"),),
    panel="{representation}",
    facets=OWN_SCALES,
)


# --- Concepts

ALL = "all"
"""The category in the rows of totals."""


def concepts_panel(ends: Ends) -> Layers:
    """Draw an encoder per row: its concepts, and what as many random directions encode."""
    x = alt.X("unique:Q", title="unique concepts").axis(tickMinStep=1, format="d", tickCount=6)
    return encoder_rows(x.scale(domain=ends.get("unique", alt.Undefined)), ".0f", "random")


def count_ends(table: pd.DataFrame) -> Ends:
    """Return the ends of a count of concepts from zero, with its interval and its null."""
    highest = table[["unique", "high", "random_high"]].max().max()
    return {"unique": (0.0, float(max(highest, 1)))}


CONCEPTS = PanelChart(
    name="concepts",
    title="Broden concepts that are encoded",
    numbers=("number", "unique", "low", "high", "random", "random_low", "random_high"),
    draw=concepts_panel,
    legend=(by_training("shape"),),
    panel="{basis}\n{representation}",
    facets={"resolve": {"scale": {"y": "independent"}}},
    ends=count_ends,
    only={"category": (ALL,)},
)


# --- Several encoders


def comparison_panel(_ends: Ends) -> Layers:
    """Draw an encoder per row: a number with its interval, and what chance gives."""
    x = alt.X("value:Q", title=None).scale(zero=True, nice=True).axis(tickCount=6)
    return rows("label", "number", x, "chance", "chance")


COMPARISON = PanelChart(
    name="comparison",
    title="Encoders on the same images",
    numbers=("number", "value", "low", "high", "chance", "chance_low", "chance_high"),
    draw=comparison_panel,
    panel="{measure}",
    facets=OWN_SCALES,
)
