"""A chart of a table, in panels: together for `dvc plots` and notebooks, one by one for a page.

A chart defines its panel once. `facets` lays the panels out at fixed places; on a page each panel
is a picture of its own, so that as many stand in a row as the window has room for, and a telephone
shows one below the other.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import altair as alt
import pandas as pd

from interpreting_clip.charts.colours import VARIABLES, recoloured
from interpreting_clip.charts.theme import (
    CONFIG,
    DASHES,
    GIVEN,
    SHAPES,
    TRAINING_COLOURS,
)

Ends = Mapping[str, tuple[float, float]]
"""The ends of the axes that all panels share, by the column that is drawn along them."""

Layers = alt.LayerChart | alt.Chart | alt.FacetChart

Spec = dict[str, Any]
"""A specification in Vega-Lite."""

OWN_SCALES = {"resolve": {"scale": {"x": "independent", "y": "independent"}}}
OWN_AXES = {"resolve": {"axis": {"x": "independent", "y": "independent"}}}
"""What the panels of `facets` do not share; each of a page has its own axes."""

POINTS = 60
"""The most points per line that a page draws: an encoder may have a thousand directions."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A colour, and a shape or a dash if the chart has them; `shape` is Vega's name or a path."""

    colour: str
    shape: str = ""
    dash: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Legend:
    """The looks of a column's values, by name in the order in which a page lists those it draws.

    `numbered`: whether the chart writes encoders' numbers without their names, so that the legend
    has to name them.
    """

    column: str
    looks: Mapping[str, Look]
    numbered: bool = False


def by_training(channel: Literal["shape", "dash"], *, numbered: bool = False) -> Legend:
    """Return the legend of points or lines whose colour and shape or dash is the training."""
    looks = {}
    for (name, colour), shape, dash in zip(TRAINING_COLOURS.items(), SHAPES, DASHES, strict=True):
        if name != GIVEN:
            point, line = Look(colour=colour, shape=shape), Look(colour=colour, dash=dash)
            looks[name] = point if channel == "shape" else line
    return Legend(column="training", looks=looks, numbered=numbered)


@dataclass(frozen=True, kw_only=True)
class PanelChart:
    """One chart of a table.

    Attributes
    ----------
    name, title : the name is that of its CSV in `plots/`, too
    caption : the text below it, unless the page's template has it
    numbers : the columns of numbers that it draws; all others are text
    draw : returns what one panel draws, without data, for the ends of the axes that panels share.
        Its transforms see the rows of all panels in `facets`, so they group by `panel`
    legend : what its colours, shapes and dashes stand for
    panel : the title of the panel that a row is in, with columns in braces; empty for one panel
    columns : panels in a row of `facets`
    facets : further properties of the facets, such as `{"spacing": …}`
    ends : the ends that the panels of a page share
    only : the rows that it draws, by column: `{"head": ("head",)}`; the others are only in the CSV
    """

    name: str
    title: str
    numbers: tuple[str, ...]
    draw: Callable[[Ends], Layers]
    caption: str = ""
    legend: tuple[Legend, ...] = ()
    panel: str = ""
    columns: int = 2
    facets: Mapping[str, Any] = field(default_factory=dict)
    ends: Callable[[pd.DataFrame], Ends] = lambda _rows: {}
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that the chart draws, with the title of their panel as `panel`."""
        kept = table
        for column, values in self.only.items():
            kept = kept[kept[column].isin(values)]
        return kept.assign(panel=[self.panel.format_map(row) for row in kept.to_dict("records")])


# --- All panels in one specification


def template(chart: PanelChart) -> Spec:
    """Return all panels of a chart as DVC's template, which DVC fills with the rows of its CSV.

    Each revision has panels of its own.
    """
    # The legends of published models list other kinds of training than those of encoders.
    names = [n for legend in chart.legend if legend.column == "training" for n in legend.looks]
    listed = pd.DataFrame({"training": names or [*TRAINING_COLOURS]})
    spec = with_legends(facets(chart).to_dict(validate=False), listed)
    spec["data"] = {"values": "<DVC_METRIC_DATA>", "format": _format(chart, "json")}
    return _finished(spec)


def whole_chart(
    chart: PanelChart, table: pd.DataFrame, size: tuple[int, int] | None = None
) -> Spec:
    """Return all panels of a chart with the rows of a table; `size` is a panel's, in pixels."""
    rows = thinned(chart.rows(table))
    ends = chart.ends(rows) if len(rows) else {}
    spec = with_legends(facets(chart, ends).to_dict(validate=False), rows)
    spec["data"] = {"values": csv_text(rows, spec, chart.panel), "format": _format(chart, "csv")}
    if size:
        spec["spec"] |= dict(zip(("width", "height"), size, strict=True))
    return _finished(spec)


def facets(chart: PanelChart, ends: Ends = MappingProxyType({})) -> alt.FacetChart:
    """Return all panels of a chart, laid out in rows, without data."""
    filters = [
        alt.FilterTransform(filter=alt.FieldOneOfPredicate(field=column, oneOf=list(values)))
        for column, values in chart.only.items()
    ]
    title = alt.CalculateTransform.from_dict({"calculate": panel_expression(chart), "as": "panel"})
    header = alt.Header(labelExpr="split(datum.label, '\\n')", labelAnchor="start")
    return alt.FacetChart(
        data=alt.NamedData(name="rows"),
        transform=[*filters, title],
        # In the order of the rows, which an empty list keeps and `None` does not.
        facet=alt.Facet("panel:N", title=None, sort=[], header=header),
        spec=chart.draw(ends),
        columns=chart.columns,
        title=chart.title,
        **chart.facets,
    )


def panel_expression(chart: PanelChart) -> str:
    """Return the title of a panel as an expression of Vega, followed by the revision if any."""
    parts = re.split(r"\{(\w+)\}", chart.panel)
    texts = [f"datum['{part}']" if i % 2 else json.dumps(part) for i, part in enumerate(parts)]
    return " + ".join([*texts, "(datum.rev ? '\\n' + datum.rev : '')"])


def with_legends(spec: Any, rows: pd.DataFrame | None) -> Any:
    """Return a specification whose legends list only what some rows have; without rows, none."""
    if isinstance(spec, list):
        return [with_legends(item, rows) for item in spec]
    if not isinstance(spec, dict):
        return spec
    filtered = {key: with_legends(value, rows) for key, value in spec.items()}
    for channel in {"color", "shape", "strokeDash", "opacity"} & filtered.keys():
        encoding = filtered[channel]
        if not isinstance(encoding, dict) or "field" not in encoding:
            continue
        if rows is None:
            encoding["legend"] = None
        elif encoding["field"] in rows and "domain" in encoding.get("scale", {}):
            drawn = set(rows[encoding["field"]]) - {GIVEN}
            listed = [name for name in encoding["scale"]["domain"] if name in drawn]
            legend = {**encoding.get("legend", {}), "values": listed}
            encoding["legend"] = legend if listed else None
    return filtered


# --- Each panel by itself


def single_panels(chart: PanelChart, table: pd.DataFrame) -> tuple[Spec, dict[str, str]]:
    """Return the specification of any one panel of a page, without rows and without legends.

    Then the rows of each panel as CSV, by its title, in the order in which they first occur.
    """
    rows = chart.rows(table)
    drawn = chart.draw(chart.ends(rows) if len(rows) else {})
    spec = with_legends(drawn.properties(data=alt.NamedData("rows")).to_dict(validate=False), None)
    spec["data"] = {"name": "rows", "format": _format(chart, "csv")}
    # One alternative text describes all of a picture, so its marks have none.
    quiet = {"aria": False, "background": "transparent"}
    panels = thinned(rows).groupby("panel", sort=False)
    values = {str(title): csv_text(panel.drop(columns="panel"), spec) for title, panel in panels}
    return recoloured(_finished(spec, quiet), VARIABLES), values


# --- Rows


def csv_text(rows: pd.DataFrame, spec: Spec, title: str = "") -> str:
    """Return rows as CSV, with only the columns that a specification or a panel's title names.

    Five significant digits are a ten-thousandth of an axis.
    """
    named = set(re.findall(r"\w+", f"{json.dumps(spec)} {title}"))
    columns = [name for name in rows if name in named]
    return rows[columns].to_csv(index=False, float_format="%.5g", lineterminator="\n")


def thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with about `POINTS` per line of ranks or steps at most, including its ends."""
    if "label" not in rows or not {"rank", "step"} & set(rows):
        return rows
    line = rows.groupby([name for name in ("label", "head") if name in rows], sort=False)
    place, length = line.cumcount(), line["label"].transform("size")
    every = -(-length // POINTS)
    return rows[(place % every == 0) | (place < 10) | (place == length - 1)]


def _format(chart: PanelChart, kind: Literal["csv", "json"]) -> Spec:
    return {"type": kind, "parse": dict.fromkeys(chart.numbers, "number")}


def _finished(spec: Spec, config: Mapping[str, Any] = MappingProxyType({})) -> Spec:
    """Return a specification with our look, without a version: Vega-Lite 5 and 6 draw it."""
    kept = {key: value for key, value in spec.items() if key not in ("$schema", "config")}
    return {**kept, "config": {**CONFIG, **config}}
