"""Charts with a line per encoder, most with its number on it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, PanelChart, by_training
from interpreting_clip.charts.series import COMPONENTS, MEAN_OF_SHIFTS
from interpreting_clip.charts.theme import (
    GREY,
    GROUND,
    INK,
    SOFT_INK,
    number_tip,
    shown_if,
    tooltip,
    training_color,
    training_dash,
)

WIDTH, HEIGHT = 270, 205
"""The size of a panel's axes in pixels: with its labels, it fits a telephone."""

encoder_chart = partial(
    PanelChart,
    legend=(by_training("dash", numbered=True),),
    order="number",
    # The same distances between panels, whatever their labels need.
    facets={"bounds": "flush", "spacing": {"column": 60, "row": 84}},
    independent={"axis": "xy"},
)


def encoder_lines(
    x: alt.X, y: alt.Y, tips: Sequence[str | alt.Tooltip], *under: alt.Chart
) -> Layers:
    """Draw a line per encoder with its number on it; random heads' lines are grey and have none.

    A line has one tooltip for all of its points, so invisible points lie on it. A line of a single
    point, such as the direction of a head of two classes, is this point.
    """
    base = alt.Chart().encode(x=x, y=y, detail=[alt.Detail("label:N"), alt.Detail("head:N")])
    measured = base.transform_filter("datum.head !== 'random head'")
    random = base.transform_filter("datum.head === 'random head'")
    number = (
        alt.Chart()
        .transform_filter("datum.head !== 'random head' && datum.numbered && datum.number")
        .encode(alt.X("number_x:Q"), alt.Y("number_y:Q"), alt.Text("number:Q", format="d"))
    )
    halo = {"color": GROUND, "stroke": GROUND, "strokeWidth": 4, "strokeJoin": "round"}
    column_x, column_y = (axis.shorthand.removesuffix(":Q") for axis in (x, y))
    return alt.layer(
        *under,
        random.mark_line(strokeWidth=1.5, strokeDash=[4, 3], color=GREY),
        measured.mark_line(strokeWidth=2).encode(
            color=training_color(), strokeDash=training_dash()
        ),
        number.mark_text(fontWeight="bold", **halo),
        number.mark_text(fontWeight="bold").encode(color=training_color()),
        base.mark_point(filled=True, size=120, color=INK).encode(
            opacity=shown_if("datum.points === 1"),
            tooltip=tooltip("number", "label", "training", *tips),
        ),
        transform=number_places(column_x, column_y),
        width=WIDTH,
        height=HEIGHT,
    )


def number_places(x: str, y: str) -> list[Any]:
    """Give one stretch of each line, `numbered`, the place `number_x`, `number_y` of its number.

    The lines of a panel have their numbers at different places along the axis, so that no two
    numbers meet although lines do.
    """
    place = "datum.nth_line / (datum.lines + 1) * (datum.points - 1)"

    def between(column: str, following: str) -> str:
        return f"datum.{column} + datum.along * (datum.{following} - datum.{column})"

    return (
        alt.Chart()
        .transform_window(
            nth="row_number()",
            next_x=f"lead({x})",
            next_y=f"lead({y})",
            points="count()",
            frame=[None, None],
            sort=[alt.SortField(x)],
            groupby=["panel", "number", "head"],
        )
        .transform_window(
            nth_line="dense_rank()", sort=[alt.SortField("number")], groupby=["panel"]
        )
        .transform_joinaggregate(lines="max(nth_line)", groupby=["panel"])
        .transform_calculate(along=f"{place} - (datum.nth - 1)")
        .transform_calculate(
            numbered="datum.along >= 0 && datum.along < 1",
            number_x=between(x, "next_x"),
            number_y=between(y, "next_y"),
        )
        .transform
    )


# --- Importance and pruning


def importance_panel(ends: Ends) -> Layers:
    """Draw the importance of directions as a share of the largest, on a logarithmic axis."""
    x = alt.X("rank:Q", title="direction, by importance").scale(zero=False, nice=False)
    y = alt.Y("share:Q", title="importance / the largest").scale(
        type="log", nice=False, domain=ends.get("share", alt.Undefined)
    )
    ticks = [float(f"{part}e{power}") for power in range(-6, 0) for part in (1, 2, 5)]
    return encoder_lines(
        x.axis(tickMinStep=1, tickCount=6, format="d", grid=False),
        y.axis(values=[*ticks, 1.0], format=".1~g", labelOverlap=True),
        (
            number_tip("rank", "direction, by importance", "d"),
            number_tip("importance", "importance", ".2~g"),
            number_tip("share", "importance / the largest", ".2~g"),
        ),
    )


def pruning_panel(_ends: Ends) -> Layers:
    """Draw accuracy against the fraction of directions pruned, and where the paper prunes."""
    x, y, tips = pruning_encoding()
    paper = alt.Chart(alt.InlineData(values=[{"paper": 0.8}])).encode(alt.X("paper:Q"))
    name = paper.mark_text(color=SOFT_INK, baseline="bottom")
    return encoder_lines(
        x,
        y,
        tips,
        paper.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        name.encode(alt.YValue(-3), alt.TextValue("paper: 80 %")),
    )


def pruning_encoding() -> tuple[alt.X, alt.Y, Sequence[str | alt.Tooltip]]:
    """Return the axes of a pruning curve, and its tooltip."""
    return (
        alt.X("fraction:Q", title="directions pruned").axis(format=".0%", tickCount=5, grid=False),
        alt.Y("accuracy:Q", title="accuracy (%)").scale(domain=[0, 100]).axis(tickCount=5),
        (
            "dataset",
            number_tip("fraction", "directions pruned", ".0%"),
            number_tip("accuracy", "accuracy (%)", ".1f"),
        ),
    )


def pruning_and_covariance_panel(ends: Ends) -> Layers:
    """Draw `pruning_panel` and, dash-dotted, accuracy with principal components pruned instead."""
    x, y, tips = pruning_encoding()
    of_heads = pruning_panel(ends)
    of_heads.transform = [
        alt.FilterTransform(f"datum.head !== '{COMPONENTS}'"),
        *of_heads.transform,
    ]
    base = alt.Chart().transform_filter(f"datum.head === '{COMPONENTS}'").encode(x=x, y=y)
    line = base.encode(detail=[alt.Detail("label:N")]).mark_line(
        strokeWidth=1.5, strokeDash=[8, 3, 2, 3], color=SOFT_INK
    )
    points = base.mark_point(filled=True, size=120, opacity=0).encode(
        tooltip=tooltip("label", "head", *tips)
    )
    return alt.layer(of_heads, line, points, width=WIDTH, height=HEIGHT)


IMPORTANCE = encoder_chart(
    name="importance",
    title="Importance of the directions",
    numbers=("number", "rank", "importance", "share"),
    draw=importance_panel,
    panel="Backbone {backbone}",
    # A decade or more, so that the logarithmic axis has several ticks.
    ends=lambda table: {"share": (min(float(table["share"].min()), 0.1), 1.0)},
    only={"head": ("head",)},
)

PRUNING = encoder_chart(
    name="pruning",
    title="Pruning the least important directions",
    numbers=("number", "fraction", "accuracy"),
    draw=pruning_panel,
    panel="Backbone {backbone}: {dataset}",
    columns=2,
    only={"head": ("head",), "dataset": ("ImageNet", "synthetic ImageNet", MEAN_OF_SHIFTS)},
)


# --- Concepts by threshold


def sweep_panel(ends: Ends) -> Layers:
    """Draw the number of unique concepts against the threshold."""
    x = alt.X("threshold:Q", title="threshold of average precision").scale(
        zero=False, nice=False, domain=ends.get("threshold", alt.Undefined)
    )
    y = alt.Y("unique:Q", title="unique concepts").scale(domain=ends.get("unique", alt.Undefined))
    return encoder_lines(
        x.axis(tickCount=5, grid=False, format=".2~f"),
        y.axis(tickCount=5, tickMinStep=1),
        (
            "basis",
            number_tip("threshold", "threshold of average precision", ".2~f"),
            number_tip("unique", "unique concepts", "d"),
        ),
    )


def threshold_ends(table: pd.DataFrame) -> Ends:
    """Return the ends of the threshold, and of the count of concepts from zero."""
    low, high = table["threshold"].min(), table["threshold"].max()
    return {"threshold": (low, high), "unique": (0.0, max(float(table["unique"].max()), 1.0))}


SWEEP = encoder_chart(
    name="sweep",
    title="Unique concepts against the threshold",
    numbers=("number", "threshold", "unique"),
    draw=sweep_panel,
    panel="Backbone {backbone}: {basis}",
    columns=2,
    ends=threshold_ends,
)


# --- Trainings


def training_panel(column: str, title: str, _ends: Ends) -> Layers:
    """Draw the course of a training."""
    x = alt.X("step:Q", title="step").scale(nice=False)
    logged = alt.Chart().transform_filter(f"isValid(datum.{column})")
    base = logged.encode(
        x=x.axis(tickCount=4, grid=False, labelFlush=True),
        y=alt.Y(f"{column}:Q", title=title).axis(tickCount=4),
        color=training_color(),
    )
    line = base.mark_line(strokeWidth=1.4).encode(strokeDash=training_dash())
    points = base.mark_point(filled=True, size=120, opacity=0).encode(
        tooltip=tooltip(
            "label", "training", number_tip("step", "step", ",d"), number_tip(column, title, ".2f")
        )
    )
    return alt.layer(line, points).properties(width=215, height=110)


TRAINING_LOSS = PanelChart(
    name="training_loss",
    title="Training: loss",
    table="training",
    numbers=("number", "step", "loss", "accuracy"),
    draw=partial(training_panel, "loss", "loss (nats)"),
    legend=(by_training("dash"),),
    panel="{label}",
    order="number",
    columns=4,
    facets={"bounds": "flush", "spacing": {"column": 68, "row": 78}},
    independent={"scale": "xy"},
)

TRAINING_ACCURACY = replace(
    TRAINING_LOSS,
    name="training_accuracy",
    title="Training: accuracy",
    draw=partial(training_panel, "accuracy", "accuracy (%)"),
)


# --- Features far from the others


def outlier_shares_panel(_ends: Ends) -> Layers:
    """Draw the share of images in which each feature is extreme, and an outlier feature's."""
    title = "share of the images"
    rank = alt.X("rank:Q", title="feature, most extreme first").scale(zero=False, nice=False)
    share = alt.Y("share:Q", title=title).scale(domainMin=0).axis(format="%", tickCount=5)
    base = alt.Chart().encode(
        x=rank.axis(tickMinStep=1, tickCount=6, format="d", grid=False), y=share
    )
    points = base.mark_point(filled=True, size=25, color=INK, opacity=1)
    limit = alt.Chart().encode(alt.Y("min(limit):Q"))
    name = limit.mark_text(color=SOFT_INK, align="right", baseline="bottom", dx=-4, dy=-3)
    return alt.layer(
        base.mark_line(strokeWidth=2, color=INK),
        points.encode(tooltip=[number_tip("rank", "rank", "d"), number_tip("share", title, ".2%")]),
        limit.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        name.encode(alt.XValue("width"), alt.TextValue("above: outlier features")),
    ).properties(width=WIDTH, height=HEIGHT)


OUTLIER_SHARES = PanelChart(
    name="outlier_shares",
    title="Extreme features",
    numbers=("rank", "share", "limit"),
    draw=outlier_shares_panel,
    panel="{label}",
)
