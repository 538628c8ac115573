"""Charts of kurtosis, concepts, their correlation with robustness, CKA and planted features."""

from typing import Any

from page.vega_lite import (
    COLOUR,
    DASHES,
    INK,
    PURPLE,
    REVISION_ROWS,
    SHAPE,
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
    numbered,
    panel,
    quantitative,
    rounded,
    scale,
    shown_if,
    spacing,
    specification,
    spread,
    tooltip,
    value,
    wrapped,
)

CATEGORY_COLOURS = {
    "object": "#56B4E9",
    "part": "#E69F00",
    "scene": "#CC79A7",
    "texture": "#F0E442",
    "material": INK,
    "color": "#7B4FA3",
}
HAS_INTERVAL = "isValid(datum.low) && isValid(datum.high)"
ROWS_WIDTH, ROW = 325, 38
"""The width of a chart with an encoder per row, and the height of a row with the name above."""

NAMED_ROW = calculate(
    "name", "datum.number + '  ' + datum.label + (datum.rev ? ', ' + datum.rev : '')"
)


def kurtosis(chart: Axes) -> Spec:
    """Draw an encoder per row, with its interval and the untrained encoders of its backbone."""
    drawn = {"invalid": None}  # otherwise a row without an interval or a null is left out
    gaussian = {
        "data": {"values": [{"gaussian": 3, "said": "a Gaussian: 3"}]},
        "encoding": {"x": quantitative("gaussian")},
        "layer": [
            layer("rule", look={"color": SOFT_INK, "strokeDash": [2, 3]}),
            layer(
                "text",
                look={"color": SOFT_INK, "align": "left", "baseline": "bottom", "dx": 0},
                y=value(-3),
                text=field("said"),
            ),
        ],
    }
    encoders = {
        "encoding": {"y": _rows(chart.y, "number"), "yOffset": nominal("rev", sort=[])},
        "layer": [
            layer(
                "rule",
                look={**drawn, "color": SOFT_INK, "strokeWidth": 7},
                x=quantitative("null_low"),
                x2=field("null_high"),
                opacity=shown_if("isValid(datum['null_low'])", 0.18),
            ),
            layer(
                "tick",
                look={**drawn, "color": INK, "thickness": 2, "size": 13},
                x=quantitative("null"),
                opacity=shown_if("isValid(datum['null'])", 0.55),
            ),
            layer(
                "rule",
                look={**drawn, "strokeWidth": 2},
                x=quantitative("low"),
                x2=field("high"),
                color=COLOUR,
                opacity=shown_if(HAS_INTERVAL),
            ),
            layer(
                "point",
                look={**drawn, "filled": True, "size": 75, "opacity": 1},
                x=chart.along_x(
                    scale={"zero": False, "nice": True, "padding": 10}, axis={"tickCount": 6}
                ),
                color=COLOUR,
                tooltip=tooltip(
                    *("rev", "label", "training"),
                    chart.told_x(".2f"),
                    *("interval", "null_text", "outlier_features"),
                ),
                shape=SHAPE,
            ),
            _named(),
        ],
    }
    span = "(isValid(datum.null_low) ? {} : '')".format(
        "' (' + format(datum.null_low, '.2f') + ' to ' + format(datum.null_high, '.2f') + ')'"
    )
    return specification(
        "number kurtosis low high null null_low null_high",
        transform=[
            NAMED_ROW,
            interval("low", "high", ".2f"),
            rounded("null_text", "null", ".2f", span),
        ],
        **wrapped(3, [], "representation"),
        spec={"width": ROWS_WIDTH, "height": {"step": ROW}, "layer": [gaussian, encoders]},
        **independent(scale="xy"),
    )


def concepts(chart: Axes) -> Spec:
    """Draw an encoder per row, its concepts by category, and the totals of all draws."""
    names = list(CATEGORY_COLOURS)
    every = keep("datum.category === 'all'")
    below = "datum.representation === 'rectified representations' ? 1e6 : 0"
    between = f"{HAS_INTERVAL} ? ' [' + datum.low + ', ' + datum.high + ']' : ''"
    tips = tooltip(
        *("rev", "label", "training", "basis", "category"),
        chart.told_x(),
        *("interval", "permuted_text", "random_text", "over_all"),
    )
    legend = {"title": "Broden category", "symbolType": "square", "symbolStrokeWidth": 0}
    x_axis = {"tickMinStep": 1, "format": "d", "tickCount": 6}
    layers = [
        layer(
            "bar",
            keep("datum.category !== 'all'"),
            look={"stroke": WHITE, "strokeWidth": 0.8, "size": 13},
            x=chart.along_x(stack="zero", axis=x_axis),
            color=nominal("category", scale=scale(names, CATEGORY_COLOURS.values()), legend=legend),
            order=quantitative("order"),
            tooltip=tips,
        ),
        *(
            layer(
                "rule",
                every,
                look={"invalid": None, "color": colour, "strokeWidth": width},
                x=quantitative("low"),
                x2=field("high"),
                opacity=shown_if(HAS_INTERVAL),
                tooltip=tips,
            )
            for colour, width in ((WHITE, 3.5), (INK, 1.5))
        ),
        layer(
            "tick",
            every,
            look={"invalid": None, "color": INK, "thickness": 2, "size": 18},
            x=quantitative("random"),
            opacity=shown_if("isValid(datum.random)", 0.55),
            tooltip=tips,
        ),
        layer(
            "text",
            every,
            calculate("total", f"datum['{chart.x}'] + ({between})"),
            look={"align": "right", "dy": -14, "color": INK},
            x=value("width"),
            text=nominal("total"),
            tooltip=tips,
        ),
        {"transform": [every], **_named()},
    ]
    bases = ["directions", "features"]
    header = {"labelExpr": "datum.value === 'directions' ? 'directions' : 'single features'"}
    return specification(
        "number unique polysemanticity low high permuted random over_all",
        transform=[
            calculate("order", f"indexof({names}, datum.category)"),
            calculate("place", f"datum.number + ({below})"),
            NAMED_ROW,
            interval("low", "high", "d"),
            rounded("permuted_text", "permuted", ".1f"),
            rounded("random_text", "random", ".1f"),
        ],
        facet={
            "column": nominal("basis", sort=bases, title=None, header=header),
            **REVISION_ROWS,
        },
        spec={
            "width": ROWS_WIDTH,
            "height": {"step": ROW},
            "encoding": {"y": _rows(chart.y, "place")},
            "layer": layers,
        },
        **spacing(40, 20),
    )


def correlation(chart: Axes) -> Spec:
    """Draw a numbered point per encoder and a panel per measure; hollow: extrapolated."""
    point = {"size": 75, "opacity": 1}
    tips = tooltip(
        *("rev", "number", "label", "training", "measure"),
        {"field": "value_text", "title": chart.x_label},
        "robustness_text",
    )
    channels = {"color": COLOUR, "tooltip": tips, "shape": SHAPE}
    padded, axis = {"zero": False, "padding": 24}, {"tickCount": 5}
    # Neighbours have their numbers on different sides, and all at different heights.
    sides = [
        (keep(f"datum.nth % 2 === {odd}"), align, sign)
        for odd, align, sign in ((1, "right", -1), (0, "left", 1))
    ]
    layers = [
        *(
            layer(
                "rule",
                on_side,
                look={"strokeWidth": 0.75, "color": SOFT_INK, "x2Offset": 14 * sign},
                x2=field(chart.x),
                y2=field("label_y"),
            )
            for on_side, _, sign in sides
        ),
        layer("point", look={**point, "strokeWidth": 2}, **channels, fillOpacity=value(0)),
        layer("point", keep("!datum.extrapolated"), look={**point, "filled": True}, **channels),
        *(
            layer(
                "text",
                on_side,
                look={"align": align, "baseline": "middle", "dx": 17 * sign, **look},
                y=quantitative("label_y"),
                text=quantitative("number", format="d"),
            )
            for on_side, align, sign in sides
            for look in (
                {"color": WHITE, "stroke": WHITE, "strokeWidth": 3},
                {"color": INK, "fontWeight": "bold"},
            )
        ),
    ]
    return specification(
        "number value effective_robustness",
        transform=[
            panel("datum.measure"),
            numbered("nth", chart.x, "panel"),
            rounded("value_text", chart.x, ".2~f"),
            rounded("robustness_text", chart.y, ".1f", "' points' + (datum.extrapolated || '')"),
            joined(lowest=("min", chart.y), highest=("max", chart.y)),
            joined("panel", many=("count", chart.y)),
            *spread(
                chart.y,
                "((datum.highest - datum.lowest) * min(0.075, 0.95 / datum.many))",
                "panel",
            ),
        ],
        **wrapped(3, []),
        spec={
            "width": 275,
            "height": 220,
            "encoding": {
                "x": chart.along_x(scale={**padded, "nice": True}, axis=axis),
                "y": chart.along_y(scale={"zero": False, "padding": 14}, axis=axis),
            },
            "layer": layers,
        },
        **independent(scale="x", axis="xy"),
        **spacing(20, 20),
    )


def cka(chart: Axes) -> Spec:
    """Draw a matrix of layers per comparison, with its numbers if they fit into the cells."""
    bare = {"labelLimit": 0, "ticks": False, "domain": False, "grid": False}
    legend = {"title": "CKA", "symbolType": "square", "symbolStrokeWidth": 0}
    first, second = ({"field": f"{which}_index", "op": "min"} for which in ("first", "second"))
    shade = quantitative(
        "cka",
        scale={"domain": [0, 1], "range": [0, 1], "clamp": True},
        legend={**legend, "values": [0.1, 0.25, 0.5, 0.75, 1], "symbolFillColor": PURPLE},
    )
    on_dark = {"condition": {"test": "datum.cka > 0.55", "value": WHITE}, "value": INK}
    tips = ("rev", "first_label", chart.told_x(), "second_label", chart.told_y())
    return specification(
        "first_index second_index cka",
        transform=[
            panel("datum.first_label + ' (across)\\n' + datum.second_label + ' (up)'"),
            joined("panel", last_index=("max", "first_index"), last_second=("max", "second_index")),
        ],
        **wrapped(3, []),
        spec={
            "width": 235,
            "height": 225,
            "encoding": {
                "x": nominal(chart.x, sort=first, title=None, axis={**bare, "labelAngle": -40}),
                "y": nominal(
                    chart.y, sort={**second, "order": "descending"}, title=None, axis=bare
                ),
            },
            "layer": [
                layer(
                    "rect",
                    look={"color": PURPLE},
                    opacity=shade,
                    tooltip=tooltip(*tips, quantitative("cka", title="CKA", format=".2f")),
                ),
                layer(
                    "text",
                    keep("datum.last_index < 8 && datum.last_second < 8"),
                    text=quantitative("cka", format=".2f"),
                    color=on_dark,
                    tooltip=tooltip(*tips, quantitative("cka", title="CKA", format=".2f")),
                ),
            ],
        },
        **independent(scale="xy"),
        **flush(92, 112),
    )


def planted_outliers(chart: Axes) -> Spec:
    """Draw the share of images in which raised features were found, beside the arithmetic's."""
    sizes = [2, 4, 6, 8, 10, 15, 20, 30, 60, 120]
    x = chart.along_x(
        scale={"type": "log", "nice": False},
        axis={"grid": False, "values": sizes, "labelOverlap": True},
    )
    percent = {"axis": {"tickCount": 5}, "scale": {"domain": [0, 100]}}
    tips = tooltip("rev", "features", chart.told_x("~f"), chart.told_y(".1f"), "arithmetic")
    legend = {"symbolSize": 90, "symbolFillColor": INK, "symbolStrokeColor": INK}

    def by_features(values: list[Any], legend: Spec | None) -> Spec:
        return nominal("features", sort=None, legend=legend, scale={"range": values})

    layers = [
        layer(
            "line",
            look={"strokeWidth": 1.75, "color": INK},
            x=x,
            y=quantitative("arithmetic", title=chart.y_label, **percent),
            detail=[nominal("features"), nominal("rev")],
            tooltip=tips,
            strokeDash=by_features(DASHES, None),
        ),
        layer(
            "point",
            look={"filled": True, "size": 60, "color": INK, "opacity": 1},
            x=x,
            y=chart.along_y(**percent),
            tooltip=tips,
            shape=by_features(
                ["circle", "square", "triangle-up", "diamond"], {"title": "features", **legend}
            ),
        ),
    ]
    return specification(
        "size found arithmetic",
        facet=REVISION_ROWS,
        spec={"width": 285, "height": 220, "layer": layers},
        spacing={"row": 24},
    )


def _rows(column: str, along: str) -> Spec:
    """Give each encoder a row; `_named` writes its name there."""
    return nominal(column, sort={"field": along, "op": "min"}, title=None, axis=None)


def _named() -> Spec:
    """Write each encoder's number and name above its mark, so that the row needs no margin."""
    return layer(
        "text",
        look={"invalid": None, "align": "left", "dy": -14, "color": INK, "limit": ROWS_WIDTH - 60},
        x=value(0),
        text=nominal("name"),
    )
