"""Charts with a line per encoder, most with its number on it."""

from functools import partial
from typing import Any

import altair as alt

from interpreting_clip.charts.panels import (
    OWN_AXES,
    OWN_SCALES,
    Ends,
    Layers,
    PanelChart,
    by_training,
)
from interpreting_clip.charts.series import COMPONENTS, HEAD_LABELS, MEAN_OF_SHIFTS
from interpreting_clip.charts.theme import (
    GREY,
    INK,
    SOFT_INK,
    number_tip,
    tooltip,
    training_color,
    training_dash,
    with_halo,
)

WIDTH, HEIGHT = 270, 205
"""The size of a panel's axes in pixels: with its labels, it fits a telephone."""

HEAD, _, RANDOM_HEAD = HEAD_LABELS
REFERENCE_DASHES = {RANDOM_HEAD: [4, 3], COMPONENTS: [8, 3, 2, 3]}
"""The dash of the grey lines that an encoder is compared with, by `head`."""

encoder_chart = partial(PanelChart, legend=(by_training("dash", numbered=True),), facets=OWN_AXES)


def encoder_lines(x: alt.X, y: alt.Y, *tips: alt.Tooltip) -> Layers:
    """Draw a line per encoder with its number on it; lines to compare with are grey without one.

    A line has one tooltip for all of its points, so invisible points lie on it. A line of a single
    point, such as the direction of a head of two classes, is this point. Numbers of a panel stand
    at different places along the axis, so that no two meet although lines do.
    """
    base = alt.Chart().encode(x=x, y=y, detail=[alt.Detail("label:N"), alt.Detail("head:N")])
    encoder = base.transform_filter(f"!datum.head || datum.head === '{HEAD}'")
    references = [
        base.transform_filter(f"datum.head === '{head}'").mark_line(
            strokeWidth=1.5, strokeDash=dash, color=GREY
        )
        for head, dash in REFERENCE_DASHES.items()
    ]
    place = "1 + round(datum.nth_line / (datum.lines + 1) * (datum.points - 1))"
    number = encoder.transform_filter(f"datum.number && datum.nth === {place}")
    column = x.shorthand.removesuffix(":Q")
    line: list[Any] = ["panel", "number", "head"]
    only_point = alt.when("datum.points === 1").then(alt.value(1))
    return (
        alt.layer(
            *references,
            encoder.mark_line(strokeWidth=2).encode(
                color=training_color(), strokeDash=training_dash()
            ),
            *with_halo(number.encode(alt.Text("number:Q", format="d")), fontWeight="bold"),
            base.mark_point(filled=True, size=120, color=INK).encode(
                opacity=only_point.otherwise(alt.value(0)), tooltip=tooltip("label", *tips)
            ),
        )
        .transform_window(nth="row_number()", sort=[alt.SortField(column)], groupby=line)
        .transform_window(
            nth_line="dense_rank()", sort=[alt.SortField("number")], groupby=["panel"]
        )
        .transform_joinaggregate(points="count()", groupby=line)
        .transform_joinaggregate(lines="max(nth_line)", groupby=["panel"])
        .properties(width=WIDTH, height=HEIGHT)
    )


# --- Importance and pruning


def importance_panel(ends: Ends) -> Layers:
    """Draw the importance of directions as a share of the largest, on a logarithmic axis."""
    x = alt.X("rank:Q", title="direction, by importance").scale(zero=False, nice=False)
    y = alt.Y("share:Q", title="importance / the largest").scale(
        type="log", nice=False, domain=ends.get("share", alt.Undefined)
    )
    return encoder_lines(
        x.axis(tickMinStep=1, tickCount=6, format="d", grid=False),
        y.axis(values=[10.0**-power for power in range(7)], format=".1~g"),
        number_tip("rank", "direction, by importance", "d"),
        number_tip("share", "importance / the largest", ".2~g"),
    )


def pruning_panel(_ends: Ends) -> Layers:
    """Draw accuracy against the fraction of directions pruned, and where the paper prunes."""
    lines = encoder_lines(
        alt.X("fraction:Q", title="directions pruned").axis(format=".0%", tickCount=5, grid=False),
        alt.Y("accuracy:Q", title="accuracy (%)").scale(domain=[0, 100]).axis(tickCount=5),
        number_tip("fraction", "directions pruned", ".0%"),
        number_tip("accuracy", "accuracy (%)", ".1f"),
    )
    paper = alt.Chart(alt.InlineData(values=[{"paper": 0.8}])).encode(alt.X("paper:Q"))
    rule = paper.mark_rule(color=SOFT_INK, strokeDash=[2, 3])
    name = paper.mark_text(color=SOFT_INK, baseline="bottom")
    return alt.layer(rule, name.encode(alt.YValue(-3), alt.TextValue("paper: 80 %")), lines)


IMPORTANCE = encoder_chart(
    name="importance",
    title="Importance of the directions",
    numbers=("number", "rank", "importance", "share"),
    draw=importance_panel,
    panel="Backbone {backbone}",
    # A decade or more, so that the logarithmic axis has several ticks.
    ends=lambda table: {"share": (min(float(table["share"].min()), 0.1), 1.0)},
    only={"head": (HEAD,)},
)

PRUNING = encoder_chart(
    name="pruning",
    title="Pruning the least important directions",
    numbers=("number", "fraction", "accuracy"),
    draw=pruning_panel,
    panel="Backbone {backbone}: {dataset}",
    only={"head": (HEAD,), "dataset": ("ImageNet", "synthetic ImageNet", MEAN_OF_SHIFTS)},
)


# --- Concepts by threshold


def sweep_panel(ends: Ends) -> Layers:
    """Draw the number of unique concepts against the threshold."""
    x = alt.X("threshold:Q", title="threshold of average precision").scale(zero=False, nice=False)
    y = alt.Y("unique:Q", title="unique concepts").scale(domain=ends.get("unique", alt.Undefined))
    return encoder_lines(
        x.axis(tickCount=5, grid=False, format=".2~f"),
        y.axis(tickCount=5, tickMinStep=1),
        number_tip("threshold", "threshold of average precision", ".2~f"),
        number_tip("unique", "unique concepts", "d"),
    )


SWEEP = encoder_chart(
    name="sweep",
    title="Unique concepts against the threshold",
    numbers=("number", "threshold", "unique"),
    draw=sweep_panel,
    panel="Backbone {backbone}: {basis}",
    ends=lambda table: {"unique": (0.0, max(float(table["unique"].max()), 1.0))},
)


# --- Trainings


def training_panel(_ends: Ends) -> Layers:
    """Draw the loss over the course of a training."""
    return encoder_lines(
        alt.X("step:Q").scale(nice=False).axis(tickCount=4, grid=False, labelFlush=True),
        alt.Y("loss:Q", title="loss (nats)").axis(tickCount=4),
        number_tip("step", "step", ",d"),
        number_tip("loss", "loss (nats)", ".2f"),
    )


TRAINING = encoder_chart(
    name="training",
    title="Training: loss",
    numbers=("number", "step", "loss"),
    draw=training_panel,
    panel="{label}",
    facets=OWN_SCALES,
)
