import re
from xml.etree import ElementTree

import msgspec
import pytest

from page.charts import CHARTS, PLANTED_OUTLIERS
from page.panels import panel_drawing
from page.study_tables import planted_rows, study_tables
from page.vega_lite import THEME, TRAINING_COLOURS
from tests.unit.page.conftest import read

EVERY = [*CHARTS, PLANTED_OUTLIERS]
PHONE = 358
"""The width in pixels that a telephone of 390 leaves between the margins of the page."""


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
def test_each_panel_fits_a_telephone_with_text_of_eleven_pixels(chart, tables):
    for panel in panel_drawing(chart, tables[chart.table]).panels:
        width = re.search(r' viewBox="0 0 ([\d.]+)', panel.svg)
        assert width and float(width[1]) <= PHONE, panel.title
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)', panel.svg)]
        assert min(sizes) >= 11


@pytest.mark.parametrize("chart", EVERY, ids=lambda c: c.name)
def test_a_picture_has_no_ground_and_no_colour_that_a_dark_page_changes(chart, tables):
    drawing = panel_drawing(chart, tables[chart.table])
    text = "".join(panel.svg for panel in drawing.panels)
    assert "var(--chart-ink)" in text
    for colour in THEME:
        assert colour not in text and colour not in drawing.spec
    assert all('fill="white"' not in panel.svg for panel in drawing.panels)


@pytest.mark.parametrize("chart", EVERY, ids=lambda c: c.name)
def test_every_row_that_a_chart_draws_is_in_one_panel(chart, tables):
    drawing = panel_drawing(chart, tables[chart.table])
    panels = told(drawing)["panels"]
    assert [panel["title"] for panel in panels] == [panel.title for panel in drawing.panels]
    kept = [r for r in tables[chart.table] if all(r[k] == v for k, v in chart.only.items())]
    assert sum(panel["values"].count("\n") - 1 for panel in panels) <= len(kept)
    assert {chart.panel(row) for row in kept} == {panel["title"] for panel in panels}


@pytest.mark.parametrize("chart", EVERY, ids=lambda c: c.name)
def test_a_tooltip_names_columns_in_words_and_no_revision(chart):
    spec = chart.specify(chart)
    tips = [tip for one in parts(spec) for tip in one.get("tooltip", [])]
    assert tips
    for tip in tips:
        assert "_" not in tip.get("title", tip["field"]), tip


def parts(spec):
    if isinstance(spec, list):
        return [one for part in spec for one in parts(part)]
    if not isinstance(spec, dict):
        return []
    return [spec, *(one for part in spec.values() for one in parts(part))]


def test_the_page_s_panels_have_no_legend_and_no_revision(tables):
    spec = told(panel_drawing(named("kurtosis"), tables["kurtosis"]))["spec"]
    legends = [one["legend"] for one in parts(spec) if "legend" in one]
    assert legends and set(map(str, legends)) <= {"None", str(spec["config"]["legend"])}
    tips = [tip["field"] for one in parts(spec) for tip in one.get("tooltip", [])]
    assert "label" in tips and "rev" not in tips


def test_panels_share_the_ends_of_their_axes(tables):
    spec = told(panel_drawing(named("sweep"), tables["sweep"]))["spec"]
    counts = [float(row["unique"]) for row in tables["sweep"]]
    found = [
        one["scale"]["domain"]
        for one in parts(spec)
        if one.get("field") == "unique" and "scale" in one
    ]
    assert found and all(low == 0 and high >= max(counts) for low, high in found)


def test_what_is_taken_over_all_panels_is_the_end_of_the_shared_axis(tables):
    spec = told(panel_drawing(CHARTS[0], tables["effective_robustness"]))["spec"]
    lowest = next(one for one in spec["transform"] if one.get("as") == "lowest")
    (domain,) = {
        tuple(one["scale"]["domain"])
        for one in parts(spec)
        if one.get("field") == "y_logit" and "domain" in one.get("scale", {})
    }
    assert float(lowest["calculate"]) == domain[0]


def test_the_legend_names_the_encoders_that_a_chart_numbers(encoders, tables):
    legend = panel_drawing(CHARTS[0], tables["effective_robustness"]).legend
    listed = {number: (entry.text, name) for entry in legend for number, name in entry.encoders}
    for e in encoders:
        if e.entry.training != "untrained":
            assert listed[e.number][1] == e.entry.label
    assert all(entry.colour.startswith("var(--chart-") and entry.path for entry in legend)
    assert {entry.text for entry in legend} <= set(TRAINING_COLOURS)


def test_a_legend_of_lines_has_their_dashes(tables):
    legend = panel_drawing(named("pruning"), tables["pruning"]).legend
    dashes = [entry.dash for entry in legend]
    assert len(set(dashes)) == len(dashes) > 1 and all(dashes)


def test_where_a_script_sets_the_rows_the_page_does_not_hold_them(tables):
    drawing = panel_drawing(CHARTS[0], tables["effective_robustness"], holds_rows=False)
    assert [panel["values"] for panel in told(drawing)["panels"]] == [""] * len(drawing.panels)
    assert "<path" in drawing.panels[0].svg


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_without_rows_has_no_panel(chart):
    assert panel_drawing(chart, []).panels == []


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
