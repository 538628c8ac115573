"""Charts with a row per encoder or case: a mark with its interval, and the name above it."""

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import (
    OWN_SCALES,
    Ends,
    Layers,
    Legend,
    Look,
    PanelChart,
    by_training,
)
from interpreting_clip.charts.theme import (
    GREY,
    GROUND,
    INK,
    SOFT_INK,
    by_name,
    number_tip,
    tooltip,
    training_color,
    training_shape,
    with_halo,
)

WIDTH, ROW = 325, 38
"""The width of a chart and the height of a row, in pixels."""

ENCODER = "(datum.number ? datum.number + '  ' : '') + datum.label"
"""An encoder's number and name, as an expression of Vega."""


def rows_of(column: str, along: str) -> alt.Chart:
    """Give each value of a column a row; `row_texts` writes its name there."""
    order = alt.EncodingSortField(field=along, op="min")
    return alt.Chart().encode(alt.Y(f"{column}:N", sort=order, title=None, axis=None))


def row_texts(base: alt.Chart) -> list[alt.Chart]:
    """Write `name` above each mark, cut to leave room for `text` at the right.

    So a row needs no margin; a halo keeps lines from running through the letters.
    """
    room = alt.expr(f"{WIDTH} - 6 - 5.9 * length(datum.text)")
    names = base.encode(alt.XValue(0), alt.Text("name:N"))
    numbers = base.encode(alt.XValue("width"), alt.Text("text:N"))
    return [
        *with_halo(names, align="left", dy=-14, limit=room),
        *with_halo(numbers, align="right", dy=-14),
    ]


def number_text(value: str, form: str) -> str:
    """Return an expression of Vega: a number with its interval, if `low` and `high` are known."""
    number, low, high = (f"format(datum.{column}, '{form}')" for column in (value, "low", "high"))
    interval = f"' [' + {low} + ', ' + {high} + ']'"
    return f"{number} + (isValid(datum.low) && isValid(datum.high) ? {interval} : '')"


def interval_marks(base: alt.Chart, value: alt.X, reference: str) -> list[alt.Chart]:
    """Draw a mark per row on its interval, the range of chance and a tick at a reference."""
    chance = base.mark_rule(color=SOFT_INK, strokeWidth=7, opacity=0.18)
    tick = base.mark_tick(color=INK, thickness=2, size=13, opacity=0.55)
    interval = base.mark_rule(strokeWidth=2.5)
    point = base.mark_point(filled=True, size=75, opacity=1)
    return [
        chance.encode(alt.X("null_low:Q"), alt.X2("null_high")),
        tick.encode(alt.X(f"{reference}:Q")),
        interval.encode(alt.X("low:Q"), alt.X2("high"), training_color()),
        point.encode(
            value, training_color(), training_shape(), tooltip=tooltip("name", "training", "text")
        ),
    ]


# --- Kurtosis


def kurtosis_panel(_ends: Ends) -> Layers:
    """Draw an encoder per row, with its interval, what chance gives, and what a Gaussian has."""
    base = rows_of("label", "number")
    # Padding would go below 0, which no kurtosis is.
    x = alt.X("kurtosis:Q", title="mean kurtosis per image").scale(zero=False, nice=True)
    three = alt.Chart(alt.InlineData(values=[{"gaussian": 3}])).encode(alt.X("gaussian:Q"))
    text = three.mark_text(color=SOFT_INK, align="left", baseline="bottom")
    return (
        alt.layer(
            three.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
            text.encode(alt.YValue(-3), alt.TextValue("a Gaussian: 3")),
            *interval_marks(base, x.axis(tickCount=6), "null"),
            *row_texts(base),
        )
        .transform_calculate(name=ENCODER, text=number_text("kurtosis", ".2f"))
        .properties(width=WIDTH, height=alt.Step(ROW))
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


# --- Cases of a claim

NUMBERS = ("value", "low", "high", "null_low", "null_high")
"""The columns that are drawn along the axis of cases, besides `reference`."""


def cases_panel(ends: Ends) -> Layers:
    """Draw a row per case, with its interval, what chance gives and the reference."""
    base = rows_of("name", "place")
    x = alt.X("value:Q", title=None).axis(tickCount=5)
    x = x.scale(zero=False, nice=False, padding=8, domain=ends.get("value", alt.Undefined))
    return alt.layer(*interval_marks(base, x, "reference"), *row_texts(base)).properties(
        width=WIDTH, height=alt.Step(ROW)
    )


def case_ends(rows: pd.DataFrame) -> Ends:
    """Return the ends of all that is drawn."""
    drawn = rows[[*NUMBERS, "reference"]].astype(float)
    return {"value": (drawn.min().min(), drawn.max().max())}


CASES = PanelChart(
    name="cases",
    title="Numbers of a claim",
    numbers=(*NUMBERS, "place", "reference"),
    draw=cases_panel,
    panel="{group}",
    ends=case_ends,
)
"""The chart of a claim, with a row per encoder or difference; its title says what is compared."""


# --- Concepts

OTHER = "other"
"""The category of concepts outside Broden's categories."""

CATEGORY_COLOURS = {
    "object": "#56B4E9",
    "part": "#E69F00",
    "scene": "#CC79A7",
    "texture": "#F0E442",
    "material": INK,
    "color": "#7B4FA3",
    OTHER: GREY,
}
"""The colour of each of Broden's categories, in the order in which bars are stacked."""

ALL = "all"
"""The category in the rows of totals."""


def concepts_panel(ends: Ends) -> Layers:
    """Draw an encoder per row: its concepts by category, and the totals with their intervals."""
    base = rows_of("label", "number")
    total = base.transform_filter(alt.datum.category == ALL)
    bars = base.transform_filter(alt.datum.category != ALL).mark_bar(
        stroke=GROUND, strokeWidth=0.8, size=13
    )
    x = alt.X("unique:Q", title="unique concepts", stack="zero").scale(
        domain=ends.get("unique", alt.Undefined)
    )
    whole = "datum.value % 1 ? '' : datum.label"
    tick = total.mark_tick(color=INK, thickness=2, size=18, opacity=0.55)
    return (
        alt.layer(
            bars.encode(
                x.axis(tickMinStep=1, format="d", tickCount=6, labelExpr=whole),
                alt.Color(
                    "category:N",
                    title="Broden category",
                    scale=by_name(CATEGORY_COLOURS, CATEGORY_COLOURS.values()),
                ),
                order=alt.Order("order:Q"),
                tooltip=tooltip("name", "category", number_tip("unique", "unique concepts", "d")),
            ),
            *(
                total.mark_rule(color=colour, strokeWidth=width).encode(
                    alt.X("low:Q"), alt.X2("high")
                )
                for colour, width in ((GROUND, 3.5), (INK, 1.5))
            ),
            tick.encode(alt.X("random:Q")),
            *row_texts(total),
        )
        .transform_calculate(
            order=f"indexof({list(CATEGORY_COLOURS)}, datum.category)",
            name=ENCODER,
            text=number_text("unique", ".0f"),
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
    numbers=("number", "unique", "low", "high", "random"),
    draw=concepts_panel,
    legend=(
        Legend(
            column="category",
            looks={name: Look(colour=c, shape="square") for name, c in CATEGORY_COLOURS.items()},
        ),
    ),
    panel="{basis}\n{representation}",
    columns=2,
    facets={"resolve": {"scale": {"y": "independent"}}},
    ends=count_ends,
)
