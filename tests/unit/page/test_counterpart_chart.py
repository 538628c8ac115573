from page.counterpart_chart import (
    COUNTERPART_CHART,
    COUNTERPART_COLUMNS,
    counterpart_rows,
    same_robustness,
)
from page.panels import panel_drawing


def model(backbone, name, training, interval, *, extrapolated=False):
    return {
        "backbone": backbone,
        "name": name,
        "training": training,
        "how": training,
        "data": "LAION-2B",
        "imagenet": 70.0,
        "interval": interval,
        "extrapolated": extrapolated,
    }


MODELS = [
    model("ViT-B/16", "a <b>", "zero-shot", (30.0, 29.0, 31.0)),
    model("ViT-B/16", "a-ft", "finetuned", (10.0, 8.0, 12.0), extrapolated=True),
    model("ViT-B/32", "c", "supervised", (-1.0, -2.0, 0.5)),
    model("ViT-B/32", "without an interval", "supervised", None),
]


def test_there_is_a_row_for_each_model_that_has_an_interval():
    rows = counterpart_rows(MODELS)
    assert [row["name"] for row in rows] == ["a <b>", "a-ft", "c"]
    assert all(tuple(row) == COUNTERPART_COLUMNS for row in rows)
    assert [row["extrapolated"] for row in rows] == ["", "‡", ""]
    assert rows[0]["label"] == "zero-shot: LAION-2B"


def test_a_backbone_is_a_panel_and_all_have_one_axis_with_zero():
    drawing = panel_drawing(COUNTERPART_CHART, counterpart_rows(MODELS))
    assert [panel.title for panel in drawing.panels] == ["ViT-B/16", "ViT-B/32"]
    assert same_robustness(counterpart_rows(MODELS))["robustness"] == (-2.0, 31.0)
    assert same_robustness(counterpart_rows(MODELS[:2]))["robustness"] == (0.0, 31.0)
    assert [entry.text for entry in drawing.legend] == ["zero-shot", "finetuned", "supervised"]


def test_a_mark_that_is_read_from_an_extrapolated_line_is_hollow_and_says_so():
    drawing = panel_drawing(COUNTERPART_CHART, counterpart_rows(MODELS))
    first, second = (panel.svg for panel in drawing.panels)
    assert "10.0‡" in first and "30.0<" in first and "‡" not in second
    assert 'fill-opacity="0"' in first and 'fill-opacity="0"' not in second
