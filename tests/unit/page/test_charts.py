import json

import pytest
from dvc_render.vega import VegaRenderer

from interpreting_clip.charts.panels import facets, template
from interpreting_clip.charts.pictures import chart_svg
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from page.charts import study_charts
from page.plot_templates import CHECK, FOLDER, main
from page.published_charts import PUBLISHED
from tests.reads import ROOT
from tests.unit.page.conftest import tables_of

# Vega-Lite warns of this for any layered chart with a step per row; its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"
EVERY = [*study_charts(), PUBLISHED]


def test_each_chart_draws_its_table_without_a_warning(study, warned):
    tables = tables_of(study)
    for chart in study_charts():
        drawn = chart_svg(chart, tables[chart.table])
        said = [line for line in warned().splitlines() if BENIGN not in line]
        assert said == [] and drawn.count("<path") > 12, chart.name


@pytest.mark.parametrize("chart", EVERY, ids=lambda chart: chart.name)
def test_is_legal_vega_lite_and_dvc_fills_its_template(chart, tmp_path):
    facets(chart).to_dict()  # validates
    rows = [{"rev": "main", chart.x: "0.1", chart.y: "3.0"}]
    (tmp_path / "chart.json").write_text(json.dumps(template(chart)))
    named = {"template": "chart", "template_dir": str(tmp_path), "x": chart.x, "y": chart.y}
    filled = VegaRenderer(rows, "p", **named).get_filled_template()
    assert filled == template(chart) | {"data": {**template(chart)["data"], "values": rows}}


def test_dvc_plots_shows_the_same_charts():
    said = [
        {"title": one.title, "template": one.name, "x": one.x}
        | {"y": {f"plots/{one.table}.csv": one.y}}
        for one in EVERY
    ]
    plots = [chart for named in load_tree(ROOT / "dvc.yaml")["plots"] for chart in named.values()]
    assert plots == said


def test_charts_call_imagenet_as_the_study_does():
    for chart in study_charts("synthetic ImageNet"):
        assert chart.caption.count("ImageNet test") == chart.caption.count(
            "synthetic ImageNet test"
        )


def test_templates_that_are_out_of_date_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main()
    main(CHECK)
    (FOLDER / "cka.json").write_text("{}")
    with pytest.raises(InputError, match=r"out of date for cka\.json;.*`make docs`"):
        main(CHECK)
