"""The chart that sets published models of one backbone side by side: trained, finetuned, zero-shot.

A panel per backbone and a row per model, with its mean effective robustness and the interval; all
panels have the same axis.
"""

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, PanelChart, by_shape
from interpreting_clip.charts.rows import (
    WIDTH,
    interval_layer,
    name_layer,
    number_layer,
    row_names,
)
from interpreting_clip.charts.theme import (
    SOFT_INK,
    TRAINING_COLOURS,
    TRAININGS,
    by_name,
    interval_text,
    number_text,
    told,
    tooltip,
    training_color,
    training_shape,
)

ROW = 34
"""The height of a row in pixels."""


def counterparts_panel(ends: Ends) -> Layers:
    """Draw a row per model with its interval, hollow where the line is extrapolated."""
    base = alt.Chart().encode(
        y=row_names("name", "place").scale(padding=0.9),  # room for the first row's name
        tooltip=tooltip(
            *(alt.Tooltip("name:N", title="model"), "training"),
            alt.Tooltip("data:N", title="pretraining data"),
            told("imagenet", "ImageNet (%)", ".1f"),
            *("robustness_text", "interval"),
        ),
    )
    point = base.mark_point(filled=True, size=75, opacity=1, strokeWidth=2).encode(
        x=alt.X("robustness:Q", title="mean effective robustness (points)")
        .scale(nice=False, padding=8, domain=ends.get("robustness", alt.Undefined))
        .axis(tickCount=5),
        color=training_color(),
        stroke=alt.Stroke(
            "training:N", scale=by_name(TRAININGS, TRAINING_COLOURS.values()), legend=None
        ),
        shape=training_shape(),
        fillOpacity=alt.when("datum.extrapolated").then(alt.value(0)).otherwise(alt.value(1)),
    )
    # Once a panel, not once a row.
    band = (
        alt.Chart()
        .transform_aggregate(limit="max(limit)", groupby=["backbone"])
        .transform_calculate(below="-datum.limit")
        .mark_rect(color=SOFT_INK, opacity=0.15)
        .encode(x="below:Q", x2="limit", y=alt.value(0), y2=alt.value("height"))
    )
    return (
        alt.layer(
            *(band, interval_layer(base), point),
            *(name_layer(base, "label"), number_layer(base, "short")),
        )
        .transform_calculate(
            interval=interval_text("low", "high", ".1f"),
            robustness_text=number_text("robustness", ".1f", "' points' + datum.extrapolated"),
            short=number_text("robustness", ".1f", "datum.extrapolated"),
        )
        .properties(width=WIDTH, height=alt.Step(ROW))
    )


def same_robustness(rows: pd.DataFrame) -> Ends:
    """Return the ends of all intervals and of the band around the line."""
    limit = float(rows["limit"].max())
    return {"robustness": (min(-limit, rows["low"].min()), max(limit, rows["high"].max()))}


COUNTERPART_CHART = PanelChart(
    name="counterparts",
    title="Zero-shot, finetuned and supervised models of one backbone",
    numbers=("place", "imagenet", "robustness", "low", "high", "limit"),
    draw=counterparts_panel,
    legend=(by_shape(),),
    panel="{backbone}",
    ends=same_robustness,
    caption="Mean effective robustness in points over the four shifts that all these models were "
    "measured on, without ObjectNet, with its interval; a panel per backbone. Zero-shot CLIPs, "
    "models finetuned from the same weights, on ImageNet alone or through ImageNet-12k, and models "
    "trained on ImageNet alone. Grey: one more standard model would lie here (95 %). All intervals "
    "share the line, so the claims compare models by their difference. Hollow, and ‡: the "
    "line is extrapolated to the model.",
)
"""The chart of published counterparts, which the page of published models shows."""
