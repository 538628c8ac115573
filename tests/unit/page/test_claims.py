"""The claims follow the numbers, whichever way they fall."""

import pytest

from interpreting_clip.measures.intervals import Estimate
from page.claims import (
    concept_order,
    kurtosis_above_null,
    outlier_features,
    prunable_directions,
    study_claims,
)
from page.families import families, label_controls
from page.names import format_percent
from page.robustness_claims import coverage_of_data, mean_over, robustness_order
from page.verdicts import judge_against_null, judge_order
from tests.unit.page.conftest import read, untrained_null


def interval(value, width):
    return {"value": value, "low": value - width, "high": value + width}


def set_robustness(study, key, mean):
    study["results"][key]["robustness"]["robustness"] = interval(mean, 1)


def set_kurtosis(study, key, mean):
    study["results"][key]["kurtosis"]["kurtosis"] = interval(mean, 0.1)


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ((9, 5, 1), "shown"),
        ((1, 5, 9), "not shown"),
        ((9, 5, 4), "undecided"),
        ((5, 9, 1), "not shown"),
    ],
)
def test_order_is_judged_by_intervals(means, verdict):
    assert judge_order([Estimate(m, m - 1, m + 1) for m in means]) == verdict


@pytest.mark.parametrize(("means", "verdict"), [((30, 10, 0), "shown"), ((0, 10, 30), "not shown")])
def test_the_order_of_robustness_flips_with_the_numbers(study, means, verdict):
    for backbone in ("rn", "vit"):
        keys = [f"{backbone}_{k}" for k in ("web_broad", "web_broad_finetuned", "supervised")]
        for key, mean in zip(keys, means, strict=True):
            set_robustness(study, key, float(mean))
    found = robustness_order(read(study))
    assert found and found.verdict == verdict
    assert f"zero-shot {means[0]}.0 [" in found.findings[0]


def test_backbones_that_differ_are_mixed_and_each_says_how(study):
    set_robustness(study, "vit_web_broad", -50.0)
    found = robustness_order(read(study))
    assert found and found.verdict == "mixed"
    assert [text.rpartition("(")[2] for text in found.findings] == ["seen)", "not seen)"]


@pytest.mark.parametrize(
    ("control", "verdict", "words"),
    [
        (40.0, "shown", "points, ImageNet 96.0 %, shifts"),
        (5.0, "not shown", "5.0 [4.0, 6.0] points against"),
        (28.0, "undecided", "28.0 [27.0, 29.0] points against"),
    ],
)
def test_the_control_decides_between_data_and_language(study, control, verdict, words):
    set_robustness(study, "rn_web_broad", 28.0)
    set_robustness(study, "rn_web_broad_labels", control)
    found = coverage_of_data(read(study))
    assert found and found.verdict == verdict and words in found.findings[0]


def test_nothing_is_decided_where_the_line_is_extrapolated(study):
    shifts = study["results"]["rn_web_broad_labels"]["robustness"]["per_shift"]
    for shift, accuracy in (("imagenet_v2", 99.1), ("imagenet_r", 98.8), ("objectnet", 99.5)):
        shifts[shift] |= {"imagenet": accuracy, "extrapolated": True}
    set_robustness(study, "rn_web_broad_labels", 40.0)
    found = coverage_of_data(read(study))
    assert found and found.verdict == "undecided"
    outside = "extrapolated to RN supervised on web-broad (ImageNet accuracy 98.8 to 99.5 %)"
    assert outside in found.findings[0]
    shifts["imagenet_v2"]["extrapolated"] = shifts["imagenet_r"]["extrapolated"] = False
    found = coverage_of_data(read(study))
    assert found and "(ImageNet accuracy 99.5 %)" in found.findings[0]


@pytest.mark.parametrize(
    ("kurtosis", "verdict"),
    # the interval reaches 0.1 to each side, the nulls from 2.3 to 3.4 and from 2.5 to 4.1
    [(9.0, "shown"), (1.5, "not shown"), (3.0, "not shown")],
)
def test_kurtosis_is_judged_against_many_untrained_encoders(study, kurtosis, verdict):
    for key, entry in study["entries"].items():
        if entry["training"] == "zero_shot":
            set_kurtosis(study, key, kurtosis)
    found = kurtosis_above_null(read(study))
    assert found and found.verdict == verdict and len(found.findings) == 4
    assert "against 2.85 ± 0.34 of 20 untrained encoders, p = " in found.findings[0]


def test_a_zero_shot_encoder_without_untrained_ones_is_not_judged(study):
    del study["nulls"]["vit"]
    found = kurtosis_above_null(read(study))
    assert found and len(found.findings) == 3
    study["nulls"] = {}
    assert kurtosis_above_null(read(study)) is None


@pytest.mark.parametrize(
    ("low", "high", "draws", "verdict"),
    [
        (3.5, 3.6, 20, "shown"),
        (3.3, 3.6, 20, "undecided"),
        (3.2, 3.3, 20, "not shown"),
        # the smallest p of so few is above the level
        (3.5, 3.6, 18, "undecided"),
        (1.0, 1.1, 18, "undecided"),
    ],
)
def test_a_value_is_above_a_null_if_both_ends_of_its_interval_are(low, high, draws, verdict):
    null = untrained_null(2.3, 3.4)["numbers"]["kurtosis"][-draws:]
    assert judge_against_null(low, high, null) == verdict


@pytest.mark.parametrize(
    ("zero_shot", "supervised", "verdict"),
    [(2, 0, "shown"), (0, 0, "not shown"), (0, 3, "not shown"), (2, 1, "mixed")],
)
def test_outlier_features_are_counted(study, zero_shot, supervised, verdict):
    for key, entry in study["entries"].items():
        counts = {"zero_shot": zero_shot, "supervised": supervised}
        outliers = counts.get(entry["training"], 0)
        study["results"][key]["kurtosis"]["outliers"]["outlier_features"] = outliers
    found = outlier_features(read(study))
    assert found and found.verdict == verdict


@pytest.mark.parametrize(
    ("both", "accuracy", "extrapolated", "verdict"),
    [
        (0.8, 0.9, [0.9], "shown"),
        (0.7, 0.7, [], "not shown"),
        (0.7, 0.9, [], "not shown"),
        # Robustness is not known, or a guess.
        (None, 0.9, [], "undecided"),
        (0.8, 0.8, [0.5], "undecided"),
        (None, 0.7, [], "not shown"),
    ],
)
def test_prunable_is_compared_with_the_paper(study, both, accuracy, extrapolated, verdict):
    for results in study["results"].values():
        found = {"prunable": both, "by_accuracy": accuracy, "by_robustness": both}
        results["prunable"] |= found | {"extrapolated": extrapolated}
    found = prunable_directions(read(study))
    assert found and found.verdict == verdict and "of 12 directions" in found.findings[0]
    assert f"by accuracy alone {format_percent(accuracy)}" in found.findings[0]
    assert "random heads 12 % [0 %, 20 %]" in found.findings[0]


def set_concepts(study, key, unique, width):
    counted = {"value": unique} if width is None else interval(unique, width)
    study["results"][key]["concepts"]["directions"]["unique"] = counted


@pytest.mark.parametrize(
    ("zero_shot", "width", "verdict"),
    [
        *((99, 2, "shown"), (1, 2, "not shown"), (16, 2, "undecided")),
        # The intervals overlap, or there are none.
        *((18, 2, "undecided"), (14, 1, "undecided"), (18, None, "shown")),
        *((14, None, "not shown"), (16, None, "undecided")),
    ],
)
def test_concepts_are_compared_within_a_family_by_their_intervals(study, zero_shot, width, verdict):
    for key in study["results"]:
        set_concepts(study, key, zero_shot if key.endswith("web_broad") else 16, width)
    found = concept_order(read(study))
    assert found and found.verdict == verdict and f"zero-shot {zero_shot}" in found.findings[0]
    assert ("without an interval" in found.text) == (width is None)


def test_concepts_are_not_shown_where_one_other_encoder_has_surely_more(study):
    for key in study["results"]:
        set_concepts(study, key, 16, 1)
    for backbone in ("rn", "vit"):
        set_concepts(study, f"{backbone}_supervised", 30, 1)
    found = concept_order(read(study))
    assert found and found.verdict == "not shown"


def test_a_rectified_encoder_is_neither_counted_nor_compared_with_a_linear_one(study):
    for key in ("rn_web_narrow", "rn_supervised", "vit_supervised", "rn_web_broad_labels"):
        set_kurtosis(study, key, 99.0)
        set_concepts(study, key, 999, 1)
        kurtosis = study["results"][key]["kurtosis"]
        kurtosis["representation"] = "rectified"
        kurtosis["outliers"]["outlier_features"] = 99
    claims = [
        claim(read(study)) for claim in (kurtosis_above_null, concept_order, outlier_features)
    ]
    assert not any("99" in text for found in claims if found for text in found.findings)
    assert claims[0] and claims[2] and "(linear representations alone)" in claims[2].text


def test_without_encoders_or_a_value_nothing_is_said(study):
    assert study_claims([]) == []
    study["results"]["rn_web_broad"]["robustness"]["robustness"] = None
    found = robustness_order(read(study))
    assert found and len(found.findings) == 1


def test_a_mean_over_fewer_shifts_says_over_which(encoders, fewer):
    assert mean_over(encoders) == ""
    over = " over ImageNet-V2, ImageNet-R, ImageNet-Sketch alone"
    assert mean_over(read(fewer)) == over
    found = robustness_order(read(fewer))
    assert found and f"(mean effective robustness{over})" in found.text


def test_families_share_backbone_and_data_and_controls_the_images(study):
    found = [[e.key for e in family.members] for family in families(read(study))]
    assert found == [
        [f"{backbone}_{key}" for key in ("web_broad", "web_broad_finetuned", "supervised")]
        for backbone in ("rn", "vit")
    ]
    pairs = [(control.key, zero_shot.key) for control, zero_shot in label_controls(read(study))]
    assert pairs == [("rn_web_broad_labels", "rn_web_broad")]
    del study["entries"]["rn_web_broad_finetuned"]
    assert [f.name for f in families(read(study))] == ["ViT zero-shot, web-broad"]
