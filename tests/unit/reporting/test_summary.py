"""An encoder's results become its metrics and the series of its plots."""

import msgspec
import pytest

from stages.reporting.results import Metrics, Series
from stages.reporting.summary import encoder_metrics, plot_series

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
        {"representation": "linear", "kurtosis": ESTIMATE, "outlier_features": {"feature": [3, 9]}},
        {
            "importance": {"head": [8.0, 2.0, 1.0], "random_head": [1.0, 1.0, 1.0]},
            "fractions": [0.0, 0.5],
            "accuracy": {"head": curve, "random_head": curve},
            "prunable": 0.5,
        },
        {"measured": 40, "directions": BASIS, "features": BASIS},
    )


def test_the_report_reads_what_the_summary_writes(measured):
    curve = [{"step": 1, "loss": 2.0, "accuracy": 0.25, "learning_rate": 0.1}]
    series = msgspec.convert(plot_series(*measured, curve=curve), Series)
    metrics = msgspec.convert(encoder_metrics(*measured), Metrics)
    assert metrics.effective_robustness.mean_low == 2.0
    assert metrics.kurtosis.outlier_features == 2
    assert metrics.concepts.polysemanticity_features == 1.25
    assert metrics.concepts.measured == 40
    directions = metrics.directions  # the importance is the largest over the median
    assert (directions.count, directions.prunable, directions.importance_ratio) == (3, 0.5, 4.0)
    assert "shifts" not in encoder_metrics(*measured)["effective_robustness"]
    assert series.training_curve[0].accuracy == 25.0
    assert len(series.pruning) == len(SETS) * 2
    assert {row.fraction for row in series.pruning} == {0.0, 0.5}


def test_a_shift_that_a_study_does_without_is_null_and_the_mean_says_over_which(measured):
    robustness, *others = measured
    for part in ("accuracy", "effective_robustness"):
        del robustness[part]["objectnet"], robustness[part]["imagenet_a"]
    found = encoder_metrics(robustness, *others)
    assert found["accuracy"]["objectnet"] is None and found["accuracy"]["imagenet_r"] == 80.0
    assert found["effective_robustness"]["imagenet_a"] is None
    assert found["effective_robustness"]["shifts"] == list(SETS[1:4])


def test_a_study_of_imagenet_alone_has_no_mean(measured):
    robustness, *others = measured
    robustness |= {"accuracy": {"imagenet": 80.0}, "effective_robustness": {}}
    found = encoder_metrics(robustness, *others)["effective_robustness"]
    assert found.pop("shifts") == [] and set(found.values()) == {None} and len(found) == 8


def test_without_broden_concepts_are_null_and_have_no_series(measured):
    robustness, kurtosis, directions, _ = measured
    found = encoder_metrics(robustness, kurtosis, directions, None)
    assert set(found["concepts"].values()) == {None}
    plots = plot_series(robustness, kurtosis, directions, None, curve=[])
    assert plots["concepts"] == plots["sweep"] == plots["training_curve"] == []
