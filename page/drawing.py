"""A chart with its rows: as a picture, and as the specification that the page draws it from."""

import json
import re
from copy import deepcopy
from itertools import groupby
from typing import Any

import msgspec

from page.charts import Chart
from page.vega import Rows, csv_text, draw_svg
from page.vega_lite import Spec, themed_colour

POINTS = 60
"""The most points per line that the page draws: an encoder may have a thousand directions."""


def of_representation(chart: Chart, kind: str) -> Chart:
    """Return the chart for one kind of representation, with its own name and title."""
    name = f"{chart.name}_{kind.partition(' ')[0]}"
    return msgspec.structs.replace(chart, name=name, title=f"{chart.title}: {kind}")


def chart_spec(chart: Chart, rows: Rows, panel: tuple[int, int] | None = None) -> Spec:
    """Return the Vega-Lite specification of a chart with its data; `panel` is a panel's size."""
    drawn = kept_rows(chart, rows)
    spec = deepcopy(chart.specify(chart))  # its parts are those of other charts too
    form = {**spec["data"]["format"], "type": "csv"}
    spec["data"] = {"values": csv_rows(drawn, named_columns(chart)), "format": form}
    list_drawn(spec, "training", {str(row.get("training")) for row in drawn})
    categories = {r["category"] for r in drawn if "category" in r and float(r[chart.x] or 0)}
    list_drawn(spec, "category", categories)
    if panel:
        spec["spec"] |= dict(zip(("width", "height"), panel, strict=True))
    return spec


def chart_svg(chart: Chart, rows: Rows, panel: tuple[int, int] | None = None) -> str:
    """Draw a chart of rows as one `<svg>` element; `panel` is a panel's size in pixels.

    It is a picture on white, for a file; the page's own are in `page.panels`.
    """
    return draw_svg(chart_spec(chart, rows, panel), chart.name, alternative(chart))


def kept_rows(chart: Chart, rows: Rows) -> Rows:
    """Return the rows that a chart draws, lines thinned."""
    return thinned([r for r in rows if all(str(r[k]) == v for k, v in chart.only.items())])


def named_columns(chart: Chart) -> set[str]:
    """Return the words in a chart's specification, among them the columns that it reads."""
    return set(re.findall(r"\w+", json.dumps(chart.specify(chart))))


def csv_rows(rows: Rows, named: set[str]) -> str:
    """Return the rows as CSV, with the named columns alone and an empty revision."""
    return csv_text([{"rev": "", **row} for row in filled(rows, named)])


def themed(value: Any) -> Any:
    """Return a specification whose colours of `THEME` follow the page's light or dark."""
    if isinstance(value, dict):
        return {key: themed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [themed(one) for one in value]
    return themed_colour(value) if isinstance(value, str) else value


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
