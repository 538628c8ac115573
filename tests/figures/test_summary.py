"""An encoder's results become its metrics and the series of its plots."""

import pytest

from stages.figures.inputs import read_encoders
from stages.figures.summary import metrics, series

SETS = ("imagenet", "imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
ESTIMATE = {"value": 3.0, "low": 2.0, "high": 4.0}
COUNTS = {"unique_concepts": 5, "polysemanticity": 1.25}
BASIS = COUNTS | {"categories": {"object": COUNTS}, "sweep": [{"threshold": 0.8, **COUNTS}]}


@pytest.fixture
def measured() -> tuple[dict, dict, dict, dict]:
    """The results of the four measures, as their stages write them."""
    curve = {name: [80.0, 70.0] for name in SETS}
    return (
        {
            "accuracy": dict.fromkeys(SETS, 80.0),
            "effective_robustness": dict.fromkeys((*SETS[1:], "mean"), ESTIMATE),
            "baseline": {"models": [], "lines": {}},
        },
        {
            "representation": "linear",
            "kurtosis": ESTIMATE,
            "outlier_features": {"feature": [3, 9]},
        },
        {
            "importance": {"head": [8.0, 2.0, 1.0], "random_head": [1.0, 1.0, 1.0]},
            "fractions": [0.0, 0.5],
            "accuracy": {"head": curve, "random_head": curve},
            "prunable": 0.5,
        },
        {"directions": BASIS, "features": BASIS},
    )


def test_the_report_reads_what_the_summary_writes(measured):
    entry = {"label": "x", "training": "zero_shot", "backbone": "rn", "data": "web"}
    curve = [{"step": 1, "loss": 2.0, "accuracy": 0.25, "learning_rate": 0.1}]
    plots = series(*measured, curve=curve) | entry
    (encoder,) = read_encoders(["x"], {"x": metrics(*measured)}, {"x": plots})
    assert encoder.metrics.effective_robustness.mean_low == 2.0
    assert encoder.metrics.kurtosis.outlier_features == 2
    assert encoder.metrics.concepts.polysemanticity_features == 1.25
    assert encoder.series.training_curve[0].accuracy == 25.0


def test_importance_is_summed_up_as_the_largest_over_the_median(measured):
    assert metrics(*measured)["directions"] == {
        "count": 3,
        "prunable": 0.5,
        "importance_ratio": 4.0,
    }


def test_a_pruning_curve_has_a_row_per_test_set_and_fraction(measured):
    rows = series(*measured, curve=[])["pruning"]
    assert len(rows) == len(SETS) * 2
    assert {row["fraction"] for row in rows} == {0.0, 0.5}


def test_an_encoder_that_came_ready_has_no_curve(measured):
    assert series(*measured, curve=[])["training_curve"] == []
