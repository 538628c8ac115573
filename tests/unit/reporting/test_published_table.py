"""The rows behind the chart of published accuracies."""

import pytest

from stages.reporting.published_table import PUBLISHED_COLUMNS, family, published_rows


@pytest.fixture
def rows(model, lines) -> list[dict]:
    standard = [model("a", 60.0, 0.0), model("b", 80.0, 0.0) | {"imagenet_r": None}]
    return published_rows(standard, [model("RN50/openai", 50.0, 20.0)], lines)


def test_every_row_has_every_column(rows):
    assert all(tuple(row) == PUBLISHED_COLUMNS for row in rows)


def test_effective_robustness_is_the_height_above_the_line(rows):
    found = [r["effective_robustness"] for r in rows if r["kind"] == "encoder"]
    assert found == pytest.approx([20.0] * 5, abs=1e-9)


def test_an_unpublished_accuracy_leaves_its_model_out_of_that_shift_alone(rows):
    shifts = [r["shift"] for r in rows if r["label"] == "b"]
    assert len(shifts) == 4 and "ImageNet-R" not in shifts


def test_a_line_spans_the_models_of_its_shift(rows):
    line = [r["imagenet"] for r in rows if r["kind"] == "line" and r["shift"] == "ImageNet-R"]
    assert line == [50.0, 60.0]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [("laion2b_s34b_b79k", "LAION"), ("cc12m", "YFCC, CC12M"), ("metaclip_400m", "other")],
)
def test_weights_belong_to_a_family_of_images(weights, expected):
    assert family(weights) == expected
