"""What the Vega-Lite specifications of the charts have in common: look, encodings, transforms."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

Spec = dict[str, Any]

INK, SOFT_INK, WHITE = "#1f242b", "#3c434c", "#ffffff"
FRAME, GRID, AXIS, GREY = "#d0d4da", "#eceef1", "#8a929c", "#9aa1ab"

TRAINING_COLOURS = {
    "zero-shot": "#0072B2",
    "finetuned": "#D55E00",
    "supervised": "#009E73",
    "linear probe": "#7A4A12",
    "untrained": "#6B7280",
}
"""One per kind of training in all charts; nothing else has them. Okabe and Ito's, and brown."""

PURPLE = "#4a1f82"
"""The colour of CKA, whose opacity is the value."""

THEME = {
    INK: "ink",
    SOFT_INK: "soft-ink",
    WHITE: "ground",
    FRAME: "frame",
    GRID: "grid",
    AXIS: "axis",
    GREY: "grey",
    PURPLE: "purple",
    **{colour: name.replace(" ", "-") for name, colour in TRAINING_COLOURS.items()},
}
"""The colours that are others on a dark page, `--chart-<name>` in templates/shared/charts.css."""

TRAININGS = list(TRAINING_COLOURS)
SHAPES = ["diamond", "square", "triangle-up", "triangle-down", "cross"]
DASHES = [[1, 0], [7, 3], [2, 2], [12, 4], [7, 3, 2, 3]]
"""A shape and a dash per kind of training, for those who do not see colours."""

SAID: dict[str, Spec] = {
    "rev": {"title": "revision"},
    "label": {"title": "name"},
    "robustness_text": {"title": "effective robustness"},
    "outlier_features": {"title": "outlier features"},
    "null_text": {"title": "untrained encoders"},
    "interval": {"title": "interval"},
    "permuted_text": {"title": "with images permuted"},
    "random_text": {"title": "of random directions"},
    "over_all": {"title": "against all images"},
    "first_label": {"title": "across"},
    "second_label": {"title": "up"},
    "share": {"title": "importance / the largest", "type": "quantitative", "format": ".2~g"},
    "over": {"title": "accuracy on"},
    "basis": {"title": "concepts of"},
    "arithmetic": {"title": "by arithmetic (%)", "type": "quantitative", "format": ".1f"},
}
"""What a tooltip calls a column, and how it shows a number; other columns have their own names."""

CONFIG: Spec = {
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "background": WHITE,
    "view": {"stroke": FRAME},
    "axis": {
        "labelColor": SOFT_INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 11,
        "gridColor": GRID,
        "domainColor": AXIS,
        "tickColor": AXIS,
        "tickSize": 3,
    },
    "legend": {
        "labelColor": SOFT_INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "orient": "bottom",
        "labelLimit": 0,
        "columnPadding": 16,
        "symbolStrokeWidth": 2,
        "symbolOpacity": 1,
        "layout": {"bottom": {"anchor": "start", "margin": 28}},
    },
    "header": {
        "labelColor": INK,
        "labelFontSize": 12.5,
        "labelFontWeight": "bold",
        "labelPadding": 4,
        "labelLimit": 0,
    },
    "title": {"color": INK, "fontSize": 14, "fontWeight": "bold", "offset": 12},
}


def themed_colour(colour: str) -> str:
    """Return a colour as CSS: a variable if the page has it in `THEME`, else as it is."""
    return f"var(--chart-{THEME[colour]})" if colour in THEME else colour


class Axes(msgspec.Struct, frozen=True, kw_only=True):
    """The columns that a chart has on its axes, and the axes' titles."""

    x: str
    y: str
    x_label: str
    y_label: str

    def along_x(self, **more: Any) -> Spec:
        """Encode the column of the horizontal axis."""
        return quantitative(self.x, title=self.x_label, **more)

    def along_y(self, **more: Any) -> Spec:
        """Encode the column of the vertical axis."""
        return quantitative(self.y, title=self.y_label, **more)

    def told_x(self, form: str = "") -> Spec:
        """Show the column of the horizontal axis in a tooltip, in a number format if it has one."""
        return _told(self.x, self.x_label, form)

    def told_y(self, form: str = "") -> Spec:
        """Show the column of the vertical axis in a tooltip, in a number format if it has one."""
        return _told(self.y, self.y_label, form)


def _told(column: str, title: str, form: str) -> Spec:
    number = {"type": "quantitative", "format": form} if form else {}
    return {"field": column, "title": title, **number}


def specification(numbers: str, **parts: Any) -> Spec:
    """Return a specification without rows; `numbers` are its numeric columns, between spaces."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"format": {"parse": dict.fromkeys(numbers.split(), "number")}},
        **parts,
        "config": CONFIG,
    }


def layer(mark: str, *transform: Spec, look: Spec | None = None, **encoding: Any) -> Spec:
    """Return a layer of marks that look alike."""
    fixed = {"fontSize": 11} if mark == "text" else {}
    parts = {
        "transform": list(transform),
        "mark": {"type": mark, **fixed, **(look or {})},
        "encoding": encoding,
    }
    return {name: part for name, part in parts.items() if part}


# --- Encodings


def quantitative(field: str, **more: Any) -> Spec:
    """Encode a number."""
    return {"field": field, "type": "quantitative", **more}


def nominal(field: str, **more: Any) -> Spec:
    """Encode a name."""
    return {"field": field, "type": "nominal", **more}


def field(name: str) -> Spec:
    """Encode a column as it is."""
    return {"field": name}


def value(constant: Any) -> Spec:
    """Encode the same for every row."""
    return {"value": constant}


def scale(domain: Sequence[str], values: Iterable[Any]) -> Spec:
    """Return a scale from names to values, of which there may be more."""
    return {"domain": list(domain), "range": list(values)[: len(domain)]}


def training(values: Iterable[Any], domain: Sequence[str] = TRAININGS, /, **legend: Any) -> Spec:
    """Encode the kind of training, with values in the order of `TRAININGS`."""
    return nominal("training", scale=scale(domain, values), legend={"title": "training", **legend})


COLOUR, SHAPE = training(TRAINING_COLOURS.values()), training(SHAPES)
DASH = training(DASHES, symbolType="stroke", symbolSize=500)


def tooltip(*columns: str | Spec) -> list[Spec]:
    """Show columns where the pointer is, under the names of `SAID`; a `Spec` is kept."""
    return [
        column if isinstance(column, dict) else field(column) | SAID.get(column, {})
        for column in columns
    ]


def interval(low: str, high: str, form: str) -> Spec:
    """Add the column `interval`: both ends as text, or a dash where one is missing."""
    ends = " + ', ' + ".join(f"format(datum['{end}'], '{form}')" for end in (low, high))
    known = f"isValid(datum['{low}']) && isValid(datum['{high}'])"
    return calculate("interval", f"{known} ? '[' + {ends} + ']' : '–'")


def rounded(name: str, column: str, form: str, more: str = "''") -> Spec:
    """Add a column with a number as text and what an expression adds to it; a dash for none."""
    text = f"format(datum['{column}'], '{form}') + {more}"
    return calculate(name, f"isValid(datum['{column}']) ? {text} : '–'")


def shown_if(test: str, opacity: float = 1) -> Spec:
    """Hide the rows that fail a test; without them, their panel might have no such axis."""
    return {"condition": {"test": test, "value": opacity}, "value": 0}


# --- Transforms


def keep(test: str) -> Spec:
    """Keep the rows that pass a test."""
    return {"filter": test}


def calculate(name: str, expression: str) -> Spec:
    """Add a column."""
    return {"calculate": expression, "as": name}


def joined(by: str = "", **made: tuple[str, str]) -> Spec:
    """Add columns, each `name=(op, field)` over all rows with equal columns `by`."""
    ops = [{"op": op, "field": name, "as": new} for new, (op, name) in made.items()]
    return {"joinaggregate": ops, **({"groupby": by.split()} if by else {})}


def numbered(name: str, along: str, by: str) -> Spec:
    """Number rows from 1 upwards, among those with equal columns `by`."""
    made = [{"op": "row_number", "as": name}]
    return {"window": made, "sort": [field(along), field("number")], "groupby": by.split()}


def spread(y: str, step: str, by: str) -> list[Spec]:
    """Give each label a height `label_y` near its own `y`, with a `step` between any two.

    Heights less `step` times their place must not fall. Raising those that do, and lowering those
    before them, are two ways to that end; the mixture of both moves no label far.
    """

    def pushed(op: str, name: str, frame: list[int | None]) -> Spec:
        made = [{"op": op, "field": "free", "as": name}]
        return {"window": made, "sort": [field("place")], "frame": frame, "groupby": by.split()}

    mixture = "datum.pushed_up / 5 + datum.pushed_down * 4 / 5"
    return [
        numbered("place", y, by),
        calculate("free", f"datum['{y}'] - datum.place * {step}"),
        pushed("max", "pushed_up", [None, 0]),
        pushed("min", "pushed_down", [0, None]),
        calculate("label_y", f"datum.place * {step} + {mixture}"),
    ]


def panel(title: str) -> Spec:
    """Name the panel of a row; revisions that DVC compares have panels of their own."""
    return calculate("panel", f"{title} + (datum.rev ? '\\n' + datum.rev : '')")


# --- Panels

REVISION_ROWS = {"row": nominal("rev", title=None)}


def wrapped(columns: int, sort: Any, column: str = "panel") -> Spec:
    """Lay out a panel per value of a column, as many in a row as there are `columns`."""
    header = {"labelExpr": "split(datum.label, '\\n')", "labelAnchor": "start"}
    return {"facet": nominal(column, title=None, sort=sort, header=header), "columns": columns}


def independent(**parts: str) -> Spec:
    """Give each panel its own: `scale="xy"`, `axis="x"`."""
    return {"resolve": {part: dict.fromkeys(names, "independent") for part, names in parts.items()}}


def spacing(column: int, row: int) -> Spec:
    """Leave that many pixels between panels."""
    return {"spacing": {"column": column, "row": row}}


def flush(column: int, row: int) -> Spec:
    """Leave that many pixels between panels, whatever their labels need."""
    return {"bounds": "flush", **spacing(column, row)}
