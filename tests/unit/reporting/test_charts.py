import json
import re
from collections import Counter
from xml.etree import ElementTree

import pytest
import yaml

from stages.reporting.charts import (
    CHARTS,
    PLANTED_OUTLIERS,
    PUBLISHED,
    PUBLISHED_FRAME,
    TRAINING_COLOUR,
    VEGA_LITE,
    chart_svg,
    draw_svg,
    fill_template,
    points_outside_frame,
    read_template,
    training_colour,
)
from stages.reporting.robustness_tables import PUBLISHED_COLUMNS
from stages.reporting.tables import COLUMNS, PLANTED_COLUMNS, planted_rows, study_tables
from stages.runtime.errors import InputError
from tests.reads import ROOT
from tests.unit.reporting.conftest import TEMPLATES, read

# Vega-Lite says so of any layered chart with a step per row, where its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"


def specification(chart, rows):
    names = {k: getattr(chart, k) for k in ("x", "y", "x_label", "y_label", "title")}
    anchors = {"data": rows, "color": TRAINING_COLOUR, **names}
    return fill_template(read_template(TEMPLATES, chart.table), anchors)


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
def tables(encoders, comparisons, controls):
    return study_tables(encoders, comparisons) | {"planted_outliers": planted_rows(controls)}


@pytest.fixture
def told(monkeypatch, capfd):
    """Let Vega-Lite's warnings out, and return a function that lists them."""
    import vl_convert

    def aloud(spec, draw=vl_convert.vegalite_to_svg, **options):
        return draw(spec, show_warnings=True, **options)

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", aloud)
    return lambda: [line for line in capfd.readouterr().err.splitlines() if BENIGN not in line]


@pytest.mark.parametrize("chart", [*CHARTS, PLANTED_OUTLIERS], ids=lambda c: c.name)
def test_each_chart_draws_its_table_without_a_warning(chart, tables, told):
    drawn = chart_svg(chart, tables[chart.table], TEMPLATES)
    assert told() == [] and drawn.count("<path") > 20 and "DVC_METRIC" not in drawn


def test_a_channel_that_does_not_fit_is_told_of(told):
    data = {"data": {"values": [{"x": 1}]}, "mark": "point"}
    draw_svg({**data, "encoding": {"nonsense": {"field": "x"}}}, "chart", "a")
    assert told()


@pytest.mark.parametrize("chart", [*CHARTS, PLANTED_OUTLIERS, PUBLISHED], ids=lambda c: c.name)
def test_each_chart_names_columns_of_its_table(chart):
    others = {"planted_outliers": PLANTED_COLUMNS, "published": PUBLISHED_COLUMNS}
    columns = ({**COLUMNS} | others)[chart.table]
    assert chart.x in columns and chart.y in columns
    template = json.dumps(read_template(TEMPLATES, chart.table))
    fields = set(re.findall(r'"field": "([^"]+)"', template))
    made = set(re.findall(r'"as": "([^"]+)"', template))
    assert {f for f in fields - made if "<" not in f} <= {*columns, "rev", "training"}


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


def test_revisions_of_a_faceted_chart_stand_in_their_own_row(encoders):
    rows = [r for r in study_tables(encoders, [])["effective_robustness"] if r["kind"] == "line"]
    extra = [r for i, r in enumerate(rows[::2]) for _ in range(i)]
    both = [{**r, "rev": "main"} for r in extra] + [{**r, "rev": "other"} for r in rows]
    drawn = cells(specification(CHARTS[0], both))
    drawn.sort(key=lambda cell: (round(cell["y"]), round(cell["x"])))
    points = [sum(len(m["items"]) for m in c["items"] if m["marktype"] == "line") for c in drawn]
    assert points == [0, 1, 2, 3, 4, 2, 2, 2, 2, 2]


def test_revisions_of_a_wrapped_chart_have_their_own_panels(encoders):
    chart = next(c for c in CHARTS if c.name == "pruning")
    rows = study_tables(encoders[:2], [])["pruning"]
    both = [{**r, "rev": rev} for rev in ("main", "other") for r in rows]
    text = json.dumps(cells(specification(chart, both)))
    titles = Counter(re.findall(r'"(RN (?:zero-shot|finetuned), web-broad)", "(main|other)"', text))
    assert len(titles) == 4


def test_the_frame_of_the_published_chart_is_that_of_its_template():
    template = json.dumps(read_template(TEMPLATES, "published"))
    for axis, (low, high) in (
        ("x", PUBLISHED_FRAME["imagenet"]),
        ("y", PUBLISHED_FRAME["accuracy"]),
    ):
        shown = f"datum.{axis}_percent >= {low:g} && datum.{axis}_percent <= {high:g}"
        assert shown in template


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    rows = [published_row("encoder", 3, 50), published_row("standard", "60", "0.2")]
    rows += [published_row("encoder", 60, 50), published_row("line", 3, 3)]
    assert points_outside_frame(rows) == 2


def test_a_legend_lists_the_trainings_that_are_drawn():
    legend = training_colour([{"training": "supervised"}, {"training": "zero-shot"}])["legend"]
    assert legend["values"] == ["zero-shot", "supervised"]


def test_the_figure_of_the_readme_is_one_compact_svg(tables):
    svg = chart_svg(CHARTS[0], tables["effective_robustness"], TEMPLATES, panel=(142, 200))
    width = re.search(r'viewBox="0 0 (\d+)', svg)
    assert width and int(width[1]) < 860 and svg.startswith("<svg ") and svg.endswith("</svg>")


POINTS = {
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": {"type": "point", "clip": True},
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}


def test_an_anchor_is_replaced_once_whole_or_within_a_string_and_an_unknown_one_refused():
    template = {"a": ["<DVC_METRIC_DATA>"], "b": {"c": "datum['<DVC_METRIC_X>'] > 0"}}
    filled = fill_template(template, {"data": "<DVC_METRIC_X>", "x": "step"})
    assert filled == {"a": ["<DVC_METRIC_X>"], "b": {"c": "datum['step'] > 0"}}
    with pytest.raises(InputError, match="no value for <DVC_METRIC_X>"):
        fill_template(template, {"data": []})


def test_dvc_fills_the_templates_alike():
    from dvc_render.vega import VegaRenderer

    rows = [{"rev": "main", "fraction": 0.1, "accuracy": 3.0}]
    names = {"x": "fraction", "y": "accuracy", "x_label": "x", "y_label": "y", "title": "t"}
    theirs = VegaRenderer(rows, "p", template="pruning", template_dir=str(TEMPLATES), **names)
    ours = fill_template(read_template(TEMPLATES, "pruning"), {"data": rows, **names})
    assert theirs.get_filled_template() == ours


def test_a_missing_or_broken_template_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such plot template"):
        read_template(tmp_path, "none")
    for text, words in (("{", "not legal JSON"), ("[]", "expected a Vega-Lite object")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError, match=words):
            read_template(tmp_path, "bad")


def test_a_drawing_says_what_it_shows_and_owns_its_identifiers():
    svg = draw_svg(POINTS, "chart", 'less < "more"')
    assert svg.startswith('<svg role="img" aria-label=\'less &lt; "more"\' ')
    used = re.findall(r"url\(#([^)]+)\)", svg)
    assert used and set(used) <= set(re.findall(r'id="(chart-\d+)"', svg))


LABELS = [
    "</text></svg></script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)> &lt; & ]]> -->",
    """datum.label' + "x" [0]. \\n \\\\""",
    'clip id="clip0" url(#clip0)',
    "модель 模型",
    "1e5",
]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_text_in_a_drawing(study, label):
    study["entries"]["rn_web_broad"]["label"] = label
    rows = study_tables(read(study)[:2], [])["kurtosis"]
    svg = chart_svg(CHARTS[1], rows, TEMPLATES)
    drawn = ElementTree.fromstring(svg)  # noqa: S314
    assert label in ["".join(e.itertext()) for e in drawn.iter() if e.tag.endswith("}text")]
    known = {"svg", "g", "rect", "path", "line", "text"}
    assert {e.tag.partition("}")[2] for e in drawn.iter()} <= known


def test_all_templates_look_alike():
    configs = [json.loads(f.read_text())["config"] for f in sorted(TEMPLATES.glob("*.json"))]
    assert len(configs) == 11 and all(config == configs[0] for config in configs)
