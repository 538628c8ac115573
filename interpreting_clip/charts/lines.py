"""Charts with a line per encoder, most with its number on it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, PanelChart, by_dash
from interpreting_clip.charts.tables import MEAN_OF_SHIFTS
from interpreting_clip.charts.theme import (
    DASHES,
    GREY,
    GROUND,
    INK,
    SOFT_INK,
    interval_text,
    number_text,
    told,
    tooltip,
    training_color,
    training_dash,
)

WIDTH, HEIGHT = 270, 205
"""The size of a panel's axes in pixels: with its labels, it fits a telephone."""


def encoder_lines(
    x: alt.X, y: alt.Y, tips: Sequence[str | alt.Tooltip], *under: alt.Chart
) -> Layers:
    """Draw a line per encoder with its number on it, at the place that `with_places` finds.

    What random heads give is grey and has no number. A line has one tooltip for all of its points,
    so invisible points lie on it.
    """
    base = alt.Chart().encode(x=x, y=y, detail=["label:N", "head:N"])
    own = base.transform_filter("datum.head !== 'random head'")
    random = base.transform_filter("datum.head === 'random head'")
    number = (
        alt.Chart()
        .transform_filter("datum.head !== 'random head' && datum.numbered && datum.number")
        .encode(x="number_x:Q", y="number_y:Q", text=alt.Text("number:Q", format="d"))
    )
    halo = {"color": GROUND, "stroke": GROUND, "strokeWidth": 4, "strokeJoin": "round"}
    return alt.layer(
        *under,
        random.mark_line(strokeWidth=1.5, strokeDash=[4, 3], color=GREY),
        own.mark_line(strokeWidth=2).encode(color=training_color(), strokeDash=training_dash()),
        number.mark_text(fontWeight="bold", **halo),
        number.mark_text(fontWeight="bold").encode(color=training_color()),
        base.mark_point(filled=True, size=120, opacity=0).encode(
            tooltip=tooltip("number", "label", "training", *tips)
        ),
    ).properties(width=WIDTH, height=HEIGHT)


def with_places(lines: Layers, x: str, y: str, line: str = "number") -> Layers:
    """Give one stretch of each line, `numbered`, the place `number_x`, `number_y` of its number.

    The lines of a panel have their numbers at different places along the axis, so that no two
    numbers meet although lines do.
    """
    place = "datum.nth_line / (datum.lines + 1) * (datum.points - 1)"

    def between(column: str, following: str) -> str:
        return f"datum.{column} + datum.along * (datum.{following} - datum.{column})"

    return (
        lines.transform_window(
            nth="row_number()",
            next_x=f"lead({x})",
            next_y=f"lead({y})",
            points="count()",
            frame=[None, None],
            sort=[alt.SortField(x)],
            groupby=["panel", line, "head"],
        )
        .transform_window(nth_line="dense_rank()", sort=[alt.SortField(line)], groupby=["panel"])
        .transform_joinaggregate(lines="max(nth_line)", groupby=["panel"])
        .transform_calculate(along=f"{place} - (datum.nth - 1)")
        .transform_calculate(
            numbered="datum.along >= 0 && datum.along < 1",
            number_x=between(x, "next_x"),
            number_y=between(y, "next_y"),
        )
    )


# --- Importance and pruning


def importance_panel(ends: Ends) -> Layers:
    """Draw the importance of directions as a share of the largest, on a logarithmic axis."""
    x = alt.X("rank:Q", title="direction, by importance").scale(zero=False, nice=False)
    y = alt.Y("height:Q", title="importance / the largest").scale(
        nice=False, domain=ends.get("height", alt.Undefined)
    )
    # Few classes have importances within one power of ten.
    parts = (1, 3) if ends.get("height", (-6.0, 0.0))[0] < -1 else range(1, 10)
    ticks = [power + np.log10(part) for power in range(-6, 0) for part in parts]
    powers = {
        "values": [*ticks, 0],
        "tickCount": len(ticks) + 1,  # or Vega would leave out every other one
        "labelExpr": "format(pow(10, datum.value), '.1~g')",
        "labelOverlap": True,
    }
    lines = encoder_lines(
        x.axis(tickMinStep=1, tickCount=6, format="d", grid=False),
        y.axis(**powers),
        (
            told("rank", "direction, by importance", "d"),
            told("importance", "importance", ".2~g"),
            told("share", "importance / the largest", ".2~g"),
        ),
    )
    logarithmic = lines.transform_calculate(height="log(datum.share) / LN10")
    return with_places(logarithmic, "rank", "height")


def height_ends(table: pd.DataFrame) -> Ends:
    """Return the ends of the importance as a share of the largest, in powers of ten."""
    return {"height": (float(np.log10(table["share"].min())), 0.0)}


def pruning_panel(_ends: Ends) -> Layers:
    """Draw accuracy against the fraction of directions pruned."""
    x = alt.X("fraction:Q", title="directions pruned")
    y = alt.Y("accuracy:Q", title="accuracy (%)").scale(domain=[0, 100]).axis(tickCount=5)
    lines = encoder_lines(
        x.axis(format=".0%", tickCount=5, grid=False),
        y,
        (
            "dataset",
            told("fraction", "directions pruned", ".0%"),
            told("accuracy", "accuracy (%)", ".1f"),
        ),
        *paper_prunes(),
    )
    return with_places(lines, "fraction", "accuracy")


def paper_prunes() -> list[alt.Chart]:
    """Mark the fraction of the directions that the paper prunes without harm."""
    at = alt.Chart(alt.InlineData(values=[{"paper": 0.8}])).encode(x="paper:Q")
    return [
        at.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        at.mark_text(color=SOFT_INK, baseline="bottom").encode(
            y=alt.value(-3), text=alt.value("paper: 80 %")
        ),
    ]


FLUSH: dict[str, Any] = {"bounds": "flush", "spacing": {"column": 60, "row": 84}}
"""The same distances between panels, whatever their labels need."""

IMPORTANCE = PanelChart(
    name="importance",
    title="Importance of the directions",
    table="importance",
    x="rank",
    y="importance",
    numbers=("number", "rank", "importance", "share"),
    draw=importance_panel,
    legend=(by_dash(numbered=True),),
    panel="Backbone {backbone}",
    order="number",
    facets=FLUSH,
    independent={"axis": "xy"},
    ends=height_ends,
    only={"head": ("head",)},
    caption="Importance of the right singular vectors v of the head, σ · mean over images of "
    "|cos(v, h)|, sorted, as a share of the encoder's largest, on a logarithmic axis; a panel "
    "per backbone. The steeper a line, the fewer directions the head rests on. "
    "plots/importance.csv has the other centring and random heads, too.",
)

PRUNING = PanelChart(
    name="pruning",
    title="Pruning the least important directions",
    table="pruning",
    x="fraction",
    y="accuracy",
    numbers=("number", "fraction", "accuracy"),
    draw=pruning_panel,
    legend=(by_dash(numbered=True),),
    panel="Backbone {backbone}: {dataset}",
    columns=2,
    order="number",
    facets=FLUSH,
    independent={"axis": "xy"},
    only={"head": ("head",), "dataset": ("ImageNet", "synthetic ImageNet", MEAN_OF_SHIFTS)},
    caption="Top-1 accuracy after the least important share of the head's directions is removed "
    "from the activations, on ImageNet and in the mean of the shifts; a panel per backbone. "
    "Dotted: the paper prunes up to 80 % without harm. plots/pruning.csv has each shift, the other "
    "centring and random heads, too.",
)


# --- Concepts by threshold


def sweep_panel(ends: Ends) -> Layers:
    """Draw the number of unique concepts against the threshold."""
    x = alt.X("threshold:Q", title="threshold of average precision").scale(
        zero=False, nice=False, domain=ends.get("threshold", alt.Undefined)
    )
    y = alt.Y("unique:Q", title="unique concepts").scale(domain=ends.get("unique", alt.Undefined))
    lines = encoder_lines(
        x.axis(tickCount=5, grid=False, format=".2~f"),
        y.axis(tickCount=5, tickMinStep=1),
        (
            "basis",
            told("threshold", "threshold of average precision", ".2~f"),
            told("unique", "unique concepts", "d"),
            *("interval", "permuted_text", "random_text", "over_all"),
        ),
    )
    return with_places(lines, "threshold", "unique").transform_calculate(
        interval=interval_text("low", "high", "d"),
        permuted_text=number_text("permuted", ".1f"),
        random_text=number_text("random", ".1f"),
    )


def threshold_ends(table: pd.DataFrame) -> Ends:
    """Return the ends of the threshold, and of the count of concepts from zero."""
    low, high = table["threshold"].min(), table["threshold"].max()
    return {"threshold": (low, high), "unique": (0.0, max(float(table["unique"].max()), 1.0))}


SWEEP = PanelChart(
    name="sweep",
    title="Unique concepts against the threshold",
    table="sweep",
    x="threshold",
    y="unique",
    numbers=("number", "threshold", "unique", "low", "high", "permuted", "random", "over_all"),
    draw=sweep_panel,
    legend=(by_dash(numbered=True),),
    panel="Backbone {backbone}: {basis}",
    columns=2,
    order="number",
    facets=FLUSH,
    independent={"axis": "xy"},
    ends=threshold_ends,
    caption="Unique concepts of directions and of features by the threshold of the average "
    "precision; a panel per backbone. plots/sweep.csv has the spread over samples of the negatives "
    "and both chance levels, too.",
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
        tooltip=tooltip("label", "training", told("step", "step", ",d"), told(column, title, ".2f"))
    )
    return alt.layer(line, points).properties(width=215, height=110)


TRAINING_LOSS = PanelChart(
    name="training_loss",
    title="Training: loss",
    table="training",
    x="step",
    y="loss",
    numbers=("number", "step", "loss", "accuracy"),
    draw=partial(training_panel, "loss", "loss (nats)"),
    legend=(by_dash(),),
    panel="{label}",
    order="number",
    columns=4,
    facets={"bounds": "flush", "spacing": {"column": 68, "row": 78}},
    independent={"scale": "xy"},
    caption="Training loss in nats by optimiser step. Contrastive and supervised losses differ in "
    "kind: each panel has its own axes.",
)

TRAINING_ACCURACY = replace(
    TRAINING_LOSS,
    name="training_accuracy",
    title="Training: accuracy",
    y="accuracy",
    draw=partial(training_panel, "accuracy", "accuracy (%)"),
    caption="Accuracy in percent, of trainings that log it.",
)


# --- Features far from the others


def planted_outliers_panel(_ends: Ends) -> Layers:
    """Draw the share of images in which raised features were found, beside the arithmetic's."""
    along, up = "raised by (standard deviations of the image)", "share of the images (%)"
    size = alt.X("size:Q", title=along).scale(type="log", nice=False)
    percent = alt.Y("found:Q", title=up).scale(domain=[0, 100]).axis(tickCount=5)
    shapes = alt.Scale(range=["circle", "square", "triangle-up", "diamond"])
    base = alt.Chart().encode(
        x=size.axis(grid=False, values=[2, 4, 6, 8, 10, 15, 20, 30, 60, 120], labelOverlap=True),
        tooltip=tooltip(
            "features",
            told("size", along, "~f"),
            told("found", up, ".1f"),
            told("arithmetic", "by arithmetic (%)", ".1f"),
        ),
    )
    predicted = base.mark_line(strokeWidth=1.75, color=INK).encode(
        y="arithmetic:Q",
        strokeDash=alt.StrokeDash("features:N", sort=None, legend=None).scale(range=DASHES),
    )
    measured = base.mark_point(filled=True, size=60, color=INK, opacity=1).encode(
        y=percent, shape=alt.Shape("features:N", sort=None, scale=shapes, legend=None)
    )
    text = alt.Chart().transform_filter("datum.numbered").mark_text(dx=8, dy=-9, align="left")
    name = text.encode(x="number_x:Q", y="number_y:Q", text="features:N")
    layers = alt.layer(predicted, measured, name)
    return with_places(layers, "size", "found", "features").properties(width=285, height=220)


PLANTED_OUTLIERS = PanelChart(
    name="planted_outliers",
    title="Planted outlier features",
    table="planted_outliers",
    x="size",
    y="found",
    numbers=("size", "found", "arithmetic"),
    draw=planted_outliers_panel,
    caption="Features of an encoder's activations are raised by a multiple of their image's "
    "standard deviation. Points: the share of images in which they then lie beyond the limit of "
    "outlier features; lines: what the formula predicts.",
)


def outlier_shares_panel(_ends: Ends) -> Layers:
    """Draw the share of images in which each feature is extreme, and an outlier feature's."""
    title = "share of the images"
    rank = alt.X("rank:Q", title="feature, most extreme first").scale(zero=False, nice=False)
    share = alt.Y("share:Q", title=title).scale(domainMin=0)
    base = alt.Chart().encode(x=rank.axis(tickMinStep=1, tickCount=6, format="d", grid=False))
    line = base.mark_line(strokeWidth=2, color=INK).encode(y=share.axis(format="%", tickCount=5))
    points = base.mark_point(filled=True, size=25, color=INK, opacity=1).encode(
        y="share:Q", tooltip=[told("rank", "rank", "d"), told("share", title, ".2%")]
    )
    limit = alt.Chart().encode(y="min(limit):Q")
    return alt.layer(
        line,
        points,
        limit.mark_rule(color=SOFT_INK, strokeDash=[2, 3]),
        limit.mark_text(color=SOFT_INK, align="right", baseline="bottom", dx=-4, dy=-3).encode(
            x=alt.value("width"), text=alt.value("above: outlier features")
        ),
    ).properties(width=WIDTH, height=HEIGHT)


OUTLIER_SHARES = PanelChart(
    name="outlier_shares",
    title="Extreme features",
    table="outlier_shares",
    x="rank",
    y="share",
    numbers=("rank", "share", "limit"),
    draw=outlier_shares_panel,
    caption="Share of the images in which each feature lies far from the others of its image, "
    "most extreme feature first; dotted: the share that makes it an outlier feature.",
)
