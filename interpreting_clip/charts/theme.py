"""The look of all charts: marks, fonts, encodings of trainings, and texts on pointers."""

from collections.abc import Iterable
from typing import Any

import altair as alt

from interpreting_clip.charts.colours import LIGHT

INK, SOFT_INK, GROUND, GREY, PURPLE = (
    LIGHT[name] for name in ("ink", "soft-ink", "ground", "grey", "purple")
)

GIVEN = "given"
"""The kind of training of arrays that somebody measures, for which it is not known."""

TRAINING_COLOURS = {
    "zero-shot": LIGHT["zero-shot"],
    "finetuned": LIGHT["finetuned"],
    "supervised": LIGHT["supervised"],
    "linear probe": LIGHT["linear-probe"],
    "untrained": LIGHT["untrained"],
    GIVEN: INK,
}
"""The colour of each kind of training in all charts; nothing else has these colours."""

SHAPES = ["diamond", "square", "triangle-up", "triangle-down", "cross", "circle"]
DASHES = [[1, 0], [7, 3], [2, 2], [12, 4], [7, 3, 2, 3], [1, 0]]
"""A shape and a dash per kind of training, for those who do not see colours."""

CONFIG: dict[str, Any] = {
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "background": GROUND,
    "view": {"stroke": LIGHT["frame"]},
    "axis": {
        "labelColor": SOFT_INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "titlePadding": 8,  # other fonts than those of `only_bundled_fonts` are wider
        "labelFontSize": 11,
        "gridColor": LIGHT["grid"],
        "domainColor": LIGHT["axis"],
        "tickColor": LIGHT["axis"],
    },
    "legend": {
        "labelColor": SOFT_INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "orient": "bottom",
        "labelLimit": 0,
        "columnPadding": 40,  # readers' fonts may be wider than the measured font
        "symbolOpacity": 1,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "labelFontWeight": "bold", "labelLimit": 0},
    "title": {"color": INK, "fontSize": 14, "fontWeight": "bold", "offset": 12, "anchor": "start"},
    "text": {"color": INK},
}
"""Vega-Lite's configuration of every chart."""

# --- Encodings


def training_color() -> alt.Color:
    """Colour marks by the kind of training."""
    scale = by_name(TRAINING_COLOURS, TRAINING_COLOURS.values())
    return alt.Color("training:N", scale=scale)


def training_shape() -> alt.Shape:
    """Give points a shape by the kind of training."""
    return alt.Shape("training:N", scale=by_name(TRAINING_COLOURS, SHAPES))


def training_dash() -> alt.StrokeDash:
    """Dash lines by the kind of training."""
    legend = alt.Legend(symbolType="stroke", symbolSize=500)
    scale = by_name(TRAINING_COLOURS, DASHES)
    return alt.StrokeDash("training:N", scale=scale, legend=legend)


def by_name(names: Iterable[str], values: Iterable[Any]) -> alt.Scale:
    """Return a scale from names to values, one for each."""
    return alt.Scale(domain=list(names), range=list(values))


TITLES = {
    "label": "name",
    "robustness_text": "effective robustness",
    "first_layer": "across",
    "second_layer": "up",
    "text": "value",
}
"""What a tooltip calls a column; other columns have their own names."""


def tooltip(*columns: str | alt.Tooltip) -> list[alt.Tooltip]:
    """Show columns where the pointer is, as text under the names of `TITLES`."""
    return [
        alt.Tooltip(field=column, type="nominal", title=TITLES.get(column, column))
        if isinstance(column, str)
        else column
        for column in columns
    ]


def number_tip(column: str, title: str, form: str) -> alt.Tooltip:
    """Show a number in a tooltip, in a format of D3."""
    return alt.Tooltip(field=column, type="quantitative", title=title, format=form)


def with_halo(texts: alt.Chart, **look: Any) -> list[alt.Chart]:
    """Write texts on a halo of the ground's colour, so that no line runs through the letters."""
    halo = {"color": GROUND, "stroke": GROUND, "strokeWidth": 4, "strokeJoin": "round"}
    return [texts.mark_text(**look, **halo), texts.mark_text(**look, color=INK)]
