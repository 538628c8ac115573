import pytest

from page.names import format_interval, format_number, format_percent
from page.study_tables import concept_rows, kurtosis_rows, study_tables
from tests.unit.page.conftest import read


def test_rows_hold_the_numbers_of_the_results(study, encoders, comparisons, baseline):
    tables = study_tables(encoders, comparisons, baseline)
    pruned = study["results"]["rn_web_broad"]["pruning"]["imagenet"]
    rows = [r["accuracy"] for r in tables["pruning"][9:12]]
    random = [one[3] for one in pruned["random_accuracy"]]
    assert rows == [pruned["accuracy"][3], pruned["other_accuracy"][3], sum(random) / 2]
    assert tables["cka"][7]["cka"] == comparisons[0].cka[1, 1]
    measured = {
        (one["measure"], one["number_of_measure"]): one["value"]
        for one in reversed(tables["measures"])  # the first encoder's last
    }
    assert measured["concepts", "features: unique concepts"] == 20
    assert measured["kurtosis", "mean kurtosis per image"] == 2.85


def test_the_null_of_kurtosis_is_the_untrained_encoders_of_the_backbone(study, encoders):
    rows = {row["label"]: row for row in kurtosis_rows(encoders)}
    found = [
        [rows[label][name] for name in ("null", "null_low", "null_high")]
        for label in ("RN supervised", "ViT supervised")
    ]
    assert found == [pytest.approx([2.85, 2.3, 3.4]), pytest.approx([3.3, 2.5, 4.1])]
    study["nulls"] = {}
    rows = {row["label"]: row for row in kurtosis_rows(read(study))}
    expected = study["results"]["vit_untrained"]["kurtosis"]["kurtosis"]["value"]
    assert rows["ViT supervised"]["null"] == expected != rows["RN supervised"]["null"]
    assert rows["ViT supervised"]["null_low"] is rows["ViT supervised"]["null_high"] is None


def test_rows_say_their_kind_of_representation_and_a_rectified_one_has_no_linear_null(study):
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    encoders = read(study)
    nulls = {row["label"]: row["null"] for row in kurtosis_rows(encoders)}
    assert [label for label, null in nulls.items() if null is None] == ["RN supervised"]
    for rows in (kurtosis_rows(encoders), concept_rows(encoders)):
        kinds = {row["label"]: row["representation"] for row in rows}
        assert kinds.pop("RN supervised") == "rectified representations"
        assert set(kinds.values()) == {"linear representations"}


def test_numbers_have_a_true_minus_no_negative_zero_and_brackets_around_an_interval():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
