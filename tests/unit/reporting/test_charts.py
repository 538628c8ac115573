"""The charts and their templates."""

import json
import re
from collections import Counter

import pytest

from stages.reporting.charts import (
    CHARTS,
    FRAME,
    PUBLISHED,
    TRAINING_COLOUR,
    VEGA_LITE,
    draw,
    fill,
    outside_frame,
    read_template,
    svg,
    training_colour,
)
from stages.reporting.published_table import PUBLISHED_COLUMNS
from stages.reporting.tables import COLUMNS, study_tables

# Vega-Lite says so of any layered chart with a step per row, where its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"


def specification(chart, rows, templates):
    names = {k: getattr(chart, k) for k in ("x", "y", "x_label", "y_label", "title")}
    anchors = {"data": rows, "color": TRAINING_COLOUR, **names}
    return fill(read_template(templates, chart.template), anchors)


def found(scenegraph, name):
    """Every item of that name in Vega's scene graph."""
    if isinstance(scenegraph, list):
        return [item for one in scenegraph for item in found(one, name)]
    if not isinstance(scenegraph, dict):
        return []
    if scenegraph.get("name") == name:
        return scenegraph["items"]
    return [item for one in scenegraph.values() for item in found(one, name)]


def cells(specification):
    import vl_convert

    return found(vl_convert.vegalite_to_scenegraph(specification, vl_version=VEGA_LITE), "cell")


def published_row(kind, imagenet, accuracy):
    known = {"kind": kind, "shift": "ImageNet-R", "imagenet": imagenet, "accuracy": accuracy}
    return dict.fromkeys(PUBLISHED_COLUMNS) | known


@pytest.fixture
def tables(encoders, comparisons):
    return study_tables(encoders, comparisons)


@pytest.fixture
def told(monkeypatch, capfd):
    """Let Vega-Lite's warnings out, and return a function that lists them."""
    import vl_convert

    def aloud(spec, draw=vl_convert.vegalite_to_svg, **options):
        return draw(spec, show_warnings=True, **options)

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", aloud)
    return lambda: [line for line in capfd.readouterr().err.splitlines() if BENIGN not in line]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_each_chart_draws_its_table_without_a_warning(chart, tables, templates, told):
    drawn = svg(chart, tables[chart.table], templates)
    assert told() == [] and drawn.count("<path") > 20 and "DVC_METRIC" not in drawn


def test_a_channel_that_does_not_fit_is_told_of(told):
    data = {"data": {"values": [{"x": 1}]}, "mark": "point"}
    draw({**data, "encoding": {"nonsense": {"field": "x"}}}, "chart", "a")
    assert told()


@pytest.mark.parametrize("chart", [*CHARTS, PUBLISHED], ids=lambda c: c.name)
def test_each_chart_names_columns_of_its_table(chart, templates):
    columns = COLUMNS.get(chart.table, PUBLISHED_COLUMNS)
    assert chart.x in columns and chart.y in columns
    template = json.dumps(read_template(templates, chart.template))
    fields = set(re.findall(r'"field": "([^"]+)"', template))
    made = set(re.findall(r'"as": "([^"]+)"', template))
    assert {f for f in fields - made if "<" not in f} <= {*columns, "rev", "training"}


def test_revisions_of_a_faceted_chart_stand_in_their_own_row(encoders, templates):
    rows = [r for r in study_tables(encoders, [])["effective_robustness"] if r["kind"] == "line"]
    extra = [r for i, r in enumerate(rows[::2]) for _ in range(i)]
    both = [{**r, "rev": "main"} for r in extra] + [{**r, "rev": "other"} for r in rows]
    drawn = cells(specification(CHARTS[0], both, templates))
    drawn.sort(key=lambda cell: (round(cell["y"]), round(cell["x"])))
    points = [sum(len(m["items"]) for m in c["items"] if m["marktype"] == "line") for c in drawn]
    assert points == [0, 1, 2, 3, 4, 2, 2, 2, 2, 2]


def test_revisions_of_a_wrapped_chart_have_their_own_panels(encoders, templates):
    chart = next(c for c in CHARTS if c.name == "pruning")
    rows = study_tables(encoders[:2], [])["pruning"]
    both = [{**r, "rev": rev} for rev in ("main", "other") for r in rows]
    text = json.dumps(cells(specification(chart, both, templates)))
    titles = Counter(re.findall(r'"(RN (?:zero-shot|finetuned), web-broad)", "(main|other)"', text))
    assert len(titles) == 4


def test_the_frame_of_the_published_chart_is_that_of_its_template(templates):
    template = json.dumps(read_template(templates, "published"))
    for axis, (low, high) in (("x", FRAME["imagenet"]), ("y", FRAME["accuracy"])):
        shown = f"datum.{axis}_percent >= {low:g} && datum.{axis}_percent <= {high:g}"
        assert shown in template


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    rows = [published_row("encoder", 3, 50), published_row("standard", "60", "0.2")]
    rows += [published_row("encoder", 60, 50), published_row("line", 3, 3)]
    assert outside_frame(rows) == 2


def test_a_legend_lists_the_trainings_that_are_drawn():
    legend = training_colour([{"training": "supervised"}, {"training": "zero-shot"}])["legend"]
    assert legend["values"] == ["zero-shot", "supervised"]
