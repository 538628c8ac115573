"""Charts with a line per encoder, most with its number on it."""

from collections.abc import Sequence

from page.names import DATASETS, set_names
from page.vega_lite import (
    COLOUR,
    DASH,
    SOFT_INK,
    WHITE,
    Axes,
    Spec,
    calculate,
    field,
    flush,
    independent,
    interval,
    joined,
    keep,
    layer,
    nominal,
    panel,
    quantitative,
    rounded,
    specification,
    tooltip,
    value,
    wrapped,
)

WIDTH, HEIGHT = 270, 205
"""The size of a panel's axes in pixels: with its labels, it fits a telephone."""

IMAGENETS = [DATASETS["imagenet"], set_names(DATASETS)["imagenet"]]
TEST_SETS = [*DATASETS.values(), *set_names(DATASETS).values()]
SHIFTS = "the shifts, mean"
PAPER_PRUNES = {"paper": 0.8, "said": "paper: 80 %"}
OF_HEAD = keep("datum.head === 'head'")
BY_BACKBONE = wrapped(3, {"field": "order", "op": "min"})


def importance(chart: Axes) -> Spec:
    """Draw the importance of directions as a share of the largest, on a logarithmic axis."""
    ticks = {"values": list(range(-6, 1)), "labelExpr": "format(pow(10, datum.value), '~g')"}
    lines = _numbered_lines(
        chart.along_x(
            scale={"zero": False, "nice": False},
            axis={"tickMinStep": 1, "tickCount": 6, "format": "d", "grid": False},
        ),
        quantitative("height", title=chart.y_label, scale={"nice": False}, axis=ticks),
        (chart.told_x("d"), chart.told_y(".2~g"), "share"),
    )
    return specification(
        "number rank importance",
        transform=[
            OF_HEAD,
            joined("rev label", largest=("max", chart.y)),
            calculate("share", f"max(datum['{chart.y}'] / datum.largest, 1e-6)"),
            calculate("height", "log(datum.share) / LN10"),
            panel("datum.backbone"),
            joined("rev backbone", order=("min", "number")),
            *_places(chart.x, "height"),
        ],
        **BY_BACKBONE,
        spec=lines,
        **independent(axis="xy"),
        **flush(60, 84),
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
    lines = _numbered_lines(
        chart.along_x(axis={"format": ".0%", "tickCount": 5, "grid": False}),
        chart.along_y(scale={"domain": [0, 100]}, axis={"tickCount": 5}),
        ("over", chart.told_x(".0%"), chart.told_y(".1f")),
    )
    return specification(
        "number fraction accuracy",
        transform=[
            OF_HEAD,
            # The mean is that of the testbed's shifts, as that of effective robustness.
            keep(f"indexof({TEST_SETS}, datum.dataset) >= 0"),
            calculate(
                "over", f"indexof({IMAGENETS}, datum.dataset) >= 0 ? datum.dataset : '{SHIFTS}'"
            ),
            {"aggregate": [{"op": "mean", "field": chart.y, "as": chart.y}], "groupby": kept},
            *_by_backbone_and("over", f"datum.over !== '{SHIFTS}'"),
            *_places(chart.x, chart.y),
        ],
        **BY_BACKBONE,
        spec=lines | {"layer": [paper, *lines["layer"]]},
        **independent(axis="xy"),
        **flush(60, 84),
    )


def sweep(chart: Axes) -> Spec:
    """Draw the number of unique concepts against the threshold, of directions and of features."""
    lines = _numbered_lines(
        chart.along_x(
            scale={"zero": False, "nice": False},
            axis={"tickCount": 5, "grid": False, "format": ".2~f"},
        ),
        chart.along_y(axis={"tickCount": 5, "tickMinStep": 1}),
        (
            "basis",
            chart.told_x(".2~f"),
            chart.told_y(),
            *("interval", "permuted_text", "random_text", "over_all"),
        ),
    )
    return specification(
        "number threshold unique low high permuted random over_all",
        transform=[
            *_by_backbone_and("basis", "datum.basis === 'directions'"),
            *_places(chart.x, chart.y),
            interval("low", "high", "d"),
            rounded("permuted_text", "permuted", ".1f"),
            rounded("random_text", "random", ".1f"),
        ],
        **BY_BACKBONE,
        spec=lines,
        **independent(axis="xy"),
        **flush(60, 84),
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
        strokeDash=DASH,
    )
    points = layer(
        "point",
        look={"filled": True, "size": 120, "opacity": 0},
        x=chart.along_x(),
        y=chart.along_y(),
        color=COLOUR,
        tooltip=tooltip("rev", "label", "training", chart.told_x(",d"), chart.told_y(".2f")),
    )
    return specification(
        "number step loss accuracy",
        transform=[keep(f"isValid(datum['{chart.y}'])"), panel("datum.label")],
        **wrapped(4, {"field": "number", "op": "min"}),
        spec={"width": 215, "height": 110, "layer": [line, points]},
        **independent(scale="xy"),
        **flush(68, 78),
    )


def _by_backbone_and(column: str, first: str) -> list[Spec]:
    """Make two panels per backbone, by the value of a column; a test says which is first."""
    return [
        panel(f"datum.backbone + ': ' + datum.{column}"),
        joined("rev backbone", least=("min", "number")),
        calculate("order", f"2 * datum.least + ({first} ? 0 : 1)"),
    ]


def _places(x: str, y: str) -> list[Spec]:
    """Give one stretch of each line, `numbered`, the place `number_x`, `number_y` of its number.

    The lines of a panel have their numbers at different places along the axis, so that no two
    numbers meet although lines do.
    """

    def window(by: str, along: str, **made: Spec) -> Spec:
        ops = [{**op, "as": name} for name, op in made.items()]
        return {"window": ops, "sort": [field(along)], "groupby": by.split()}

    nth, line = {"op": "row_number"}, {"op": "dense_rank"}
    ends = {f"next_{name}": {"op": "lead", "field": of} for name, of in (("x", x), ("y", y))}
    place = "datum.line / (datum.lines + 1) * (datum.points - 1)"
    return [
        window("rev panel label", x, nth=nth, **ends),
        joined("rev panel label", points=("count", x)),
        window("rev panel", "number", line=line),
        joined("rev panel", lines=("max", "line")),
        calculate("along", f"{place} - (datum.nth - 1)"),
        calculate("numbered", "datum.along >= 0 && datum.along < 1"),
        *(
            calculate(
                f"number_{name}",
                f"datum['{of}'] + datum.along * (datum.next_{name} - datum['{of}'])",
            )
            for name, of in (("x", x), ("y", y))
        ),
    ]


def _numbered_lines(x: Spec, y: Spec, told: Sequence[str | Spec]) -> Spec:
    """Draw lines, each with its encoder's number on it.

    A line has one tooltip for all of its points, so invisible points lie on it.
    """
    number = {
        "text": quantitative("number", format="d"),
        "x": quantitative("number_x"),
        "y": quantitative("number_y"),
    }
    halo = {"stroke": WHITE, "strokeWidth": 4, "strokeJoin": "round", "fontWeight": "bold"}
    layers = [
        layer(
            "line",
            look={"strokeWidth": 2},
            x=x,
            strokeDash=DASH,
            detail=[nominal("label"), nominal("rev")],
        ),
        layer("text", keep("datum.numbered"), look=halo, **number, color=value(WHITE)),
        layer("text", keep("datum.numbered"), look={"fontWeight": "bold"}, **number),
        layer(
            "point",
            look={"filled": True, "size": 120, "opacity": 0},
            x=x,
            tooltip=tooltip("rev", "number", "label", "training", *told),
        ),
    ]
    encoding = {"y": y, "color": COLOUR}
    return {"width": WIDTH, "height": HEIGHT, "encoding": encoding, "layer": layers}
