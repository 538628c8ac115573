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

POINTS = 60
"""The most points per line that a page draws: an encoder may have a thousand directions."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A colour, and a shape or a dash if the chart has them; `shape` is Vega's name or a path."""

    colour: str
    shape: str = ""
    dash: Sequence[int] = ()
    opacity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Legend:
    """The looks of a column's values, by name in the order in which a page lists those it draws.

    `numbered`: whether the chart writes encoders' numbers without their names, so that the legend
    has to name them. `counted` is a column of counts: a name whose counts are all 0 is not drawn.
    If the table lacks `column`, all names are listed.
    """

    column: str
    looks: Mapping[str, Look]
    numbered: bool = False
    counted: str = ""


def by_training(channel: Literal["shape", "dash"], *, numbered: bool = False) -> Legend:
    """Return the legend of points or lines whose colour and shape or dash is the training."""
    looks = {}
    for (name, colour), shape, dash in zip(TRAINING_COLOURS.items(), SHAPES, DASHES, strict=True):
        if name != GIVEN:
            line, point = Look(colour=colour, dash=dash), Look(colour=colour, shape=shape)
            looks[name] = point if channel == "shape" else line
    return Legend(column="training", looks=looks, numbered=numbered)


@dataclass(frozen=True, kw_only=True)
class PanelChart:
    """One chart of a table.

    Attributes
    ----------
    name, title
    caption : the text below it, unless the page's template has it
    numbers : the columns of numbers that it draws; all others are text
    draw : returns what one panel draws, without data, for the ends of the axes that panels share.
        Its transforms see the rows of all panels in `facets`, so they group by `panel`
    table : the CSV in `plots/` that it draws, if that has another name than the chart
    legend : what its colours, shapes and dashes stand for
    panel : the title of the panel that a row is in, with columns in braces; empty for one panel
    columns : panels in a row of `facets`
    order : a column that panels of `facets` are ordered by, so that those of two revisions are
        neighbours; the others stand in the order of the rows
    facets : further properties of the facets, such as `{"spacing": …}`
    independent : what panels do not share in `facets`: `{"scale": "xy", "axis": "x"}`
    ends : the ends that the panels of a page share
    only : the rows that it draws, by column: `{"head": ("head",)}`; the others are only in the CSV
    revisions_together : whether revisions that DVC compares share a panel; else each has its own
    """

    name: str
    title: str
    numbers: tuple[str, ...]
    draw: Callable[[Ends], Layers]
    caption: str = ""
    table: str = ""
    legend: tuple[Legend, ...] = ()
    panel: str = ""
    columns: int = 3
    order: str = ""
    facets: Mapping[str, Any] = field(default_factory=dict)
    independent: Mapping[str, str] = field(default_factory=dict)
    ends: Callable[[pd.DataFrame], Ends] = lambda _rows: {}
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revisions_together: bool = False

    @property
    def alternative(self) -> str:
        """The alternative text."""
        return f"{self.title}. {self.caption}".strip()

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that the chart draws, with the title of their panel as `panel`."""
        kept = table
        for column, values in self.only.items():
            kept = kept[kept[column].isin(values)]
        return kept.assign(panel=[self.panel.format_map(row) for row in kept.to_dict("records")])


# --- All panels in one specification


def template(chart: PanelChart) -> Spec:
    """Return all panels of a chart as DVC's template, which DVC fills with the rows of its CSV.

    Rows of several revisions have panels of their own, or share them (`revisions_together`).
    """
    # The legends of published models list other kinds of training than those of encoders.
    names = [n for legend in chart.legend if legend.column == "training" for n in legend.looks]
    listed = pd.DataFrame({"training": names or [*TRAINING_COLOURS]})
    spec = with_legends(facets(chart).to_dict(validate=False), listed)
    parse = dict.fromkeys(chart.numbers, "number")
    spec["data"] = {"values": "<DVC_METRIC_DATA>", "format": {"parse": parse}}
    return _finished(spec)


def whole_chart(
    chart: PanelChart, table: pd.DataFrame, size: tuple[int, int] | None = None
) -> Spec:
    """Return all panels of a chart with the rows of a table; `size` is a panel's, in pixels."""
    rows = thinned(chart.rows(table))
    ends = chart.ends(rows) if len(rows) else {}
    spec = with_legends(facets(chart, ends).to_dict(validate=False), rows)
    spec["data"] = {"values": csv_text(rows, spec, chart.panel), "format": _csv(chart)}
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
    resolve = {
        part: dict.fromkeys(names, "independent") for part, names in chart.independent.items()
    }
    return alt.FacetChart(
        data=alt.NamedData(name="rows"),
        transform=[*filters, title],
        facet=alt.Facet(
            "panel:N",
            title=None,
            # In the order of the rows, which an empty list keeps and `None` does not.
            sort=alt.EncodingSortField(chart.order, op="min") if chart.order else [],
            header=alt.Header(labelExpr="split(datum.label, '\\n')", labelAnchor="start"),
        ),
        spec=chart.draw(ends),
        columns=chart.columns,
        resolve=resolve,
        title=chart.title,
        **chart.facets,
    )


def panel_expression(chart: PanelChart) -> str:
    """Return the title of a panel as an expression of Vega, with the revision where it is apart."""
    parts = re.split(r"\{(\w+)\}", chart.panel)
    texts = [f"datum['{part}']" if i % 2 else json.dumps(part) for i, part in enumerate(parts)]
    revision = [] if chart.revisions_together else ["(datum.rev ? '\\n' + datum.rev : '')"]
    return " + ".join([*texts, *revision])


def with_legends(spec: Any, rows: pd.DataFrame | None) -> Any:
    """Return a specification whose legends and tooltips leave out values unknown in some rows.

    Without rows it has no legends at all.
    """
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
            drawn = set(rows[encoding["field"]])
            listed = [name for name in encoding["scale"]["domain"] if name in drawn - {GIVEN}]
            if encoding.get("legend", {}) is not None:
                legend = {**encoding.get("legend", {}), "values": listed}
                encoding["legend"] = legend if listed else None
    if rows is not None and isinstance(filtered.get("tooltip"), list):
        filtered["tooltip"] = [tip for tip in filtered["tooltip"] if _is_known(tip["field"], rows)]
    return filtered


def _is_known(column: str, rows: pd.DataFrame) -> bool:
    return column not in rows or not set(rows[column].dropna()) <= {"", GIVEN}


# --- Each panel by itself


def panel_spec(chart: PanelChart, ends: Ends, colours: Mapping[str, str] = VARIABLES) -> Spec:
    """Return the specification of any one panel of a page, without rows and without legends."""
    drawn = chart.draw(ends).properties(data=alt.NamedData(name="rows"))
    spec = with_legends(drawn.to_dict(validate=False), None)
    spec["data"] = {"name": "rows", "format": _csv(chart)}
    # One alternative text describes all of a picture, so its marks have none.
    quiet = {"aria": False, "background": "transparent"}
    return recoloured(_finished(spec, quiet), colours)


def panel_values(chart: PanelChart, rows: pd.DataFrame, spec: Spec) -> dict[str, str]:
    """Return the rows of each panel as CSV, by its title, in the order of `chart.rows`."""
    panels = thinned(rows).groupby("panel", sort=False)
    return {str(title): csv_text(panel.drop(columns="panel"), spec) for title, panel in panels}


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


def _csv(chart: PanelChart) -> Spec:
    return {"type": "csv", "parse": dict.fromkeys(chart.numbers, "number")}


def _finished(spec: Spec, config: Mapping[str, Any] = MappingProxyType({})) -> Spec:
    """Return a specification with our look, without a version: Vega-Lite 5 and 6 draw it."""
    kept = {key: value for key, value in spec.items() if key not in ("$schema", "config")}
    return {**kept, "config": {**CONFIG, **config}}
