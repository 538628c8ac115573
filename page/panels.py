"""The page's form of a chart: a small picture per panel, which flow like words, and an HTML legend.

The specification of a chart lays its panels out at fixed places, as `dvc plots` needs it. On the
page each panel is drawn alone, so that as many stand in a row as the window has room for, and a
telephone shows one below the other.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import msgspec

from page.charts import Chart
from page.drawing import alternative, csv_rows, kept_rows, list_drawn, named_columns, themed
from page.legends import LegendEntry, legend_of
from page.panel_ranges import Domains
from page.vega import Rows, draw_svg, script_json
from page.vega_lite import Spec

SMALL = 280
"""The width in pixels up to which four panels stand in a row."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel as a picture, with its title in plain text; empty if the chart has one panel."""

    title: str
    svg: str


class PanelDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of some rows: its panels, its legend, and what the page's script draws it from.

    `spec` is JSON, safe inside `<script>`: the specification of a panel without its rows, and each
    panel's title and rows.
    """

    name: str
    title: str
    alternative: str
    panels: list[Panel]
    legend: list[LegendEntry]
    spec: str

    @property
    def small(self) -> bool:
        """Whether four panels stand in a row of the page, and not three."""
        widths = re.findall(r' viewBox="0 0 ([\d.]+)', " ".join(p.svg[:400] for p in self.panels))
        return max(map(float, widths), default=0) < SMALL


def panel_drawing(chart: Chart, rows: Rows, *, holds_rows: bool = True) -> PanelDrawing:
    """Draw a chart panel by panel, in the order in which the panels first occur among the rows.

    Where a script of the page sets the rows, `spec` does not hold them.
    """
    drawn = kept_rows(chart, rows)
    spec = panel_spec(chart, drawn)
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for row in drawn:
        panels.setdefault(chart.panel(row), []).append(row)
    columns = named_columns(chart)
    values = {title: csv_rows(own, columns) for title, own in panels.items()}
    data = spec["data"]
    whole = {title: {**spec, "data": {**data, "values": text}} for title, text in values.items()}
    return PanelDrawing(
        name=chart.name,
        title=chart.title,
        alternative=alternative(chart),
        panels=[
            Panel(
                title=title,
                svg=draw_svg(one, f"{chart.name}-{place}", f"{chart.title}. {title}".strip()),
            )
            for place, (title, one) in enumerate(whole.items())
        ],
        legend=legend_of(facet_spec(chart, drawn), drawn),
        spec=script_json(
            {
                "spec": spec,
                "panels": [
                    {"title": title, "values": text if holds_rows else ""}
                    for title, text in values.items()
                ],
            }
        ),
    )


def facet_spec(chart: Chart, rows: Rows) -> Spec:
    """Return a chart's own specification without rows, its legends cut to what is drawn."""
    spec = deepcopy(chart.specify(chart))
    list_drawn(spec, "training", {str(row.get("training")) for row in rows})
    categories = {r["category"] for r in rows if "category" in r and float(r[chart.x] or 0)}
    list_drawn(spec, "category", categories)
    return spec


def panel_spec(chart: Chart, rows: Rows) -> Spec:
    """Return the specification of any one panel, without rows and without legends, for the page."""
    spec = facet_spec(chart, rows)
    domains = chart.shared(rows) if rows else {}
    spec |= spec.pop("spec", {})
    for layout in ("facet", "columns", "resolve", "spacing", "bounds"):
        spec.pop(layout, None)
    for part in list(_parts(spec)):
        if part.get("legend"):
            part["legend"] = None
        if "tooltip" in part:
            part["tooltip"] = [one for one in part["tooltip"] if one.get("field") != "rev"]
        if "transform" in part:
            part["transform"] = [one for t in part["transform"] for one in _taken(t, domains)]
    for part in list(_parts(spec)):
        for channel in ("x", "y"):
            one = part.get(channel)
            if isinstance(one, dict) and one.get("field") in domains and "type" in one:
                one["scale"] = {**one.get("scale", {}), "domain": list(domains[one["field"]])}
    spec["data"] = {"name": "rows", "format": {**spec["data"]["format"], "type": "csv"}}
    # one alternative text describes all of a picture, so its marks have none
    spec["config"] = {**spec["config"], "aria": False, "background": "transparent"}
    return themed(spec)


def _taken(transform: Spec, domains: Domains) -> Iterator[Spec]:
    """Yield a transform; ends that it takes over all panels become those of the shared axes."""
    if "joinaggregate" not in transform or "groupby" in transform:
        yield transform
        return
    for op in transform["joinaggregate"]:
        ends = domains.get(op["field"])
        if ends and op["op"] in ("min", "max"):
            yield {"calculate": str(ends[op["op"] == "max"]), "as": op["as"]}
        else:
            yield {"joinaggregate": [op]}


def _parts(spec: Any) -> Iterator[Spec]:
    """Yield every object in a specification."""
    if isinstance(spec, list):
        for one in spec:
            yield from _parts(one)
    elif isinstance(spec, dict):
        yield spec
        for one in list(spec.values()):
            yield from _parts(one)
