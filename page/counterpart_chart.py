"""The chart that sets published models of one backbone side by side: trained, finetuned, zero-shot.

A panel per backbone and a row per model, with its mean effective robustness and the interval; all
panels have the same axis.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from page.charts import Chart
from page.names import mark
from page.panel_ranges import Domains
from page.vega import Rows
from page.vega_lite import (
    COLOUR,
    INK,
    SHAPE,
    Axes,
    Spec,
    calculate,
    field,
    independent,
    interval,
    layer,
    nominal,
    quantitative,
    rounded,
    specification,
    tooltip,
    value,
    wrapped,
)

WIDTH, ROW = 325, 34
"""The width of a panel and the height of a row with its label above, in pixels."""


def counterpart_rows(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the chart; models without an interval are left out.

    Parameters
    ----------
    models
        Of each model `backbone`, `name`, `training` (zero-shot, finetuned or supervised), `how`
        (what stands in its row: the training in more words), `data`, ImageNet accuracy `imagenet`
        in percent, the mean effective robustness `interval` as value, low and high in points, and
        whether the line is `extrapolated`.
    """
    return [
        {
            "backbone": m["backbone"],
            "place": place,
            "name": m["name"],
            "label": f"{m['how']}: {m['data']}" if m["data"] else m["how"],
            "training": m["training"],
            "data": m["data"],
            "imagenet": m["imagenet"],
            "robustness": m["interval"][0],
            "low": m["interval"][1],
            "high": m["interval"][2],
            "extrapolated": mark(m["extrapolated"]),
        }
        for place, m in enumerate(models)
        if m["interval"] is not None
    ]


def counterparts(chart: Axes) -> Spec:
    """Draw a row per model with its interval, hollow where the line is extrapolated."""
    tips = tooltip(
        *("rev", {"field": "name", "title": "model"}, "training"),
        {"field": "data", "title": "pretraining data"},
        quantitative("imagenet", title="ImageNet (%)", format=".1f"),
        *("robustness_text", "interval"),
    )
    # The label of the first row stands above it, and needs room below the frame.
    padded = {"type": "point", "padding": 0.9}
    row = nominal("name", sort={"field": "place", "op": "min"}, title=None, axis=None, scale=padded)
    layers = [
        layer(
            "rule", look={"strokeWidth": 2.5}, x=quantitative("low"), x2=field("high"), color=COLOUR
        ),
        layer(
            "point",
            look={"filled": True, "size": 75, "opacity": 1, "strokeWidth": 2},
            x=chart.along_x(axis={"tickCount": 5}, scale={"padding": 8}),
            color=COLOUR,
            stroke=COLOUR | {"legend": None},
            shape=SHAPE,
            fillOpacity={"condition": {"test": "datum.extrapolated", "value": 0}, "value": 1},
            tooltip=tips,
        ),
        layer(
            "text",
            look={"align": "left", "dy": -13, "color": INK, "limit": WIDTH - 60},
            x=value(0),
            text=nominal("label"),
            tooltip=tips,
        ),
        layer(
            "text",
            look={"align": "right", "dy": -13, "color": INK},
            x=value("width"),
            text=nominal("short"),
            tooltip=tips,
        ),
    ]
    return specification(
        "place imagenet robustness low high",
        transform=[
            interval("low", "high", ".1f"),
            rounded("robustness_text", chart.x, ".1f", "' points' + (datum.extrapolated || '')"),
            calculate("short", f"format(datum['{chart.x}'], '.1f') + (datum.extrapolated || '')"),
        ],
        **wrapped(3, [], "backbone"),
        spec={
            "width": WIDTH,
            "height": {"step": ROW},
            "encoding": {"y": row},
            "layer": layers,
        },
        **independent(scale="y"),
    )


def same_robustness(rows: Rows) -> Domains:
    """Return the ends of all intervals, with zero: a model on the line."""
    ends = [float(row[name]) for row in rows for name in ("low", "high")]
    return {name: (min(0.0, *ends), max(0.0, *ends)) for name in ("robustness", "low")}


COUNTERPART_CHART = Chart(
    name="counterparts",
    title="Zero-shot, finetuned and supervised models of one backbone",
    table="counterparts",
    specify=counterparts,
    x="robustness",
    y="name",
    x_label="mean effective robustness (points)",
    y_label="model",
    caption="Mean effective robustness in points over the four shifts that all these models were "
    "measured on, without ObjectNet, with its interval; a panel per backbone. Zero-shot CLIPs, "
    "models finetuned from the same weights, on ImageNet alone or through ImageNet-12k, and models "
    "trained on ImageNet alone. Hollow, and ‡: the line is extrapolated to the model.",
    panel=lambda row: row["backbone"],
    shared=same_robustness,
)
"""The chart of published counterparts, which the page of published models shows."""
