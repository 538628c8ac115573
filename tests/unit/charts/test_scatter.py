import re
from itertools import pairwise

import pandas as pd
import pytest

from interpreting_clip.charts.panels import facets, panel_spec, template, whole_chart
from interpreting_clip.charts.pictures import draw_svg
from interpreting_clip.charts.scatter import (
    CORRELATION,
    DRAWN_RANGE,
    EFFECTIVE_ROBUSTNESS,
    logits,
    robustness_chart,
)
from page.drawings import panel_drawing

SHIFTS = ["ImageNet-R", "ImageNet-A"]
TRAININGS = ["zero-shot", "finetuned", "supervised", "linear probe"]
NUMBER = re.compile(r'translate\([^,]+,([\d.]+)\)"[^>]*font-weight="bold"[^>]*fill="[^"]+">(\d)<')


def accuracies() -> pd.DataFrame:
    """Four encoders in one place, three standard models and their line, on both shifts."""
    rows = []
    for shift in SHIFTS:
        rows += [
            {"kind": "standard", "label": f"s{x}", "imagenet": x, "accuracy": x - 10}
            | {"shift": shift}
            for x in (30, 60, 100)
        ]
        rows += [
            {"kind": kind, "label": "baseline", "imagenet": x, "accuracy": x - 5, "shift": shift}
            for kind in ("line", "extrapolated")
            for x in (30, 60)
        ]
        rows += [
            {"kind": "encoder", "number": n, "label": f"e{n}", "training": training}
            | {"imagenet": 50, "accuracy": 60, "baseline": 45, "shift": shift}
            | {"effective_robustness": 15, "extrapolated": ""}
            for n, training in enumerate(TRAININGS, 1)
        ]
    return pd.DataFrame(rows)


def correlations() -> pd.DataFrame:
    rows = [
        {"number": n, "label": f"e{n}", "training": training, "measure": measure, "value": 3}
        | {"effective_robustness": 5, "extrapolated": "‡" * (n == 4)}
        for measure in ("kurtosis", "concepts of directions")
        for n, training in enumerate(TRAININGS, 1)
    ]
    rows.append(rows[0] | {"number": 5, "effective_robustness": 25, "measure": "kurtosis"})
    return pd.DataFrame(rows)


CHARTS = [(EFFECTIVE_ROBUSTNESS, accuracies()), (CORRELATION, correlations())]


@pytest.mark.parametrize(("chart", "table"), CHARTS, ids=lambda one: getattr(one, "name", ""))
def test_each_encoder_has_a_point_and_a_number_in_each_panel(chart, table, warned):
    facets(chart).to_dict()
    whole = draw_svg(whole_chart(chart, table), chart.name, chart.alternative)
    alone = "".join(panel.svg for panel in panel_drawing(chart, table).panels)
    assert warned() == ""
    encoders = int(table["number"].notna().sum())
    for drawn in (whole, alone):
        assert len(NUMBER.findall(drawn)) == encoders
    assert len(panel_drawing(chart, table).panels) == 2


@pytest.mark.parametrize(("chart", "table"), CHARTS, ids=lambda one: getattr(one, "name", ""))
def test_numbers_of_encoders_in_one_place_stand_apart(chart, table):
    drawn = panel_drawing(chart, table).panels[0].svg
    heights = sorted(float(y) for y, _ in NUMBER.findall(drawn))
    assert min(high - low for low, high in pairwise(heights)) > 10


def test_panels_share_their_axes_within_the_drawn_range():
    ends = EFFECTIVE_ROBUSTNESS.ends(accuracies())
    assert ends["x_logit"] == tuple(logits((30.0, DRAWN_RANGE[1])))
    assert ends["y_logit"] == tuple(logits((20.0, 90.0)))
    spec = panel_spec(EFFECTIVE_ROBUSTNESS, ends)
    assert spec["encoding"]["y"]["scale"]["domain"] == list(ends["y_logit"])


def test_revisions_have_panels_of_their_own():
    table = pd.concat([accuracies().assign(rev=rev) for rev in ("HEAD", "workspace")])
    spec = template(EFFECTIVE_ROBUSTNESS)
    spec["data"]["values"] = table.astype(object).where(table.notna(), "").to_dict("records")
    drawn = draw_svg(spec, "revisions", "")
    assert drawn.count(">HEAD<") == drawn.count(">workspace<") == len(SHIFTS)


def test_a_study_names_its_imagenet():
    drawn = panel_drawing(robustness_chart("drawn ImageNet"), accuracies())
    assert "drawn ImageNet (%)" in drawn.panels[0].svg
