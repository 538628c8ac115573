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
LEVEL = {"mean": 0.25, "low": 0, "high": 1}
COUNTS |= {"permuted": LEVEL, "random": LEVEL | {"mean": 2.5}, "over_all": 2}
COUNTS |= {"over_all_permuted": LEVEL, "over_all_random": LEVEL | {"mean": 0.75}}
BASIS = (
    COUNTS
    | {"discovered": 30}
    | {"categories": {"object": COUNTS}, "sweep": [{"threshold": 0.8, **COUNTS}]}
)
BASIS |= {"encoded": [PAIR], "pairs": 6, "names": ["x (object)"]}


LONE = {"mean": 0.5, "low": 0.5, "high": 0.5}
NUMBERS = ("prunable", "by_accuracy", "by_robustness")
OF_HEAD = {"importance_ratio": 4.0, "logit_variance": [0.5, 0.3], "spectrum": 2.5, "prunable": 0.0}


@pytest.fixture
def measured() -> tuple[dict, dict, dict, dict]:
    """The results of the four measures, as their stages write them."""
    on_fewer_classes = "imagenet_on_r_classes"
    curve, worse = ({name: [80.0, y] for name in (*SETS, on_fewer_classes)} for y in (70.0, 60.0))
    return (
        {
            "accuracy": dict.fromkeys(SETS, 80.0),
            "effective_robustness": dict.fromkeys((*SETS[1:], "mean"), ESTIMATE)
            | {"extrapolated": ["imagenet_r"]},
            "images": dict.fromkeys(SETS, 1500),
            "classes": dict.fromkeys(SETS, 12),
            "abscissa": {"imagenet_v2": {"accuracy": 81.0, "images": 1400}},
            "left_out": {"imagenet_a": "imagenet_a has images of 3 of the 200 classes"},
            "pruned": {
                **{"fractions": [0.0, 0.5], "extrapolated": [0.5]},
                **{"robustness": [3.0, 2.5], "random_robustness": [3.0, 1.0]},
                "head": {"by_accuracy": 0.0, "by_robustness": 0.5, "prunable": 0.0},
                "random_heads": [dict.fromkeys(NUMBERS, x) for x in (0.0, 0.5)],
            },
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
                **{"tops": [1, 3], "within_top": [[0.1, 0.5], [0.4, 1.0]]},
                **{"typical_logit_variance": 0.1, "logit_variance": [0.3, 0.2]},
                "costs": {s: {n: [0.0, 1.5] for n in ("value", "low", "high")} for s in SETS},
            },
        },
        {
            "centre": "classes",
            "fractions": [0.0, 0.5],
            "heads": {
                "none": OF_HEAD | {"importance": [9.0, 4.0, 2.0, 1.0], "accuracy": worse},
                "classes": OF_HEAD | {"importance": [8.0, 2.0, 1.0], "accuracy": curve},
            },
            "mean_row": {"energy": 0.6, "cosine": 0.9},
            "random_heads": {"importance": [1.0, 1.0, 1.0], "accuracy": [curve, worse]},
        },
        {
            **{"measured": 40, "minimum_images": 14, "left_out": 3, "null_draws": 5},
            "false_discovery_rate": 0.05,
            **{"directions": BASIS, "features": BASIS},
        },
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
    assert (metrics.kurtosis.outlier_features, metrics.kurtosis.largest_share) == (2, 0.75)
    assert (series.outliers.features, series.outliers.sweep[0].outlier_features) == (128, 5)
    axes = [
        (axis.feature, axis.outlier, axis.costs["objectnet"].high) for axis in series.outliers.axes
    ]
    assert axes == [(3, True, 0.0), (9, True, 1.5)]
    assert metrics.concepts.polysemanticity_features == 1.25
    concepts = metrics.concepts
    assert (concepts.unique_directions_low, concepts.unique_features_high) == (4, 7)
    assert concepts.polysemanticity_features_high == 1.5
    assert concepts.chance_directions is not None
    for chance in (concepts.chance_directions, *series.concepts, *series.sweep):
        assert (chance.permuted, chance.random, chance.random_high) == (0.25, 2.5, 1)
        assert (chance.over_all, chance.over_all_random) == (2, 0.75)
    assert [row.category for row in series.concepts] == ["all", "object"] * 2
    assert {(row.low, row.high) for row in (*series.concepts, *series.sweep)} == {(4, 7)}
    directions = metrics.directions
    assert (directions.count, directions.prunable, directions.importance_ratio) == (3, 0.0, 4.0)
    assert [directions.is_extrapolated(one) for one in (0.0, 0.5, None)] == [False, True, False]
    random = directions.random_heads.prunable
    assert random and (random.mean, random.low, random.high) == pytest.approx((0.25, 0.025, 0.475))
    assert {name: one.count for name, one in directions.heads.items()} == {"none": 4, "classes": 3}
    assert [(at.robustness, at.extrapolated) for at in series.pruned_robustness] == [
        (3.0, False),
        (2.5, True),
    ]
    assert [axis.within_top for axis in series.outliers.axes] == [[0.1, 0.5], [0.4, 1.0]]
    assert series.importance.other == [9.0, 4.0, 2.0, 1.0]
    of_half = next(row for row in series.pruning if row.fraction)
    assert (of_half.accuracy, of_half.other_accuracy, of_half.random_head_accuracy) == (70, 60, 65)
    assert "shifts" not in encoder_metrics(*measured)["effective_robustness"]
    assert series.training_curve[0].accuracy == 25.0
    assert len(series.pruning) == len(SETS) * 2
    assert {row.fraction for row in series.pruning} == {0.0, 0.5}


def test_a_study_s_own_shifts_stand_beside_the_testbed_s(measured):
    robustness, _, directions, _ = measured
    own = {"accuracy": ESTIMATE, "imagenet": 71.0, "chance": 12.5, "extrapolated": True}
    robustness["own"] = {
        "mine": own | {"robustness": ESTIMATE},
        "yours": own | {"robustness": None},
    }
    for name, value in (("accuracy", 40.0), ("images", 20), ("classes", 8)):
        robustness[name] |= {"yours": value, "mine": value}
    for head in directions["heads"].values():
        head["accuracy"] = {**head["accuracy"], "mine": [50.0, 40.0], "yours": [5.0, 4.0]}
    for one in directions["random_heads"]["accuracy"]:
        one |= {"mine": [50.0, 40.0], "yours": [5.0, 4.0]}
    written = {
        "measures": encoder_metrics(*measured),
        "numbers": {},
        **plot_series(*measured, curve=[]),
    }
    series = msgspec.convert(written, Series)
    metrics = series.measures
    assert list(metrics.accuracy) == [*SETS, "mine", "yours"]
    assert (metrics.images["mine"], metrics.classes["yours"]) == (20, 8)
    value = ESTIMATE["value"]
    assert (metrics.robustness_on("mine"), metrics.robustness_on("yours")) == (value, None)
    assert metrics.robustness_on("imagenet_r") == value
    assert metrics.is_extrapolated_on("mine") and not metrics.is_extrapolated_on("objectnet")
    # The mean is the testbed's, whatever else there is.
    assert metrics.effective_robustness.shifts is None
    assert [p.dataset for p in series.pruning][::2] == [*SETS, "yours", "mine"]


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


def test_a_shift_that_was_not_given_is_named_and_there_is_no_mean(measured):
    robustness, *others = measured
    for part in ("accuracy", "effective_robustness"):
        del robustness[part]["objectnet"]
    del robustness["effective_robustness"]["mean"]
    robustness["not_given"] = ["objectnet"]
    found = encoder_metrics(robustness, *others)["effective_robustness"]
    assert found["not_given"] == ["objectnet"] and found["mean"] is None
    assert found["shifts"] == [shift for shift in SETS[1:] if shift != "objectnet"]
    assert headline(robustness).shifts is None and headline(robustness).robustness is None


def test_a_study_of_imagenet_alone_has_no_mean(measured):
    robustness, *others = measured
    robustness |= {"accuracy": {"imagenet": 80.0}, "effective_robustness": {}}
    metrics = encoder_metrics(robustness, *others)
    robustness["pruned"] |= {"robustness": None, "random_robustness": None}
    robustness["pruned"]["random_heads"] = [dict.fromkeys(NUMBERS[::2]) | {NUMBERS[1]: 0.5}]
    random = encoder_metrics(robustness, *others)["directions"]["random_heads"]
    assert random == {"prunable": None, "by_accuracy": LONE, "by_robustness": None}
    assert plot_series(robustness, *others, curve=[])["pruned_robustness"] == []
    shown, found = headline(robustness), metrics["effective_robustness"]
    assert (shown.shifts, shown.robustness, shown.extrapolated) == (None, None, 0)
    assert shown.natural is shown.style is None
    assert found.pop("shifts") == found.pop("extrapolated") == []
    assert set(found.values()) == {None} and len(found) == 10


def test_without_broden_concepts_are_null_and_have_no_series(measured):
    robustness, kurtosis, directions, _ = measured
    found = encoder_metrics(robustness, kurtosis, directions, None)
    assert set(found["concepts"].values()) == {None}
    plots = plot_series(robustness, kurtosis, directions, None, curve=[])
    assert plots["concepts"] == plots["sweep"] == plots["training_curve"] == []
    assert plots["encoded"] == [] and plots["pairs"] == {}
