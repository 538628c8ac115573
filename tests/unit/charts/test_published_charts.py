from typing import Any

import pandas as pd
import pytest

from interpreting_clip.charts.panels import facets, template, whole_chart
from interpreting_clip.charts.pictures import draw_svg
from page.drawings import panel_drawing
from page.published_charts import (
    FINETUNING,
    KINDS,
    OWN,
    PUBLISHED,
    PUBLISHED_ON_PAGE,
    SCALING,
    SOUPS,
    TRAINING_LOOKS,
    points_outside_frame,
)

TEXTS = {"data": "LAION-2B", "extrapolated": "", "mean_text": "5.0", "said": "greedy"}
NUMBERS = {"imagenet": 60.0, "accuracy": 50.0, "baseline": 45.0, "effective_robustness": 5.0}
RECIPE = {"learning_rate": 1e-5, "epochs": 8, "samples": 13, "gmacs": 1e12, "mean": 5.0}
MEANS = {"natural": 9.0, "style": 20.0, "natural_text": "9.0", "style_text": "20.0"}


def rows(kind: str, **more: Any) -> list[dict[str, Any]]:
    """Make a row per kind of training, and give it all columns of all charts."""
    shared = {"augmentation": "RandAugment", "over": "all shifts", "shift": "ImageNet-R"}
    return [
        {"kind": kind, "training": training, "label": training, "group": "zero-shot models"}
        | {**TEXTS, **NUMBERS, **RECIPE, **MEANS, **shared, **more}
        for training in TRAINING_LOOKS
    ]


def line(start: float) -> list[dict[str, Any]]:
    """Make a line that begins at an ImageNet accuracy."""
    shared = {"kind": "line", "label": "baseline", "shift": "ImageNet-R"}
    return [
        shared | {"imagenet": imagenet, "accuracy": accuracy}
        for imagenet, accuracy in ((start, 0.2), (80.0, 70.0))
    ]


MODELS = pd.DataFrame([*line(30.0), *rows("encoder"), *rows("standard")])
TABLES = [
    (PUBLISHED, MODELS),
    (PUBLISHED_ON_PAGE, MODELS),
    (FINETUNING, pd.DataFrame([*rows("model"), *rows("start")])),
    (SOUPS, pd.DataFrame([*rows("soup"), *rows("ingredient", said="")])),
    (SCALING, pd.DataFrame(rows("model"))),
    (KINDS, pd.DataFrame([*rows("encoder"), *rows("encoder", group="supervised models")])),
]


@pytest.mark.parametrize(("chart", "table"), TABLES, ids=lambda one: getattr(one, "name", ""))
def test_each_chart_draws_its_table_without_a_warning(chart, table, warned):
    facets(chart).to_dict()
    whole = draw_svg(whole_chart(chart, table), chart.name, chart.alternative)
    alone = panel_drawing(chart, table).panels
    assert warned() == ""
    for drawn in (whole, "".join(panel.svg for panel in alone)):
        assert drawn.count("<path") > 8


def test_pretraining_sets_without_a_look_are_left_out():
    table = pd.DataFrame([*rows("model"), *rows("model", data="LAION-5B")])
    assert len(SCALING.rows(table)) == len(table) / 2


def test_panels_of_kinds_share_axes_that_begin_below_zero():
    table = pd.DataFrame([*rows("encoder"), *rows("encoder", style=-3.0)])
    assert KINDS.ends(table) == {"natural": (-2.0, 11.0), "style": (-5.0, 22.0)}


def test_a_template_lists_all_trainings_but_not_a_readers_own_models():
    spec = template(PUBLISHED)["spec"]["layer"][-1]["encoding"]["color"]
    assert spec["legend"]["values"] == list(TRAINING_LOOKS)
    assert OWN in spec["scale"]["domain"]


def test_the_script_of_the_page_sets_the_horizontal_axis_and_the_choice():
    params = PUBLISHED_ON_PAGE.draw({}).to_dict(validate=False)["params"]
    assert {one["name"] for one in params} == {"chosen", "abscissa", "left", "right"}


@pytest.mark.parametrize(("start", "beneath"), [(30.0, True), (50.0, False)])
def test_the_name_of_a_steep_line_stands_beside_it(start, beneath):
    drawn = panel_drawing(PUBLISHED, pd.DataFrame(line(start))).panels[0].svg
    assert (">standard models<" in drawn) == beneath == (">models<" not in drawn)


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    points = [("encoder", 3, 50), ("standard", 60, 0.2), ("encoder", 60, 50), ("line", 3, 3)]
    table = pd.DataFrame(points, columns=["kind", "imagenet", "accuracy"])
    assert points_outside_frame(table) == 2
