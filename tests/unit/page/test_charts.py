import json
import re

import pytest
import yaml

from page.charts import CHARTS, PLANTED_OUTLIERS
from page.drawing import POINTS, chart_spec, chart_svg, thinned
from page.names import TRAININGS
from page.plot_templates import plot_template
from page.published_charts import PUBLISHED, points_outside_frame
from page.published_tables import PUBLISHED_COLUMNS
from page.study_tables import COLUMNS, PLANTED_COLUMNS, planted_rows, study_tables
from page.vega import VEGA_LITE, draw_svg
from page.vega_lite import TRAINING_COLOURS
from tests.reads import ROOT
from tests.unit.page.conftest import read

# Vega-Lite warns of this for any layered chart with a step per row; its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"


def specification(chart, rows):
    spec = chart.specify(chart)
    return spec | {"data": {**spec["data"], "values": rows}}


def found(scenegraph, name):
    """Return every item with that name in Vega's scene graph."""
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


def inline_rows(spec):
    """Return every row of data that a specification itself holds."""
    if isinstance(spec, list):
        return [row for one in spec for row in inline_rows(one)]
    if not isinstance(spec, dict):
        return []
    own = spec.get("data", {}).get("values", [])
    return own + [row for one in spec.values() for row in inline_rows(one)]


@pytest.mark.parametrize("chart", [*CHARTS, PLANTED_OUTLIERS, PUBLISHED], ids=lambda c: c.name)
def test_each_chart_names_columns_of_its_table(chart):
    others = {"planted_outliers": PLANTED_COLUMNS, "published": PUBLISHED_COLUMNS}
    columns = ({**COLUMNS} | others)[chart.table]
    assert chart.x in columns and chart.y in columns
    spec = chart.specify(chart)
    text = json.dumps(spec)
    fields = set(re.findall(r'"field": "([^"]+)"', text))
    made = set(re.findall(r'"as": "([^"]+)"', text))
    made |= {name for row in inline_rows(spec) for name in row}
    assert fields - made <= {*columns, "rev", "training"}


def test_dvc_plots_shows_the_same_charts():
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
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


def test_revisions_of_a_faceted_chart_stand_in_their_own_row(encoders, baseline):
    rows = [
        r
        for r in study_tables(encoders, [], baseline)["effective_robustness"]
        if r["kind"] == "line"
    ]
    extra = [r for i, r in enumerate(rows[::2]) for _ in range(i)]
    both = [{**r, "rev": "main"} for r in extra] + [{**r, "rev": "other"} for r in rows]
    drawn = cells(specification(CHARTS[0], both))
    drawn.sort(key=lambda cell: (round(cell["y"]), round(cell["x"])))
    points = [sum(len(m["items"]) for m in c["items"] if m["marktype"] == "line") for c in drawn]
    assert points == [0, 1, 2, 3, 4, 2, 2, 2, 2, 2]


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


COLOURS_OF_OTHERS = {
    colour
    for chart in (*CHARTS, PLANTED_OUTLIERS)
    for one in encodings(chart.specify(chart), "color")
    if one.get("field") != "training"
    for colour in one.get("scale", {}).get("range", [])
}


def test_a_colour_stands_for_a_kind_of_training_or_for_something_else():
    assert set(TRAINING_COLOURS) == set(TRAININGS.values())
    assert COLOURS_OF_OTHERS and COLOURS_OF_OTHERS.isdisjoint(TRAINING_COLOURS.values())


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


def test_a_legend_lists_the_categories_that_have_a_bar(study, baseline):
    for one in study["series"]["rn_supervised"]["concepts"]:
        one["unique"] *= one["category"] in ("all", "scene", "object")
    chart = next(c for c in CHARTS if c.name == "concepts")
    (own,) = (e for e in read(study) if e.key == "rn_supervised")
    rows = study_tables([own], [], baseline)["concepts"]
    (colour,) = encodings(chart_spec(chart, rows), "color")
    assert colour["legend"]["values"] == ["object", "scene"]


def test_a_long_line_is_thinned_to_points_that_show_its_course():
    rows = [{"label": "a", "rank": rank} for rank in range(1, 1001)]
    kept = [row["rank"] for row in thinned(rows)]
    assert len(kept) <= POINTS + 10 and kept[:10] == list(range(1, 11)) and kept[-1] == 1000
    assert thinned(rows[:20]) == rows[:20]


def test_the_page_draws_the_rows_that_the_chart_keeps(encoders, baseline):
    chart = next(c for c in CHARTS if c.name == "pruning")
    rows = study_tables(encoders[:1], [], baseline)["pruning"]
    data = chart_spec(chart, rows)["data"]["values"].splitlines()
    assert len(data) - 1 == len(rows) / 3
    assert not any("random head" in line or "other" in line for line in data)


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
