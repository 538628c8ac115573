import pytest

from page.names import format_interval, format_number, format_percent
from page.study_tables import concept_rows, kurtosis_rows, study_tables
from tests.unit.page.conftest import read, read_baseline


def test_rows_hold_the_numbers_of_the_results(study, encoders, comparisons):
    tables = study_tables(encoders, comparisons, read_baseline(study))
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


def test_the_null_of_kurtosis_is_the_untrained_encoders_of_backbone_and_representation(study):
    def nulls():
        return {
            row["label"]: (row["null"], row["null_low"], row["null_high"])
            for row in kurtosis_rows(read(study))
        }

    study["results"]["rn_web_narrow"]["kurtosis"]["representation"] = "rectified"
    assert nulls()["RN supervised"] == pytest.approx((2.85, 2.3, 3.4))
    assert nulls()["ViT supervised"] == pytest.approx((3.3, 2.5, 4.1))
    assert [label for label, null in nulls().items() if None in null] == [
        "RN zero-shot, web-narrow"
    ]
    study["nulls"] = {}
    single = study["results"]["vit_untrained"]["kurtosis"]["kurtosis"]["value"]
    assert nulls()["ViT supervised"] == (single, None, None) != nulls()["RN supervised"]
    for rows in (kurtosis_rows(read(study)), concept_rows(read(study))):
        kinds = {row["label"]: row["representation"] for row in rows}
        assert kinds.pop("RN zero-shot, web-narrow") == "rectified representations"
        assert set(kinds.values()) == {"linear representations"}


def test_numbers_have_a_true_minus_no_negative_zero_and_brackets_around_an_interval():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
