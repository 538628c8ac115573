import pytest

from interpreting_clip.errors import InputError
from page.names import format_interval, format_number, format_percent
from page.study_tables import concept_rows, kurtosis_rows, study_tables
from tests.unit.page.conftest import read


def test_rows_hold_the_numbers_of_the_results(study, encoders, comparisons, baseline):
    tables = study_tables(encoders, comparisons, baseline)
    pruned = study["series"]["rn_web_broad"]["pruning"][3]
    rows = [r["accuracy"] for r in tables["pruning"][9:12]]
    assert rows == [pruned[f"{whose}accuracy"] for whose in ("", "other_", "random_head_")]
    assert tables["cka"][7]["cka"] == study["comparisons"]["rn_finetuning"]["cka"][1][1]


def test_the_null_of_kurtosis_is_the_untrained_encoders_of_the_backbone(encoders):
    rows = {row["label"]: row for row in kurtosis_rows(encoders)}
    found = [
        [rows[label][name] for name in ("null", "null_low", "null_high")]
        for label in ("RN supervised", "ViT supervised")
    ]
    assert found == [pytest.approx([2.85, 2.3, 3.4]), pytest.approx([3.3, 2.5, 4.1])]


def test_without_many_the_null_of_kurtosis_is_the_study_s_untrained_encoder(study):
    study["nulls"] = {}
    rows = {row["label"]: row for row in kurtosis_rows(read(study))}
    expected = study["metrics"]["vit_untrained"]["kurtosis"]["mean"]
    assert rows["ViT supervised"]["null"] == expected != rows["RN supervised"]["null"]
    assert rows["ViT supervised"]["null_low"] is rows["ViT supervised"]["null_high"] is None


def test_rows_say_their_kind_of_representation_and_a_rectified_one_has_no_linear_null(study):
    study["series"]["rn_supervised"]["representation"] = "rectified"
    encoders = read(study)
    nulls = {row["label"]: row["null"] for row in kurtosis_rows(encoders)}
    assert [label for label, null in nulls.items() if null is None] == ["RN supervised"]
    for rows in (kurtosis_rows(encoders), concept_rows(encoders)):
        kinds = {row["label"]: row["representation"] for row in rows}
        assert kinds.pop("RN supervised") == "rectified representations"
        assert set(kinds.values()) == {"linear representations"}


def test_an_unknown_dataset_is_refused(study, baseline):
    study["series"]["rn_web_broad"]["pruning"][0]["dataset"] = "cifar"
    encoders = read(study)
    with pytest.raises(InputError, match=r"rn_web_broad\.json: .*`cifar`.*imagenet_v2"):
        study_tables(encoders, [], baseline)


def test_numbers_have_a_true_minus_no_negative_zero_and_brackets_around_an_interval():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
