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
    SOFT_INK,
    number_text,
    number_tip,
    tooltip,
    training_color,
    training_shape,
)
from interpreting_clip.statistics.logit_line import logit

DRAWN_RANGE = (0.1, 99.9)
"""The range of a logit axis in percent: accuracies of 0 and 100 % have no logit."""

ON_SHIFT = "accuracy on the shift (%)"


def span(table: pd.DataFrame, *columns: str) -> tuple[float, float]:
    """Return the lowest and the highest number of some columns."""
    numbers = table[list(columns)].astype(float)
    return round(float(numbers.min().min()), 4), round(float(numbers.max().max()), 4)


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

    rows = alt.Chart().transform_calculate(
        x_logit=logit_text("imagenet"),
        y_logit=logit_text("accuracy"),
        baseline_logit=logit_text("baseline"),
        robustness_text=number_text(
            "effective_robustness", ".1f", "' points' + (datum.extrapolated || '')"
        ),
    )
    return rows.transform


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
    accuracies = number_tip("imagenet", on_imagenet, ".1f"), number_tip("accuracy", ON_SHIFT, ".1f")
    standard = (
        alt.Chart()
        .transform_filter("datum.kind === 'standard'")
        .mark_circle(size=22, color=GREY, opacity=0.75)
        .encode(tooltip=tooltip("label", "kind", *accuracies))
    )
    encoder = alt.Chart().transform_filter("datum.kind === 'encoder'")
    distance = encoder.mark_rule(strokeWidth=1, opacity=0.55).encode(
        alt.Y2("baseline_logit"), color=training_color()
    )
    point = encoder.mark_point(
        filled=True, size=75, opacity=1, stroke=GROUND, strokeWidth=0.8
    ).encode(
        color=training_color(),
        shape=training_shape(),
        tooltip=tooltip("number", "label", "training", "shift", *accuracies, "robustness_text"),
    )
    leads, numbers = numbers_beside(encoder)
    layers = alt.LayerChart(
        layer=[standard, *baseline_lines(), distance, *leads, point, *numbers],
        transform=[*logit_columns(), *number_heights(ends)],
        width=285,
        height=250,
    )
    return layers.encode(
        x=alt.X("x_logit:Q", title=[imagenet, "accuracy (%)"], axis=PERCENTS).scale(
            domain=ends.get("x_logit", alt.Undefined), zero=False, nice=False, padding=12
        ),
        y=alt.Y("y_logit:Q", title=ON_SHIFT, axis=PERCENTS).scale(
            domain=ends.get("y_logit", alt.Undefined), zero=False, nice=False, padding=14
        ),
    )


def same_logits(table: pd.DataFrame) -> Ends:
    """Return the ends of both accuracies as logits, with the line's."""
    x, y = logits(span(table, "imagenet")), logits(span(table, "accuracy", "baseline"))
    return {"x_logit": (x[0], x[1]), "y_logit": (y[0], y[1])}


EFFECTIVE_ROBUSTNESS = PanelChart(
    name="effective_robustness",
    title="Effective robustness",
    numbers=("number", "imagenet", "accuracy", "baseline", "effective_robustness"),
    draw=robustness_panel,
    legend=(by_training("shape", numbered=True),),
    panel="{shift}",
    columns=5,
    facets={"spacing": 24},
    ends=same_logits,
)


# --- Numbers beside points


def numbers_beside(points: alt.Chart) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Return the rules from points to their numbers, and the numbers; neighbours' alternate sides.

    `number_heights` sets the heights.
    """
    rules: list[alt.Chart] = []
    texts: list[alt.Chart] = []
    for odd, align, sign in ((1, "right", -1), (0, "left", 1)):
        side = points.transform_filter(f"datum.number && datum.nth % 2 === {odd}")
        rule = side.mark_rule(color=SOFT_INK, strokeWidth=0.75, x2Offset=sign * 18)
        rules.append(rule.encode(alt.X2("x_logit"), alt.Y2("label_y")))
        number = side.encode(alt.Y("label_y:Q"), alt.Text("number:Q", format="d"))
        place: dict[str, Any] = {"align": align, "baseline": "middle", "dx": sign * 21}
        halo = number.mark_text(**place, color=GROUND, stroke=GROUND, strokeWidth=3, opacity=0.8)
        texts += [halo, number.mark_text(**place, color=INK, fontWeight="bold")]
    return rules, texts


def number_heights(ends: Ends) -> list[Any]:
    """Count the points of a panel from left to right, and give each number a height `label_y`.

    Any two heights are a step apart, which is 0.055 of the axis or less if many points have to
    fit. Heights less the step times their place must not fall. Raising the heights that
    do or lowering the heights before them achieves this; a mixture of both moves no number far.
    """
    by: Any = ["panel", "kind"]
    along_x, along_y, in_place = (_ordered(column) for column in ("x_logit", "y_logit", "place"))
    if "y_logit" in ends:
        lowest, highest = ends["y_logit"]
        rows = alt.Chart().transform_calculate(extent=f"{highest - lowest:.4f}")
    else:
        rows = (
            alt.Chart()
            .transform_joinaggregate(
                lowest="min(y_logit)", highest="max(y_logit)", groupby=["panel"]
            )
            .transform_calculate(extent="datum.highest - datum.lowest")
        )
    return (
        rows.transform_joinaggregate(many="count()", groupby=by)
        .transform_window(nth="row_number()", sort=along_x, groupby=by)
        .transform_window(place="row_number()", sort=along_y, groupby=by)
        .transform_calculate(
            step="datum.extent * min(0.055, 0.95 / datum.many)",
            free="datum.y_logit - datum.place * datum.step",
        )
        .transform_window(pushed_up="max(free)", frame=[None, 0], sort=in_place, groupby=by)
        .transform_window(pushed_down="min(free)", frame=[0, None], sort=in_place, groupby=by)
        .transform_calculate(
            label_y="datum.place * datum.step + datum.pushed_up / 5 + datum.pushed_down * 4 / 5"
        )
        .transform
    )


def _ordered(column: str) -> list[alt.SortField | dict[str, str]]:
    return [alt.SortField(column), alt.SortField("number")]
