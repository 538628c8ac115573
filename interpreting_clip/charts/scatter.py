"""The chart with a point per encoder: accuracy on a shift against accuracy on ImageNet."""

from collections.abc import Iterable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, PanelChart, by_training
from interpreting_clip.charts.theme import (
    GREY,
    GROUND,
    INK,
    number_tip,
    tooltip,
    training_color,
    training_shape,
    with_halo,
)
from interpreting_clip.statistics.logit_line import logit

DRAWN_RANGE = (0.1, 99.9)
"""The range of a logit axis in percent: accuracies of 0 and 100 % have no logit."""

ON_SHIFT = "accuracy on the shift (%)"


# --- Accuracy on a shift against accuracy on ImageNet


def logits(percents: Iterable[float]) -> list[float]:
    """Return percentages as logits, within the drawn range."""
    drawn = np.clip(np.array(list(percents)), *DRAWN_RANGE)
    return [round(float(x), 6) for x in logit(drawn / 100)]


PERCENTS = alt.Axis(
    values=logits((1.0, 3.0, *map(float, range(10, 91, 10)), 97.0)),
    labelExpr="format(100 / (1 + exp(-datum.value)), '.0f')",
    labelOverlap=True,
)
"""An axis of logits with ticks in percent."""


def logit_columns() -> list[Any]:
    """Add both accuracies and the line's as logits, and the effective robustness as text."""

    def logit_text(column: str) -> str:
        percent = "clamp(datum.{}, {}, {})".format(column, *DRAWN_RANGE)
        return f"log({percent} / (100 - {percent}))"

    height = "format(datum.effective_robustness, '.1f') + ' points' + (datum.extrapolated || '')"
    return (
        alt.Chart()
        .transform_calculate(
            x_logit=logit_text("imagenet"),
            y_logit=logit_text("accuracy"),
            baseline_logit=logit_text("baseline"),
            robustness_text=height,
        )
        .transform
    )


def baseline_lines(**more: Any) -> list[alt.Chart]:
    """Draw the line through the standard models, dashed where it is extrapolated."""
    fitted = alt.Chart().transform_filter("datum.kind === 'line'")
    beyond = alt.Chart().transform_filter("datum.kind === 'extrapolated'")
    return [
        beyond.mark_line(color=INK, strokeWidth=1, strokeDash=[3, 3], **more),
        fitted.mark_line(color=INK, strokeWidth=1.25, **more),
    ]


def robustness_panel(ends: Ends, imagenet: str = "ImageNet") -> Layers:
    """Draw the encoders, numbered, and their distance from the line of the standard models."""
    on_imagenet = f"{imagenet} accuracy (%)"
    tips = number_tip("imagenet", on_imagenet, ".1f"), number_tip("accuracy", ON_SHIFT, ".1f")
    standard = alt.Chart().transform_filter("datum.kind === 'standard'")
    encoder = alt.Chart().transform_filter("datum.kind === 'encoder'")
    distance = encoder.mark_rule(strokeWidth=1, opacity=0.55)
    point = encoder.mark_point(filled=True, size=75, opacity=1, stroke=GROUND, strokeWidth=0.8)
    # Numbers stand on the side away from the line, those of neighbours to the left and the right.
    dx = alt.expr("datum.nth % 2 ? -4 : 4")
    dy = alt.expr("datum.effective_robustness < 0 ? 12 : -12")
    look = {"dx": dx, "dy": dy, "baseline": "middle", "fontWeight": "bold"}
    number = encoder.transform_filter("datum.number").encode(alt.Text("number:Q", format="d"))
    layers = alt.LayerChart(
        layer=[
            standard.mark_circle(size=22, color=GREY, opacity=0.75).encode(
                tooltip=tooltip("label", *tips)
            ),
            *baseline_lines(),
            distance.encode(alt.Y2("baseline_logit"), color=training_color()),
            *with_halo(number, **look),
            point.encode(
                training_color(),
                training_shape(),
                tooltip=tooltip("label", "training", *tips, "robustness_text"),
            ),
        ],
        transform=logit_columns(),
        width=285,
        height=250,
    ).transform_window(
        nth="row_number()",
        sort=[alt.SortField("x_logit"), alt.SortField("number")],
        groupby=["panel", "kind"],
    )
    return layers.encode(
        x=alt.X("x_logit:Q", title=[imagenet, "accuracy (%)"], axis=PERCENTS).scale(
            domain=ends.get("x_logit", alt.Undefined), zero=False, nice=False, padding=12
        ),
        y=alt.Y("y_logit:Q", title=ON_SHIFT, axis=PERCENTS).scale(
            domain=ends.get("y_logit", alt.Undefined), zero=False, nice=False, padding=20
        ),
    )


def same_logits(table: pd.DataFrame) -> Ends:
    """Return the ends of both accuracies as logits, with the line's."""
    columns = {"x_logit": ["imagenet"], "y_logit": ["accuracy", "baseline"]}
    drawn = {name: table[of].to_numpy(float) for name, of in columns.items()}
    ends = {name: logits((np.nanmin(of), np.nanmax(of))) for name, of in drawn.items()}
    return {name: (low, high) for name, (low, high) in ends.items()}


EFFECTIVE_ROBUSTNESS = PanelChart(
    name="effective_robustness",
    title="Effective robustness",
    numbers=("number", "imagenet", "accuracy", "baseline", "effective_robustness"),
    draw=robustness_panel,
    legend=(by_training("shape", numbered=True),),
    panel="{shift}",
    columns=5,
    ends=same_logits,
)
