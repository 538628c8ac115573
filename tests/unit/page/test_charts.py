import json

import pytest

from interpreting_clip.config.syntax import load_tree
from page.charts import CHARTS, PLANTED_OUTLIERS
from page.drawing import POINTS, chart_svg, thinned
from page.plot_templates import plot_template
from page.published_charts import PUBLISHED, points_outside_frame
from page.published_tables import PUBLISHED_COLUMNS
from page.study_tables import planted_rows, study_tables
from page.vega import draw_svg
from page.vega_lite import TRAINING_COLOURS
from tests.reads import ROOT

# Vega-Lite warns of this for any layered chart with a step per row; its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"


def specification(chart, rows):
    spec = chart.specify(chart)
    return spec | {"data": {**spec["data"], "values": rows}}


def published_row(kind, imagenet, accuracy):
    known = {"kind": kind, "shift": "ImageNet-R", "imagenet": imagenet, "accuracy": accuracy}
    return dict.fromkeys(PUBLISHED_COLUMNS) | known


@pytest.fixture
def tables(encoders, comparisons, baseline, controls):
    return study_tables(encoders, comparisons, baseline) | {
        "planted_outliers": planted_rows(controls)
    }


@pytest.fixture
def told(monkeypatch, capfd):
    """Turn on Vega-Lite's warnings, and return a function that lists them."""
    import vl_convert

    def aloud(spec, draw=vl_convert.vegalite_to_svg, **options):
        return draw(spec, show_warnings=True, **options)

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", aloud)
    return lambda: [line for line in capfd.readouterr().err.splitlines() if BENIGN not in line]


@pytest.mark.parametrize("chart", [*CHARTS, PLANTED_OUTLIERS], ids=lambda c: c.name)
def test_each_chart_draws_its_table_without_a_warning(chart, tables, told):
    drawn = chart_svg(chart, tables[chart.table])
    assert told() == [] and drawn.count("<path") > 12 and "DVC_METRIC" not in drawn


def test_a_channel_that_does_not_fit_is_told_of(told):
    data = {"data": {"values": [{"x": 1}]}, "mark": "point"}
    draw_svg({**data, "encoding": {"nonsense": {"field": "x"}}}, "chart", "a")
    assert told()


def test_dvc_plots_shows_the_same_charts():
    plots = load_tree(ROOT / "dvc.yaml")["plots"]
    assert [next(iter(plot.items())) for plot in plots] == [
        (
            chart.name,
            {
                "title": chart.title,
                "template": chart.table,
                "x": chart.x,
                "y": {f"plots/{chart.table}.csv": chart.y},
                "x_label": chart.x_label,
                "y_label": chart.y_label,
            },
        )
        for chart in (*CHARTS, PLANTED_OUTLIERS, PUBLISHED)
    ]


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    rows = [published_row("encoder", 3, 50), published_row("standard", "60", "0.2")]
    rows += [published_row("encoder", 60, 50), published_row("line", 3, 3)]
    assert points_outside_frame(rows) == 2


def encodings(spec, channel):
    """Return every encoding of a channel in a specification."""
    if isinstance(spec, list):
        return [one for part in spec for one in encodings(part, channel)]
    if not isinstance(spec, dict):
        return []
    own = [spec[channel]] if isinstance(spec.get(channel), dict) else []
    return own + [one for part in spec.values() for one in encodings(part, channel)]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_every_chart_colours_trainings_alike_and_tells_them_apart_without_colour(chart):
    spec = chart.specify(chart)
    coloured = [one for one in encodings(spec, "color") if one.get("field") == "training"]
    for scale in (one["scale"] for one in coloured):
        assert scale["range"] == [TRAINING_COLOURS[kind] for kind in scale["domain"]]
    apart = [*encodings(spec, "shape"), *encodings(spec, "strokeDash")]
    for one in (one for one in apart if one["field"] == "training"):
        assert len(set(map(str, one["scale"]["range"]))) == len(one["scale"]["domain"])
    assert not coloured or "training" in {one["field"] for one in apart}


def test_a_long_line_is_thinned_to_points_that_show_its_course():
    rows = [{"label": "a", "rank": rank} for rank in range(1, 1001)]
    kept = [row["rank"] for row in thinned(rows)]
    assert len(kept) <= POINTS + 10 and kept[:10] == list(range(1, 11)) and kept[-1] == 1000
    assert thinned(rows[:20]) == rows[:20]


@pytest.mark.parametrize("chart", [*CHARTS, PLANTED_OUTLIERS, PUBLISHED], ids=lambda c: c.name)
def test_dvc_fills_a_template_to_the_chart_of_the_page(chart, tmp_path):
    from dvc_render.vega import VegaRenderer

    rows = [{"rev": "main", chart.x: 0.1, chart.y: 3.0}]
    (tmp_path / "chart.json").write_text(json.dumps(plot_template(chart)))
    said = {name: getattr(chart, name) for name in ("x", "y", "x_label", "y_label", "title")}
    theirs = VegaRenderer(rows, "p", template="chart", template_dir=str(tmp_path), **said)
    filled = theirs.get_filled_template()
    assert isinstance(filled, dict) and filled.pop("title")["text"] == chart.title
    assert filled == specification(chart, rows)
