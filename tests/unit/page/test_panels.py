from xml.etree import ElementTree

import msgspec
import pytest

from page.charts import CHARTS, PLANTED_OUTLIERS
from page.panels import panel_drawing
from page.study_tables import planted_rows, study_tables
from page.vega_lite import THEME, TRAINING_COLOURS
from tests.unit.page.conftest import read

EVERY = [*CHARTS, PLANTED_OUTLIERS]


@pytest.fixture
def tables(encoders, comparisons, baseline, controls):
    return study_tables(encoders, comparisons, baseline) | {
        "planted_outliers": planted_rows(controls)
    }


def named(name):
    return next(chart for chart in EVERY if chart.name == name)


def told(drawing):
    return msgspec.json.decode(drawing.spec)


@pytest.mark.parametrize("chart", EVERY, ids=lambda c: c.name)
def test_every_row_is_in_one_panel_in_colours_that_a_dark_page_can_change(chart, tables):
    drawing = panel_drawing(chart, tables[chart.table])
    text = "".join(panel.svg for panel in drawing.panels)
    assert "var(--chart-ink)" in text and 'fill="white"' not in text
    assert not any(colour in text or colour in drawing.spec for colour in THEME)
    panels = told(drawing)["panels"]
    assert [panel["title"] for panel in panels] == [panel.title for panel in drawing.panels]
    kept = [r for r in tables[chart.table] if all(r[k] == v for k, v in chart.only.items())]
    assert sum(panel["values"].count("\n") - 1 for panel in panels) <= len(kept)
    assert {chart.panel(row) for row in kept} == {panel["title"] for panel in panels}


def parts(spec):
    if isinstance(spec, list):
        return [one for part in spec for one in parts(part)]
    if not isinstance(spec, dict):
        return []
    return [spec, *(one for part in spec.values() for one in parts(part))]


def test_panels_share_the_ends_of_their_axes(tables):
    spec = told(panel_drawing(named("sweep"), tables["sweep"]))["spec"]
    counts = [float(row["unique"]) for row in tables["sweep"]]
    found = [
        one["scale"]["domain"]
        for one in parts(spec)
        if one.get("field") == "unique" and "scale" in one
    ]
    assert found and all(low == 0 and high >= max(counts) for low, high in found)


def test_the_legend_names_the_encoders_that_a_chart_numbers(encoders, tables):
    legend = panel_drawing(CHARTS[0], tables["effective_robustness"]).legend
    listed = {number: (entry.text, name) for entry in legend for number, name in entry.encoders}
    for e in encoders:
        if e.entry.training != "untrained":
            assert listed[e.number][1] == e.entry.label
    assert all(entry.colour.startswith("var(--chart-") and entry.path for entry in legend)
    assert {entry.text for entry in legend} <= set(TRAINING_COLOURS)


def test_where_a_script_sets_the_rows_the_page_does_not_hold_them(tables):
    drawing = panel_drawing(CHARTS[0], tables["effective_robustness"], holds_rows=False)
    assert [panel["values"] for panel in told(drawing)["panels"]] == [""] * len(drawing.panels)
    assert "<path" in drawing.panels[0].svg


def test_a_chart_without_rows_has_no_panel():
    assert panel_drawing(CHARTS[0], []).panels == []


HOSTILE = "</script><!--<script>&]]> \" ' datum.x"


def test_a_label_is_text_in_a_panel_and_cannot_end_its_script(study, baseline):
    study["entries"]["rn_web_broad"]["label"] = HOSTILE
    drawing = panel_drawing(CHARTS[1], study_tables(read(study)[:2], [], baseline)["kurtosis"])
    assert not set("<>&") & set(drawing.spec)
    (panel,) = drawing.panels
    drawn = ElementTree.fromstring(panel.svg)  # noqa: S314
    words = ["".join(e.itertext()) for e in drawn.iter() if e.tag.endswith("}text")]
    assert any(HOSTILE[:20] in text for text in words)
    known = {"svg", "g", "rect", "path", "line", "text", "defs", "use"}
    assert {e.tag.partition("}")[2] for e in drawn.iter()} <= known
