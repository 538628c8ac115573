"""The claims follow the numbers, whichever way they fall."""

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
from page.robustness_claims import coverage_of_data, robustness_order
from page.verdicts import judge_against_null, judge_order
from tests.unit.page.conftest import interval, read, untrained_null

FAMILY = ("rn_web_broad", "rn_web_broad_finetuned", "rn_supervised")


def set_robustness(study, **means):
    for key, mean in means.items():
        study["results"][key]["robustness"]["robustness"] = interval(mean)


def test_order_is_judged_by_intervals():
    for *means, verdict in ((9, 5, 1, "shown"), (5, 9, 1, "not shown"), (9, 5, 4, "undecided")):
        assert judge_order([Estimate(m, m - 1, m + 1) for m in means]) == verdict


def test_backbones_that_differ_are_mixed_and_each_says_how(study):
    set_robustness(study, **dict(zip(FAMILY, (30, 10, 0), strict=True)), vit_web_broad=-50)
    found = robustness_order(read(study))
    assert found and found.verdict == "mixed" and "zero-shot 30.0 [" in found.findings[0]
    assert [text.rpartition("(")[2] for text in found.findings] == ["seen)", "not seen)"]


def test_the_chart_of_a_claim_has_its_numbers_and_marks_the_extrapolated(study):
    study["results"]["rn_supervised"]["robustness"]["extrapolated"] = 1
    claim = robustness_order(encoders := read(study))
    assert claim and claim.dots
    named = {e.entry.label: e.results.robustness.robustness for e in encoders}
    rows = claim.dots.rows
    for row in rows[::3]:
        assert Estimate(row["value"], row["low"], row["high"]) == named[row["group"]]
    assert [row["name"] for row in rows] == ["zero-shot", "finetuned", "supervised"] * 2
    assert [row["text"].endswith("‡") for row in rows] == [i == 2 for i in range(6)]


def test_the_control_decides_between_data_and_language_unless_extrapolated(study):
    for control, verdict in ((5, "not shown"), (40, "shown")):
        set_robustness(study, rn_web_broad=28, rn_web_broad_labels=control)
        found = coverage_of_data(read(study))
        assert found and found.verdict == verdict
        assert f" {control}.0 [" in found.findings[0] and "ImageNet 96.0 %" in found.findings[0]
    shifts = study["results"]["rn_web_broad_labels"]["robustness"]["per_shift"]
    for shift, accuracy in (("imagenet_v2", 99.1), ("imagenet_r", 98.8), ("objectnet", 99.5)):
        shifts[shift] |= {"imagenet": accuracy, "extrapolated": True}
    found = coverage_of_data(read(study))
    assert found and found.verdict == "undecided"
    assert "RN supervised on web-broad (ImageNet accuracy 98.8 to 99.5 %)" in found.findings[0]


def test_kurtosis_is_judged_against_many_untrained_encoders(study):
    zero_shot = [k for k, entry in study["entries"].items() if entry["training"] == "zero_shot"]
    # the nulls reach from 2.3 to 3.4 and from 2.5 to 4.1
    for kurtosis, verdict in ((9.0, "shown"), (3.0, "not shown")):
        for key in zero_shot:
            study["results"][key]["kurtosis"]["kurtosis"] = interval(kurtosis, 0.1)
        found = kurtosis_above_null(read(study))
        assert found and found.verdict == verdict and len(found.findings) == 4
        assert "against 2.85 ± 0.34 of 20 untrained encoders, p = " in found.findings[0]
    study["nulls"] = {}
    assert kurtosis_above_null(read(study)) is None


def test_a_value_is_above_a_null_if_both_ends_of_its_interval_are():
    null = untrained_null(2.3, 3.4)["numbers"]["kurtosis"]
    ends = {(3.5, 3.6): "shown", (3.3, 3.6): "undecided", (3.2, 3.3): "not shown"}
    assert {(low, high): judge_against_null(low, high, null) for low, high in ends} == ends
    # The smallest p of so few is above the level.
    assert judge_against_null(3.5, 3.6, null[-18:]) == "undecided"


def test_outlier_features_are_counted(study):
    found = outlier_features(read(study))
    assert found and (found.verdict, found.dots) == ("not shown", None)
    assert found.findings == ["none of the 11 encoders has an outlier feature"]
    for zero_shot, supervised, verdict in ((2, 0, "shown"), (0, 3, "not shown"), (2, 1, "mixed")):
        counts = {"zero_shot": zero_shot, "supervised": supervised}
        for key, entry in study["entries"].items():
            outliers = study["results"][key]["kurtosis"]["outliers"]
            outliers["outlier_features"] = counts.get(entry["training"], 0)
        found = outlier_features(read(study))
        assert found and found.verdict == verdict and found.dots


def test_prunable_is_compared_with_the_paper(study):
    for both, accuracy, extrapolated, verdict in (
        (0.8, 0.9, [0.9], "shown"),
        (0.7, 0.9, [], "not shown"),
        # Robustness is not known, or a guess.
        (None, 0.9, [], "undecided"),
        (0.8, 0.8, [0.5], "undecided"),
        (None, 0.7, [], "not shown"),
    ):
        for results in study["results"].values():
            found = {"prunable": both, "by_accuracy": accuracy, "by_robustness": both}
            results["prunable"] |= found | {"extrapolated": extrapolated}
        found = prunable_directions(read(study))
        assert found and found.verdict == verdict
        assert f"by accuracy alone {format_percent(accuracy)}" in found.findings[0]


def test_concepts_are_compared_within_a_family(study):
    for zero_shot, width, supervised, verdict in (
        (99, 2, 16, "shown"),
        (18, 2, 16, "undecided"),
        (14, None, 16, "not shown"),
        # One other encoder has surely more.
        (16, 1, 30, "not shown"),
    ):
        counts = {"web_broad": zero_shot, "web_broad_finetuned": 16, "supervised": supervised}
        for backbone in ("rn", "vit"):
            for name, unique in counts.items():
                counted = {"value": unique} if width is None else interval(unique, width)
                concepts = study["results"][f"{backbone}_{name}"]["concepts"]
                concepts["directions"]["unique"] = counted
        found = concept_order(read(study))
        assert found and found.verdict == verdict and f"zero-shot {zero_shot}" in found.findings[0]
        assert ("without an interval" in found.text) == (width is None)


def test_a_rectified_encoder_is_neither_counted_nor_compared_with_a_linear_one(study):
    for key in ("rn_web_narrow", "rn_supervised", "vit_supervised", "rn_web_broad_labels"):
        results = study["results"][key]
        results["concepts"]["directions"]["unique"] = interval(999, 1)
        kurtosis = results["kurtosis"]
        kurtosis |= {"representation": "rectified", "kurtosis": interval(99.0, 0.1)}
        kurtosis["outliers"]["outlier_features"] = 99
    claims = [
        claim(read(study)) for claim in (kurtosis_above_null, concept_order, outlier_features)
    ]
    assert not any("99" in text for found in claims if found for text in found.findings)
    assert claims[0] and claims[2] and "(linear representations alone)" in claims[2].text


def test_without_encoders_or_a_value_nothing_is_said_and_fewer_shifts_are_named(fewer):
    assert study_claims([]) == []
    fewer["results"]["rn_web_broad"]["robustness"]["robustness"] = None
    found = robustness_order(read(fewer))
    assert found and len(found.findings) == 1
    assert "robustness over ImageNet-V2, ImageNet-R, ImageNet-Sketch alone)" in found.text


def test_families_share_backbone_and_data_and_controls_the_images(study):
    found = families(encoders := read(study))
    assert [[e.key for e in family.members] for family in found] == [
        [key.replace("rn", backbone) for key in FAMILY] for backbone in ("rn", "vit")
    ]
    pairs = [(control.key, zero_shot.key) for control, zero_shot in label_controls(encoders)]
    assert pairs == [("rn_web_broad_labels", "rn_web_broad")]
    del study["entries"]["rn_web_broad_finetuned"]
    assert [f.name for f in families(read(study))] == ["ViT zero-shot, web-broad"]
