from interpreting_clip.measures.intervals import Estimate
from page.claims import outlier_features
from page.robustness_claims import robustness_order
from tests.unit.page.conftest import read


def test_the_chart_of_a_claim_has_the_numbers_that_it_compares(encoders):
    claim = robustness_order(encoders)
    assert claim and claim.dots
    named = {e.entry.label: e.results.robustness.robustness for e in encoders}
    for group in claim.dots.groups:
        first, *_ = group.rows
        assert Estimate(first.value, first.low, first.high) == named[group.name]
        assert [one.training for one in group.rows] == ["zero_shot", "finetuned", "supervised"]


def test_an_extrapolated_value_is_marked(study):
    for results in study["results"].values():
        results["robustness"]["extrapolated"] = 1
    claim = robustness_order(read(study))
    assert claim and claim.dots
    assert all(one.text.endswith("‡") for one in claim.dots.rows)


def test_without_an_outlier_feature_a_sentence_takes_the_place_of_the_chart(study):
    claim = outlier_features(read(study))
    assert claim and claim.dots is None
    assert claim.findings == [
        f"none of the {len(study['entries'])} encoders has an outlier feature"
    ]
