from page.claim_charts import DotGroup, DotRow, Dots, informative
from page.claims import (
    concept_order,
    kurtosis_above_null,
    outlier_features,
    prunable_directions,
    robustness_order,
)
from tests.unit.page.conftest import read


def row(value, low, high, **more):
    named = {"name": "a", "text": "b", "training": "zero_shot"}
    return DotRow(**named, value=value, low=low, high=high, **more)


def chart(*rows, **more):
    return Dots(axis="points", groups=[DotGroup(name="", rows=list(rows))], **more)


def test_a_chart_of_equal_numbers_says_nothing():
    assert informative(chart(row(0, 0, 0), row(0, 0, 0))) is None
    assert informative(Dots(axis="", groups=[])) is None
    assert informative(chart(row(0, 0, 0), row(0, 0, 1))) is not None


def test_the_chart_of_a_claim_has_the_numbers_that_it_compares(encoders):
    claim = robustness_order(encoders)
    assert claim and claim.dots
    named = {e.entry.label: e.metrics.effective_robustness for e in encoders}
    for group in claim.dots.groups:
        first, *_ = group.rows
        measured = named[group.name]
        assert (first.value, first.low, first.high) == (
            measured.mean,
            measured.mean_low,
            measured.mean_high,
        )
        assert [one.training for one in group.rows] == ["zero_shot", "finetuned", "supervised"]


def test_an_extrapolated_value_is_marked(study):
    for metrics in study["metrics"].values():
        metrics["effective_robustness"]["extrapolated"] = ["objectnet"]
    claim = robustness_order(read(study))
    assert claim and claim.dots
    assert all(one.text.endswith("‡") for one in claim.dots.rows)


def test_what_a_value_is_against_is_drawn(encoders):
    kurtosis, concepts = kurtosis_above_null(encoders), concept_order(encoders)
    assert kurtosis and kurtosis.dots and concepts and concepts.dots
    nulls = {e.entry.label: e.null.numbers.kurtosis for e in encoders if e.null}
    for one in kurtosis.dots.rows:
        assert one.null == (min(nulls[one.name]), max(nulls[one.name]))
    assert all(one.null is not None for one in concepts.dots.rows)
    prunable = prunable_directions(encoders)
    assert prunable and prunable.dots and prunable.dots.reference == (80, "paper: 80 %")


def test_without_an_outlier_feature_a_sentence_takes_the_place_of_the_chart(study):
    for metrics in study["metrics"].values():
        metrics["kurtosis"]["outlier_features"] = 0
    claim = outlier_features(read(study))
    assert claim and claim.dots is None
    assert claim.findings == [
        f"none of the {len(study['entries'])} encoders has an outlier feature"
    ]
