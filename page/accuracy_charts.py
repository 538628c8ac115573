"""Charts of accuracy on a shift against accuracy on ImageNet, on logit axes."""

from collections.abc import Sequence

import numpy as np

from interpreting_clip.measures.logit_line import logit
from page.names import TESTBED_SHIFTS
from page.robustness_tables import DRAWN_RANGE, STANDARD
from page.vega_lite import (
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
    spacing,
    specification,
    spread,
    tooltip,
    training,
)

PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the chart of published models shows, in percent: tiny models would shrink the rest."""

GREY = "#9aa1ab"
OWN = "your model"
STAR = (
    "M0,-1L0.225,-0.309L0.951,-0.309L0.363,0.118L0.588,0.809L0,0.382L-0.588,0.809L-0.363,0.118"
    "L-0.951,-0.309L-0.225,-0.309Z"
)

TICKS = (1.0, 3.0, 10.0, 25.0, 50.0, 75.0, 90.0, 97.0)
WITH_TRAINING = TRAININGS[:4]  # untrained encoders are at chance, where a line means nothing
PUBLISHED_TRAININGS = TRAININGS[:3]  # nobody publishes probes
ON_LINE = "datum.kind === 'line' || datum.kind === 'extrapolated'"
ENCODER = "datum.kind === 'encoder'"
BY_SHIFT = {
    "column": nominal("shift", sort=list(TESTBED_SHIFTS.values()), title=None),
    **REVISION_ROWS,
}


def effective_robustness(chart: Axes) -> Spec:
    """Draw the study's encoders, numbered, and their distance from the line."""
    colour = training(TRAINING_COLOURS.values(), WITH_TRAINING, symbolSize=90)
    standard = {"size": 22, "color": GREY, "opacity": 0.75}
    point = {"filled": True, "size": 75, "opacity": 1, "stroke": WHITE, "strokeWidth": 0.8}
    padded = {"zero": False, "nice": False, "padding": 8}
    tips = ("rev", "number", "label", "training", "backbone", "shift", chart.x, chart.y)
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
            tooltip=tooltip("label", chart.x, chart.y),
        ),
        *_baseline(),
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
            tooltip=tooltip(*tips, "effective_robustness"),
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
            *_logits(chart),
            calculate("baseline_logit", _logit("datum.baseline")),
            numbered("nth", "x_logit", "rev shift kind"),
            calculate("side", "datum.nth % 2"),
            joined(lowest=("min", "y_logit"), highest=("max", "y_logit")),
            *spread("y_logit", "((datum.highest - datum.lowest) * 0.05)", "rev shift kind side"),
        ],
        facet=BY_SHIFT,
        spec={
            "width": 178,
            "height": 270,
            "encoding": _logit_axes(chart, padded, padded),
            "layer": layers,
        },
        **spacing(10, 24),
    )


def published(chart: Axes) -> Spec:
    """Draw the published models; the page's script sets `chosen`, `hidden` and the rows."""
    (left, right), (low, high) = PUBLISHED_FRAME["imagenet"], PUBLISHED_FRAME["accuracy"]
    frames = [{"domain": _in_logits(ends), "nice": False} for ends in PUBLISHED_FRAME.values()]
    within = (
        f"(datum.x_percent >= {left:g} && datum.x_percent <= {right:g} && "
        f"datum.y_percent >= {low:g} && datum.y_percent <= {high:g})"
    )
    listed = [*PUBLISHED_TRAININGS, STANDARD]
    colours = [TRAINING_COLOURS[name] for name in PUBLISHED_TRAININGS] + [GREY, "#CC79A7"]
    shapes = [*SHAPES[: len(PUBLISHED_TRAININGS)], "circle", STAR]
    own = f"datum.training === '{OWN}'"
    sizes = [{"test": "datum.kind === 'standard'", "value": 20}, {"test": own, "value": 260}]
    titles = {"label": "model", "training": "training", "data": "pretraining data"}
    texts = {
        "robustness_text": "effective robustness",
        "five_text": "mean, five shifts",
        "four_text": "without ObjectNet",
    }
    tips = [
        *({"field": name, "title": title} for name, title in (titles | {"shift": "shift"}).items()),
        quantitative(chart.x, format=".1f", title="ImageNet (%)"),
        quantitative(chart.y, format=".1f", title="on the shift (%)"),
        *({"field": name, "title": title} for name, title in texts.items()),
    ]
    return specification(
        "imagenet accuracy baseline effective_robustness mean_of_five mean_of_four",
        params=[{"name": "chosen", "value": ""}, {"name": "hidden", "value": []}],
        transform=[
            keep("indexof(hidden, datum.label) < 0"),
            _in_points("robustness_text", "effective_robustness", " + datum.extrapolated"),
            _in_points("five_text", "mean_of_five"),
            _in_points("four_text", "mean_of_four"),
            *_logits(chart),
            keep(f"{ON_LINE} || {within}"),
        ],
        facet=BY_SHIFT,
        spec={
            "width": 200,
            "height": 290,
            "encoding": _logit_axes(chart, *frames),
            "layer": [
                *_baseline(clip=True),
                layer(
                    "point",
                    keep("datum.label === chosen"),
                    look={"shape": "circle", "filled": True, "size": 190, "color": WHITE}
                    | {"opacity": 1, "stroke": INK, "strokeWidth": 2, "clip": True},
                ),
                layer(
                    "point",
                    keep(f"datum.kind === 'standard' || {ENCODER}"),
                    look={"filled": True, "opacity": 0.9, "strokeWidth": 0.5, "clip": True},
                    color=training(colours, [*listed, OWN], values=listed),
                    shape=training(shapes, [*listed, OWN], values=listed),
                    size={"condition": sizes, "value": 40},
                    tooltip=tips,
                    stroke={"condition": {"test": own, "value": INK}, "value": WHITE},
                ),
            ],
        },
        **spacing(10, 24),
    )


def _in_points(name: str, column: str, mark: str = "") -> Spec:
    text = f"format(datum.{column}, '.1f') + ' points'{mark}"
    return calculate(name, f"isValid(datum.{column}) ? {text} : '–'")


def _logit(percent: str) -> str:
    return f"log({percent} / (100 - {percent}))"


def _logits(chart: Axes) -> list[Spec]:
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


def _in_logits(percents: Sequence[float]) -> list[float]:
    return [round(float(x), 6) for x in logit(np.array(percents) / 100)]


def _logit_axes(chart: Axes, x_scale: Spec, y_scale: Spec) -> Spec:
    ticks = {
        "values": _in_logits(TICKS),
        "labelExpr": "format(100 / (1 + exp(-datum.value)), '.0f')",
        "labelOverlap": True,
    }
    return {
        "x": quantitative("x_logit", scale=x_scale, axis={"title": chart.x_label, **ticks}),
        "y": quantitative("y_logit", scale=y_scale, axis={"title": chart.y_label, **ticks}),
    }


def _baseline(**more: bool) -> list[Spec]:
    dashed = {"color": INK, "strokeWidth": 1, "strokeDash": [3, 3], **more}
    solid = {"color": INK, "strokeWidth": 1.25, **more}
    return [
        layer("line", keep(f"datum.kind === '{kind}'"), look=look)
        for kind, look in (("extrapolated", dashed), ("line", solid))
    ]
