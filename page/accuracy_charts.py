"""Charts of accuracy on a shift against accuracy on ImageNet, on logit axes."""

from collections.abc import Sequence

import numpy as np

from interpreting_clip.measures.logit_line import logit
from page.names import DRAWN, TESTBED_SHIFTS
from page.standard_lines import DRAWN_RANGE
from page.vega_lite import (
    GREY,
    INK,
    REVISION_ROWS,
    SHAPES,
    SOFT_INK,
    TRAINING_COLOURS,
    TRAININGS,
    WHITE,
    Axes,
    Spec,
    calculate,
    field,
    joined,
    keep,
    layer,
    nominal,
    numbered,
    quantitative,
    rounded,
    spacing,
    specification,
    spread,
    tooltip,
    training,
)

TICKS = (1.0, 3.0, 10.0, 25.0, 50.0, 75.0, 90.0, 97.0)
WITH_TRAINING = TRAININGS[:4]  # untrained encoders are at chance, where a line means nothing
ON_LINE = "datum.kind === 'line' || datum.kind === 'extrapolated'"
ENCODER = "datum.kind === 'encoder'"
SHIFT_ORDER = [name for shift in TESTBED_SHIFTS.values() for name in (shift, f"{DRAWN}{shift}")]
BY_SHIFT = {
    "column": nominal("shift", sort=SHIFT_ORDER, title=None),
    **REVISION_ROWS,
}


def effective_robustness(chart: Axes) -> Spec:
    """Draw the study's encoders, numbered, and their distance from the line."""
    colour = training(TRAINING_COLOURS.values(), WITH_TRAINING, symbolSize=90)
    standard = {"size": 22, "color": GREY, "opacity": 0.75}
    point = {"filled": True, "size": 75, "opacity": 1, "stroke": WHITE, "strokeWidth": 0.8}
    padded = {"zero": False, "nice": False, "padding": 14}
    tips = ("rev", "number", "label", "training", "shift", chart.told_x(".1f"), chart.told_y(".1f"))
    halo = {"color": WHITE, "stroke": WHITE, "strokeWidth": 3, "opacity": 0.8}
    # Neighbours have their numbers on different sides.
    sides = [
        (keep(f"{ENCODER} && datum.side === {side}"), align, sign)
        for side, align, sign in ((1, "right", -1), (0, "left", 1))
    ]
    layers = [
        layer(
            "circle",
            keep("datum.kind === 'standard'"),
            look=standard,
            tooltip=tooltip("label", "kind", chart.told_x(".1f"), chart.told_y(".1f")),
        ),
        *baseline_layers(),
        layer(
            "rule",
            keep(ENCODER),
            look={"strokeWidth": 1, "clip": False, "opacity": 0.55},
            y2=field("baseline_logit"),
            color=colour,
        ),
        *(
            layer(
                "rule",
                on_side,
                look={"strokeWidth": 0.75, "color": SOFT_INK, "x2Offset": 18 * sign},
                x2=field("x_logit"),
                y2=field("label_y"),
            )
            for on_side, _, sign in sides
        ),
        layer(
            "point",
            keep(ENCODER),
            look=point,
            color=colour,
            shape=training(SHAPES, WITH_TRAINING, symbolSize=90),
            tooltip=tooltip(*tips, "robustness_text"),
        ),
        *(
            layer(
                "text",
                on_side,
                look={"align": align, "baseline": "middle", "dx": 21 * sign, **look},
                y=quantitative("label_y"),
                text=quantitative("number", format="d"),
            )
            for on_side, align, sign in sides
            for look in (halo, {"color": INK, "fontWeight": "bold"})
        ),
    ]
    return specification(
        "number imagenet accuracy baseline effective_robustness",
        transform=[
            *logit_columns(chart),
            calculate("baseline_logit", _logit("datum.baseline")),
            rounded(
                *("robustness_text", "effective_robustness", ".1f"),
                "' points' + (datum.extrapolated || '')",
            ),
            numbered("nth", "x_logit", "rev shift kind"),
            calculate("side", "datum.nth % 2"),
            joined(lowest=("min", "y_logit"), highest=("max", "y_logit")),
            joined("rev shift kind", many=("count", "y_logit")),
            # No two numbers of a panel have the same height, so that none meet; many stand closer.
            *spread(
                "y_logit",
                "((datum.highest - datum.lowest) * min(0.055, 0.95 / datum.many))",
                "rev shift kind",
            ),
        ],
        facet=BY_SHIFT,
        spec={
            "width": 285,
            "height": 250,
            "encoding": logit_axes(chart, {**padded, "padding": 12}, padded),
            "layer": layers,
        },
        **spacing(10, 24),
    )


def _logit(percent: str) -> str:
    return f"log({percent} / (100 - {percent}))"


def logit_columns(chart: Axes) -> list[Spec]:
    """Add `x_logit` and `y_logit`; the ends of lines lie within the drawn range already."""
    low, high = DRAWN_RANGE
    named = {"x": f"datum['{chart.x}']", "y": f"datum['{chart.y}']"}
    percents = [
        calculate(f"{axis}_percent", f"{ON_LINE} ? {given} : clamp({given}, {low}, {high})")
        for axis, given in named.items()
    ]
    return percents + [
        calculate(f"{axis}_logit", _logit(f"datum.{axis}_percent")) for axis in named
    ]


def in_logits(percents: Sequence[float]) -> list[float]:
    """Return percentages as logits."""
    return [round(float(x), 6) for x in logit(np.array(percents) / 100)]


def logit_axes(chart: Axes, x_scale: Spec, y_scale: Spec) -> Spec:
    """Encode both axes in logits, with ticks in percent."""
    ticks = {
        "values": in_logits(TICKS),
        "labelExpr": "format(100 / (1 + exp(-datum.value)), '.0f')",
        "labelOverlap": True,
    }
    return {
        "x": quantitative("x_logit", scale=x_scale, axis={"title": chart.x_label, **ticks}),
        "y": quantitative("y_logit", scale=y_scale, axis={"title": chart.y_label, **ticks}),
    }


def baseline_layers(**more: bool) -> list[Spec]:
    """Draw the line through the standard models, dashed where it is extrapolated."""
    dashed = {"color": INK, "strokeWidth": 1, "strokeDash": [3, 3], **more}
    solid = {"color": INK, "strokeWidth": 1.25, **more}
    return [
        layer("line", keep(f"datum.kind === '{kind}'"), look=look)
        for kind, look in (("extrapolated", dashed), ("line", solid))
    ]
