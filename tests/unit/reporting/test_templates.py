"""Filling and drawing of the plot templates."""

import json
import re

import pytest

from stages.reporting.charts import draw, fill, read_template
from stages.runtime.errors import InputError

POINTS = {
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": {"type": "point", "clip": True},
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}


def test_an_anchor_is_replaced_whole_or_within_a_string():
    template = {"a": ["<DVC_METRIC_DATA>"], "b": {"c": "datum['<DVC_METRIC_X>'] > 0"}}
    assert fill(template, {"data": [1], "x": "step"}) == {
        "a": [[1]],
        "b": {"c": "datum['step'] > 0"},
    }


def test_a_filled_value_is_not_filled_again():
    label = "<DVC_METRIC_X>"
    assert fill({"a": "<DVC_METRIC_DATA>"}, {"data": [{"l": label}]}) == {"a": [{"l": label}]}


def test_an_unknown_anchor_is_refused():
    with pytest.raises(InputError, match="no value for <DVC_METRIC_Z>"):
        fill({"a": ["<DVC_METRIC_Z>"]}, {"x": "step"})


def test_dvc_fills_the_templates_alike(templates):
    from dvc_render.vega import VegaRenderer

    rows = [{"rev": "main", "fraction": 0.1, "accuracy": 3.0}]
    names = {"x": "fraction", "y": "accuracy", "x_label": "x", "y_label": "y", "title": "t"}
    theirs = VegaRenderer(rows, "p", template="pruning", template_dir=str(templates), **names)
    ours = fill(read_template(templates, "pruning"), {"data": rows, **names})
    assert theirs.get_filled_template() == ours


def test_a_missing_or_broken_template_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such plot template"):
        read_template(tmp_path, "none")
    for text, words in (("{", "not legal JSON"), ("[]", "expected a Vega-Lite object")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError, match=words):
            read_template(tmp_path, "bad")


def test_a_drawing_says_what_it_shows_and_owns_its_identifiers():
    svg = draw(POINTS, "chart", 'less < "more"')
    assert svg.startswith('<svg role="img" aria-label=\'less &lt; "more"\' ')
    used = re.findall(r"url\(#([^)]+)\)", svg)
    assert used and set(used) <= set(re.findall(r'id="(chart-\d+)"', svg))


def test_a_drawing_is_the_same_twice_and_needs_no_script():
    svg = draw(POINTS, "chart", "a")
    assert svg == draw(POINTS, "chart", "a") and "<script" not in svg


def test_all_templates_look_alike(templates):
    configs = [json.loads(f.read_text())["config"] for f in sorted(templates.glob("*.json"))]
    assert len(configs) == 9 and all(config == configs[0] for config in configs)
