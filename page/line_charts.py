"""Charts with a line per encoder, most with its name beside one of its ends."""

from collections.abc import Sequence

from page.names import DATASETS
from page.vega_lite import (
    COLOUR,
    DASH,
    INK,
    SOFT_INK,
    Axes,
    Spec,
    calculate,
    field,
    flush,
    independent,
    joined,
    keep,
    layer,
    nominal,
    panel,
    quantitative,
    specification,
    spread,
    tooltip,
    value,
    wrapped,
)

HEIGHT = 205
PAPER_PRUNES = {"paper": 0.8, "said": "paper: 80 %"}
NAME = calculate("name", "datum.number + '  ' + datum.label")
OF_HEAD = keep("datum.head === 'head'")
BY_BACKBONE = wrapped(2, {"field": "order", "op": "min"})


def importance(chart: Axes) -> Spec:
    """Draw the importance of directions as a share of the largest, on a logarithmic axis."""
    ticks = {"values": list(range(-6, 1)), "labelExpr": "format(pow(10, datum.value), '~g')"}
    lines = _named_lines(
        chart,
        chart.along_x(
            scale={"zero": False, "nice": False},
            axis={"tickMinStep": 1, "tickCount": 6, "format": "d", "grid": False},
        ),
        quantitative("height", title=chart.y_label, scale={"nice": False}, axis=ticks),
        (chart.x, chart.y, "share"),
        at="last",
        step="(-datum.lowest * 0.09)",
    )
    return specification(
        "number rank importance",
        transform=[
            OF_HEAD,
            joined("rev label", largest=("max", chart.y), last=("max", chart.x)),
            calculate("share", f"max(datum['{chart.y}'] / datum.largest, 1e-6)"),
            calculate("height", "log(datum.share) / LN10"),
            panel("datum.backbone"),
            joined("rev backbone", order=("min", "number")),
            joined(lowest=("min", "height")),
            NAME,
        ],
        **BY_BACKBONE,
        spec=lines,
        **independent(axis="xy"),
        **flush(315, 84),
    )


def pruning(chart: Axes) -> Spec:
    """Draw accuracy against the fraction of directions pruned, on ImageNet and on the shifts."""
    kept = ["rev", "number", "label", "training", "backbone", "over", chart.x]
    paper = {
        "data": {"values": [PAPER_PRUNES]},
        "encoding": {"x": quantitative("paper"), "y": value(0), "color": value(SOFT_INK)},
        "layer": [
            layer(
                "rule", look={"strokeDash": [2, 3], "strokeWidth": 1}, y=value(0), y2=value(HEIGHT)
            ),
            layer(
                "text",
                look={"align": "right", "baseline": "top", "dx": -4, "dy": 3},
                text=field("said"),
            ),
        ],
    }
    lines = _named_lines(
        chart,
        chart.along_x(axis={"format": ".0%", "tickCount": 5, "grid": False}),
        chart.along_y(scale={"domain": [0, 100]}, axis={"orient": "right", "tickCount": 5}),
        ("over", chart.x, chart.y),
        at="first",
        step="6.6",
    )
    return specification(
        "number fraction accuracy",
        transform=[
            OF_HEAD,
            # The mean is that of the testbed's shifts, as that of effective robustness.
            keep(f"indexof({list(DATASETS.values())}, datum.dataset) >= 0"),
            calculate("over", "datum.dataset === 'ImageNet' ? 'ImageNet' : 'the shifts, mean'"),
            {"aggregate": [{"op": "mean", "field": chart.y, "as": chart.y}], "groupby": kept},
            *_by_backbone_and("over", "ImageNet", chart),
            NAME,
        ],
        **BY_BACKBONE,
        spec=lines | {"layer": [paper, *lines["layer"]]},
        **independent(axis="xy"),
        **flush(285, 84),
    )


def sweep(chart: Axes) -> Spec:
    """Draw the number of unique concepts against the threshold, of directions and of features."""
    lines = _named_lines(
        chart,
        chart.along_x(
            scale={"zero": False, "nice": False},
            axis={"tickCount": 5, "grid": False, "format": ".2~f"},
        ),
        chart.along_y(axis={"orient": "right", "tickCount": 5, "tickMinStep": 1}),
        ("basis", chart.x, chart.y, "low", "high", "permuted", "random", "over_all"),
        at="first",
        step="(datum.most * 0.07)",
    )
    return specification(
        "number threshold unique low high permuted random over_all",
        transform=[
            *_by_backbone_and("basis", "directions", chart),
            joined(most=("max", chart.y)),
            NAME,
        ],
        **BY_BACKBONE,
        spec=lines,
        **independent(axis="xy"),
        **flush(285, 84),
    )


def training_curves(chart: Axes) -> Spec:
    """Draw the course of each training in a panel of its own."""
    x_axis = {"tickCount": 4, "grid": False, "labelFlush": True}
    line = layer(
        "line",
        look={"strokeWidth": 1.4},
        x=chart.along_x(scale={"nice": False}, axis=x_axis),
        y=chart.along_y(axis={"tickCount": 4}),
        color=COLOUR,
        tooltip=tooltip("rev", "label", "training", chart.x, chart.y),
        strokeDash=DASH,
    )
    return specification(
        "number step loss accuracy",
        transform=[keep(f"isValid(datum['{chart.y}'])"), panel("datum.label")],
        **wrapped(4, {"field": "number", "op": "min"}),
        spec={"width": 205, "height": 110, **line},
        **independent(scale="xy"),
        **flush(68, 78),
    )


def _by_backbone_and(column: str, first: str, chart: Axes) -> list[Spec]:
    """Make two panels per backbone, by the value of a column, and find where lines begin."""
    return [
        panel(f"datum.backbone + ': ' + datum.{column}"),
        joined("rev backbone", least=("min", "number")),
        calculate("order", f"2 * datum.least + (datum.{column} === '{first}' ? 0 : 1)"),
        joined("rev label", first=("min", chart.x)),
    ]


def _named_lines(chart: Axes, x: Spec, y: Spec, tips: Sequence[str], *, at: str, step: str) -> Spec:
    """Draw lines with names beside their `first` or `last` points, with a `step` between any two.

    A line has one tooltip for all of its points, so invisible points lie on it.
    """
    begins = at == "first"
    outer, inner, name = (-14, -2, -17) if begins else (259, 247, 262)
    layers = [
        layer(
            "line",
            look={"strokeWidth": 2},
            x=x,
            strokeDash=DASH,
            detail=[nominal("label"), nominal("rev")],
        ),
        layer(
            "point",
            look={"filled": True, "size": 60, "opacity": 0},
            x=x,
            tooltip=tooltip("rev", "label", "training", *tips),
        ),
        {
            "transform": [
                keep(f"datum['{chart.x}'] === datum.{at}"),
                *spread(y["field"], step, "panel"),
            ],
            "layer": [
                layer(
                    "rule",
                    look={"strokeWidth": 1.25},
                    x=value(outer),
                    x2=value(inner),
                    y=quantitative("label_y"),
                    y2=field(y["field"]),
                ),
                layer(
                    "text",
                    look={"align": "right" if begins else "left", "color": INK, "limit": 225},
                    x=value(name),
                    y=quantitative("label_y"),
                    color=value(INK),
                    text=nominal("name"),
                ),
            ],
        },
    ]
    return {"width": 245, "height": HEIGHT, "encoding": {"y": y, "color": COLOUR}, "layer": layers}
