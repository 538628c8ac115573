"""An encoder's results become its metrics and the series of its plots."""

import msgspec
import pytest

from interpreting_clip.formats.summary import encoder_metrics, plot_series
from interpreting_clip.measures.intervals import Estimate
from page.results import Series
from stages.robustness import headline

SETS = ("imagenet", "imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
ESTIMATE = {"value": 3.0, "low": 2.0, "high": 4.0}
COUNTS = {
    **{"unique_concepts": 5, "unique_low": 4, "unique_high": 7},
    **{"polysemanticity": 1.25, "polysemanticity_low": 1.0, "polysemanticity_high": 1.5},
}
PAIR = {"number": 2, "side": "negative", "concept": "x", "category": "object", "precision": 0.91}
BASIS = COUNTS | {"categories": {"object": COUNTS}, "sweep": [{"threshold": 0.8, **COUNTS}]}
BASIS |= {"encoded": [PAIR], "pairs": 6, "names": ["x (object)"]}


@pytest.fixture
def measured() -> tuple[dict, dict, dict, dict]:
    """The results of the four measures, as their stages write them."""
    curve = {name: [80.0, 70.0] for name in SETS}
    return (
        {
            "accuracy": dict.fromkeys(SETS, 80.0),
            "effective_robustness": dict.fromkeys((*SETS[1:], "mean"), ESTIMATE)
            | {"extrapolated": ["imagenet_r"]},
            "images": dict.fromkeys(SETS, 1500),
            "classes": dict.fromkeys(SETS, 12),
            "abscissa": {"imagenet_v2": {"accuracy": 81.0, "images": 1400}},
            "left_out": {"imagenet_a": "imagenet_a has images of 3 of the 200 classes"},
        },
        {
            "representation": "linear",
            "kurtosis": ESTIMATE,
            "features": 128,
            "outlier_sigma": 6.0,
            "outlier_share": 0.5,
            "hiding_outliers": 4,
            "outlier_features": {"feature": [3, 9]},
            "largest_share": 0.75,
            "sweep": [{"share": 0.1, "outlier_features": 5}],
            "axes": {
                **{"typical_cosine": 0.2, "feature": [3, 9], "share": [0.75, 0.5]},
                **{"cosine": [0.4, 0.6], "rank": [2, 1], "within": [0.5, 1.0]},
                "costs": {s: {n: [0.0, 1.5] for n in ("value", "low", "high")} for s in SETS},
            },
        },
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
    written = {
        "measures": encoder_metrics(*measured),
        "numbers": {},
        **plot_series(*measured, curve=curve),
    }
    series = msgspec.convert(written, Series)
    metrics = series.measures
    assert metrics.effective_robustness.mean_low == 2.0
    assert (metrics.images.objectnet, metrics.classes.imagenet_r) == (1500, 12)
    assert series.abscissa["imagenet_v2"].images == 1400
    assert series.left_out == {"imagenet_a": "imagenet_a has images of 3 of the 200 classes"}
    assert metrics.effective_robustness.extrapolated == ["imagenet_r"]
    assert (metrics.kurtosis.outlier_features, metrics.kurtosis.largest_share) == (2, 0.75)
    assert (series.outliers.features, series.outliers.sweep[0].outlier_features) == (128, 5)
    axes = [
        (axis.feature, axis.outlier, axis.costs["objectnet"].high) for axis in series.outliers.axes
    ]
    assert axes == [(3, True, 0.0), (9, True, 1.5)]
    assert metrics.concepts.polysemanticity_features == 1.25
    assert metrics.concepts.measured == 40
    concepts = metrics.concepts
    assert (concepts.unique_directions_low, concepts.unique_features_high) == (4, 7)
    assert concepts.polysemanticity_features_high == 1.5
    assert [row.category for row in series.concepts] == ["all", "object"] * 2
    assert {(row.low, row.high) for row in (*series.concepts, *series.sweep)} == {(4, 7)}
    assert [(pair.basis, pair.number) for pair in series.encoded] == [
        ("directions", 2),
        ("features", 2),
    ]
    assert series.pairs == {"directions": 6, "features": 6}
    directions = metrics.directions  # the ratio is the largest importance over the median
    assert (directions.count, directions.prunable, directions.importance_ratio) == (3, 0.5, 4.0)
    assert "shifts" not in encoder_metrics(*measured)["effective_robustness"]
    assert series.training_curve[0].accuracy == 25.0
    assert len(series.pruning) == len(SETS) * 2
    assert {row.fraction for row in series.pruning} == {0.0, 0.5}


def test_the_headline_is_of_the_same_numbers(measured):
    measured[0]["accuracy"] |= {"objectnet": 40.0}
    found = headline(measured[0])
    assert (found.imagenet, found.shifts, found.extrapolated) == (80.0, 72.0, 1)
    assert found.robustness == Estimate(**ESTIMATE)


def test_a_shift_that_a_study_does_without_is_null_and_the_mean_says_over_which(measured):
    robustness, *others = measured
    for part in ("accuracy", "effective_robustness"):
        del robustness[part]["objectnet"], robustness[part]["imagenet_a"]
    found = encoder_metrics(robustness, *others)
    assert found["accuracy"]["objectnet"] is None and found["accuracy"]["imagenet_r"] == 80.0
    assert found["effective_robustness"]["imagenet_a"] is None
    assert found["effective_robustness"]["shifts"] == list(SETS[1:4])
    assert headline(robustness).shifts == 80.0


def test_a_study_of_imagenet_alone_has_no_mean(measured):
    robustness, *others = measured
    robustness |= {"accuracy": {"imagenet": 80.0}, "effective_robustness": {}}
    metrics = encoder_metrics(robustness, *others)
    shown, found = headline(robustness), metrics["effective_robustness"]
    assert (shown.shifts, shown.robustness, shown.extrapolated) == (None, None, 0)
    assert found.pop("shifts") == found.pop("extrapolated") == []
    assert set(found.values()) == {None} and len(found) == 8


def test_without_broden_concepts_are_null_and_have_no_series(measured):
    robustness, kurtosis, directions, _ = measured
    found = encoder_metrics(robustness, kurtosis, directions, None)
    assert set(found["concepts"].values()) == {None}
    plots = plot_series(robustness, kurtosis, directions, None, curve=[])
    assert plots["concepts"] == plots["sweep"] == plots["training_curve"] == []
    assert plots["encoded"] == [] and plots["pairs"] == {}
