"""A chart with its rows: as a picture, and as the specification that the page draws it from."""

import json
import re
from copy import deepcopy
from itertools import groupby
from typing import Any

import msgspec

from page.charts import Chart
from page.vega import Rows, csv_text, draw_svg, script_json
from page.vega_lite import Spec

POINTS = 60
"""The most points per line that the page draws: an encoder may have a thousand directions."""


def of_representation(chart: Chart, kind: str) -> Chart:
    """Return the chart for one kind of representation, with its own name and title."""
    name = f"{chart.name}_{kind.partition(' ')[0]}"
    return msgspec.structs.replace(chart, name=name, title=f"{chart.title}: {kind}")


def chart_spec(chart: Chart, rows: Rows, panel: tuple[int, int] | None = None) -> Spec:
    """Return the Vega-Lite specification of a chart with its data; `panel` is a panel's size."""
    drawn = thinned([r for r in rows if all(str(r[k]) == v for k, v in chart.only.items())])
    spec = deepcopy(chart.specify(chart))  # its parts are those of other charts too
    named = set(re.findall(r"\w+", json.dumps(spec)))
    form = {**spec["data"]["format"], "type": "csv"}
    values = csv_text([{"rev": "", **row} for row in filled(drawn, named)])
    spec["data"] = {"values": values, "format": form}
    list_drawn(spec, "training", {str(row.get("training")) for row in drawn})
    categories = {r["category"] for r in drawn if "category" in r and float(r[chart.x] or 0)}
    list_drawn(spec, "category", categories)
    if panel:
        spec["spec"] |= dict(zip(("width", "height"), panel, strict=True))
    elif chart.columns:
        spec |= {"facet": spec["facet"]["column"], "columns": chart.columns}
        spec |= {"bounds": "flush", "spacing": {"column": 60, "row": 75}}
        spec |= {"resolve": {"axis": {"x": "independent", "y": "independent"}}}
        spec["spec"] |= {"width": 300, "height": 250}
    return spec


def chart_svg(chart: Chart, rows: Rows, panel: tuple[int, int] | None = None) -> str:
    """Draw a chart of rows as one `<svg>` element; `panel` is a panel's size in pixels."""
    return draw_svg(chart_spec(chart, rows, panel), chart.name, alternative(chart))


def chart_json(chart: Chart, rows: Rows) -> str:
    """Return the specification of a chart as text for a `<script>` of the page."""
    return script_json(undescribed(chart_spec(chart, rows)))


def undescribed(spec: Spec) -> Spec:
    """Return a specification whose marks have no labels: the page describes the whole chart."""
    return {**spec, "config": {**spec["config"], "aria": False}}


def alternative(chart: Chart) -> str:
    """Return a chart's alternative text."""
    return f"{chart.title}. {chart.caption}"


def filled(rows: Rows, named: set[str]) -> Rows:
    """Return the rows with a cell for each of the named columns that any of them has."""
    columns = [c for c in dict.fromkeys(name for row in rows for name in row) if c in named]
    return [{name: row.get(name) for name in columns} for row in rows]


def thinned(rows: Rows) -> Rows:
    """Return rows with about `POINTS` per line of ranks or steps at most, including its ends."""
    along = next((name for name in ("rank", "step") if rows and name in rows[0]), None)
    if along is None:
        return rows
    kept = []
    for _, line in groupby(rows, lambda row: (row["label"], row.get("head"))):
        points = list(line)
        every = -(-len(points) // POINTS)
        kept += [p for i, p in enumerate(points) if i % every == 0 or i < 10 or p is points[-1]]
    return kept


def list_drawn(spec: Any, field: str, drawn: set[str]) -> None:
    """Make the legends of a field list only the values that are drawn."""
    if isinstance(spec, list):
        for one in spec:
            list_drawn(one, field, drawn)
    if not isinstance(spec, dict):
        return
    if spec.get("field") == field and spec.get("legend"):
        known = spec["legend"].get("values") or spec["scale"]["domain"]
        spec["legend"] = {**spec["legend"], "values": [one for one in known if one in drawn]}
    for value in spec.values():
        list_drawn(value, field, drawn)
