import json
from functools import partial

import msgspec
import pytest

from interpreting_clip.config.syntax import load_tree
from page.charts import CHARTS, PLANTED_OUTLIERS
from page.drawing import POINTS, chart_svg, thinned
from page.plot_templates import plot_template
from page.published_charts import PUBLISHED, points_outside_frame
from page.published_tables import PUBLISHED_COLUMNS
from page.results import Controls
from page.study_tables import planted_rows, study_tables
from page.vega import draw_svg
from page.vega_lite import TRAINING_COLOURS
from tests.reads import ROOT
from tests.unit.page.conftest import read_baseline

# Vega-Lite warns of this for any layered chart with a step per row; its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"
EVERY = [*CHARTS, PLANTED_OUTLIERS, PUBLISHED]


@pytest.fixture
def told(monkeypatch, capfd):
    """Turn on Vega-Lite's warnings, and return a function that lists them."""
    import vl_convert

    aloud = partial(vl_convert.vegalite_to_svg, show_warnings=True)
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", aloud)
    return lambda: [line for line in capfd.readouterr().err.splitlines() if BENIGN not in line]


def test_each_chart_draws_its_table_without_a_warning(study, encoders, comparisons, told):
    tables = study_tables(encoders, comparisons, read_baseline(study))
    tables["planted_outliers"] = planted_rows(msgspec.convert(study["controls"], Controls))
    for chart in (*CHARTS, PLANTED_OUTLIERS):
        drawn = chart_svg(chart, tables[chart.table])
        assert told() == [] and drawn.count("<path") > 12 and "DVC_METRIC" not in drawn, chart.name
    data = {"data": {"values": [{"x": 1}]}, "mark": "point"}
    draw_svg({**data, "encoding": {"nonsense": {"field": "x"}}}, "chart", "a")
    assert told()


def test_dvc_plots_shows_the_same_charts():
    plots = load_tree(ROOT / "dvc.yaml")["plots"]
    for plot, chart in zip(plots, EVERY, strict=True):
        said = {name: getattr(chart, name) for name in ("title", "x", "x_label", "y_label")}
        said |= {"template": chart.table, "y": {f"plots/{chart.table}.csv": chart.y}}
        assert plot == {chart.name: said}


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    points = (("encoder", 3, 50), ("standard", "60", "0.2"), ("encoder", 60, 50), ("line", 3, 3))
    rows = [
        dict.fromkeys(PUBLISHED_COLUMNS)
        | {"kind": kind, "shift": "ImageNet-R", "imagenet": imagenet, "accuracy": accuracy}
        for kind, imagenet, accuracy in points
    ]
    assert points_outside_frame(rows) == 2


def encodings(spec, *channels):
    """Yield every encoding of the training by a channel in a specification."""
    for key, part in spec.items() if isinstance(spec, dict) else enumerate(spec):
        if key in channels and isinstance(part, dict) and part.get("field") == "training":
            yield part["scale"]
        if isinstance(part, dict | list):
            yield from encodings(part, *channels)


def test_every_chart_colours_trainings_alike_and_tells_them_apart_without_colour():
    for chart in CHARTS:
        spec = chart.specify(chart)
        coloured = list(encodings(spec, "color"))
        for scale in coloured:
            assert scale["range"] == [TRAINING_COLOURS[kind] for kind in scale["domain"]]
        apart = list(encodings(spec, "shape", "strokeDash"))
        assert all(len(set(map(str, x["range"]))) == len(x["domain"]) for x in apart)
        assert not coloured or apart, chart.name


def test_a_long_line_is_thinned_to_points_that_show_its_course():
    rows = [{"label": "a", "rank": rank} for rank in range(1, 1001)]
    kept = [row["rank"] for row in thinned(rows)]
    assert len(kept) <= POINTS + 10 and kept[:10] == list(range(1, 11)) and kept[-1] == 1000
    assert thinned(rows[:20]) == rows[:20]


@pytest.mark.parametrize("chart", EVERY, ids=lambda c: c.name)
def test_dvc_fills_a_template_to_the_chart_of_the_page(chart, tmp_path):
    from dvc_render.vega import VegaRenderer

    rows = [{"rev": "main", chart.x: 0.1, chart.y: 3.0}]
    (tmp_path / "chart.json").write_text(json.dumps(plot_template(chart)))
    said = {name: getattr(chart, name) for name in ("x", "y", "x_label", "y_label", "title")}
    theirs = VegaRenderer(rows, "p", template="chart", template_dir=str(tmp_path), **said)
    filled, spec = theirs.get_filled_template(), chart.specify(chart)
    assert isinstance(filled, dict) and filled.pop("title")["text"] == chart.title
    assert filled == spec | {"data": {**spec["data"], "values": rows}}
