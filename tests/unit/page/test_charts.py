import json

import pytest
from dvc_render.vega import VegaRenderer

from interpreting_clip.charts.panels import facets, template
from interpreting_clip.config.syntax import load_tree
from page.published_charts import PUBLISHED
from page.published_tables import PUBLISHED_COLUMNS
from page.report_page import study_charts
from page.study_tables import COLUMNS
from tests.reads import ROOT

EVERY = [*study_charts(), PUBLISHED]
LISTED = [entry for named in load_tree(ROOT / "dvc.yaml")["plots"] for entry in named.values()]


@pytest.mark.parametrize(("chart", "listed"), [*zip(EVERY, LISTED, strict=True)])
def test_dvc_plots_fills_the_same_charts_which_are_legal(chart, listed, tmp_path):
    facets(chart).to_dict()  # validates
    ((file, y),) = listed["y"].items()
    assert (listed["title"], listed["template"]) == (chart.title, chart.name)
    assert file == f"plots/{chart.name}.csv"
    assert {listed["x"], y} <= {*COLUMNS.get(chart.name, PUBLISHED_COLUMNS)}
    rows = [{"rev": "main", listed["x"]: "0.1", y: "3.0"}]
    (tmp_path / "chart.json").write_text(json.dumps(template(chart)))
    named = {"template": "chart", "template_dir": str(tmp_path), "x": listed["x"], "y": y}
    filled = VegaRenderer(rows, "p", **named).get_filled_template()
    assert filled == template(chart) | {"data": {**template(chart)["data"], "values": rows}}
