"""The charts beside claims, and that of counterparts."""

import json
import re

import msgspec
import pandas as pd
import pytest

from interpreting_clip.charts.panels import facets
from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.measures.intervals import Estimate
from page.claim_charts import DOTS, Dots, dot_row, informative
from page.counterpart_chart import COUNTERPART_CHART
from page.drawings import panel_drawing

MODELS = pd.DataFrame(
    {
        "backbone": ["B/32", "B/32", "L/14"],
        "place": [0, 1, 2],
        "name": ["a", "b", "c"],
        "label": ["zero-shot: web", "finetuned: web", "zero-shot: web"],
        "training": ["zero-shot", "finetuned", "zero-shot"],
        "data": "web",
        "imagenet": 70.0,
        "robustness": [30.0, 9.0, 40.0],
        "low": [28.0, 5.0, 38.0],
        "high": [32.0, 11.0, 41.5],
        "extrapolated": ["", "‡", ""],
    }
)


def row(training: str, value: int, group: str = "", null: tuple[int, int] | None = None):
    made = {"label": f"RN {training}", "backbone": "rn", "data": "web", "head": "zero_shot"}
    entry = msgspec.convert(made | {"training": training}, EncoderEntry)
    estimate = Estimate(value, value - 1, value + 1)
    return dot_row(entry, estimate, None, str(value), null=null, group=group)


def points(svg: str) -> list[str]:
    """Return the paths of the points, which are one layer."""
    layers = re.findall(r'<g class="mark-symbol role-mark[^>]*>(.*?)</g>', svg)
    return re.findall("<path [^>]*>", "".join(layers))


def test_each_row_of_a_claim_is_drawn_and_told_in_words(warned):
    rows = [row("zero_shot", 9, "RN"), row("supervised", -2, "RN"), row("zero_shot", 5, "ViT")]
    drawing = Dots(axis="points", rows=rows).drawing("order")
    assert not warned()
    first, second = drawing.panels
    assert (first.title, second.title, drawing.name) == ("RN", "ViT", "dots-order")
    assert [len(points(panel.svg)) for panel in drawing.panels] == [2, 1]
    assert 'aria-label="points. zero-shot: 9; supervised: -2"' in first.svg
    assert "var(--chart-supervised)" in first.svg


def test_the_panels_of_a_claim_share_an_axis_that_holds_nulls_and_the_reference():
    rows = [row("zero_shot", 9, "RN", null=(-4, 2)), row("zero_shot", 5, "ViT")]
    drawing = Dots(axis="%" * 400, rows=rows, reference=(80, "the paper")).drawing("order")
    assert '"domain":[-4.0,80.0]' in drawing.spec and not drawing.small


def test_a_chart_of_equal_numbers_or_of_none_says_nothing():
    same = row("zero_shot", 1) | dict.fromkeys(("low", "high", "widest_low", "widest_high"), 1)
    for rows in ([], [same, same]):
        assert informative(Dots(axis="a", rows=rows)) is None
    assert informative(Dots(axis="a", rows=[same, row("zero_shot", 1)]))


def test_counterparts_are_hollow_where_the_line_is_extrapolated(warned):
    drawing = panel_drawing(COUNTERPART_CHART, MODELS)
    assert not warned()
    assert [panel.title for panel in drawing.panels] == ["B/32", "L/14"]
    filled, hollow = points(drawing.panels[0].svg)
    assert 'fill-opacity="0"' in hollow and 'fill-opacity="0"' not in filled
    assert "9.0‡" in drawing.panels[0].svg and '"domain":[0.0,41.5]' in drawing.spec


@pytest.mark.parametrize("chart", [DOTS, COUNTERPART_CHART], ids=lambda chart: chart.name)
def test_the_chart_is_legal_vega_lite(chart):
    assert json.dumps(facets(chart).to_dict())
