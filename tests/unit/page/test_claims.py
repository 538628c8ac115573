"""The claims follow the numbers, whichever way they fall."""

from typing import Any

import numpy as np
import pytest

from interpreting_clip.formats.result import Estimate
from page.claims import (
    concept_order,
    coverage_of_data,
    kurtosis_above_null,
    outlier_features,
    prunable_directions,
    robustness_order,
)
from page.replicas import Replicated
from page.verdicts import judge_against_null, judge_differences, judge_pairs
from tests.unit.page.conftest import CONTROL, add_control, interval, read

NULL = np.linspace(2.3, 3.4, 20).tolist()
FAMILY = ("rn_web_broad", "rn_web_broad_finetuned", "rn_supervised")


def set_robustness(study, spread=(), **means):
    """Set effective robustness, its draws being as far from it as `spread` says, by encoder."""
    for key, mean in means.items():
        found = study["results"][key]["robustness"]
        draws = [mean + each for each in dict(spread).get(key, (0, 0))]
        found |= {"robustness": interval(mean), "extrapolated": 0, "draws": draws}
        for one in found["per_shift"].values():
            one["extrapolated"] = False


def set_concepts(study, key, draws):
    ends = {"low": min(draws), "high": max(draws)} if len(draws) > 1 else {}
    directions = study["results"][key]["concepts"]["directions"]
    directions |= {"unique": {"value": draws[0]} | ends, "draws": draws}


def judged(claim, study) -> Any:
    """Return a claim that the study has the encoders to judge."""
    found = claim(read(study))
    assert found.cases
    return found


def test_pairs_have_to_agree_and_a_value_is_above_a_null_at_both_of_its_ends():
    pairs = {
        (1.0, 2.0, 3.0, 1.0, 2.0): "supported",
        (-1.0, -2.0, -1.0, -1.0, -9.0): "contradicted",
    }
    pairs |= dict.fromkeys(((1.0, 2.0, 3.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1.0), ()), "undecided")
    assert {differences: judge_pairs(differences) for differences in pairs} == pairs
    ends = {(3.5, 3.6): "supported", (3.3, 3.6): "undecided", (3.2, 3.3): "contradicted"}
    assert {(low, high): judge_against_null(low, high, NULL) for low, high in ends} == ends
    # The smallest p of so few is above the level.
    assert judge_against_null(3.5, 3.6, NULL[-18:]) == "undecided"


def test_differences_are_judged_by_whether_their_intervals_hold_zero():
    cases = {
        ((1, 3), (2, 9)): "supported",
        ((1, 3), (-1, 9)): "undecided",
        ((0, 3),): "undecided",
        ((1, 3), (-9, -1)): "contradicted",
        ((-1, 3), (-9, -1)): "contradicted",
        (): "undecided",
    }
    found = {
        ends: judge_differences([Estimate((low + high) / 2, low, high) for low, high in ends])
        for ends in cases
    }
    assert found == cases
    assert judge_differences([Estimate(2), Estimate(1)]) == "supported"


def test_backbones_that_differ_are_mixed_and_the_chart_has_their_numbers(study):
    set_robustness(study, **dict(zip(FAMILY, (30, 10, 0), strict=True)), vit_web_broad=-50)
    set_robustness(study, vit_web_broad_finetuned=10, vit_supervised=0)
    supervised = study["results"]["rn_supervised"]["robustness"]
    found = judged(robustness_order, study)
    assert found.verdict == "mixed" and "1 of 2 families" in found.reason
    assert [case.verdict for case in found.cases] == ["supported"] * 2 + ["contradicted"] * 2
    assert found.cases[0].number == Estimate(20, 20, 20) and found.drawing
    names = ["zero-shot minus finetuned", "finetuned minus supervised"]
    assert [case.name for case in found.cases] == names * 2
    supervised["per_shift"]["imagenet_r"]["extrapolated"] = True
    cases = judged(robustness_order, study).cases
    assert [case.verdict for case in cases[:2]] == ["undecided"] * 2
    assert [case.text.endswith("‡") for case in cases] == [False, True, False, False]


def test_an_order_is_judged_by_differences_though_intervals_overlap(study):
    del study["entries"]["vit_web_broad"]
    # All rise and fall together, but for the last one.
    together = {FAMILY[0]: (-5, 0, 5), FAMILY[1]: (-4, 0, 4), FAMILY[2]: (-4, 0, 4)}
    means = dict(zip(FAMILY, (13, 10, 8), strict=True))
    set_robustness(study, together, **means)
    found = judged(robustness_order, study)
    assert found.verdict == "supported" and found.reference == (0, "no difference")
    first, second = (case.number for case in found.cases)
    # The ends of 95 % of the draws, of which there are three: 2, 3 and 4.
    assert (first.value, first.low, first.high) == pytest.approx((3, 2.05, 3.95))
    assert second.low == second.high == 2
    set_robustness(study, together | {FAMILY[2]: (4, 0, -4)}, **means)
    assert judged(robustness_order, study).verdict == "undecided"


def test_seeds_widen_a_difference_and_count_only_if_both_do(study):
    del study["entries"]["vit_web_broad"]
    set_robustness(study, **dict(zip(FAMILY, (30, 20, 0), strict=True)))
    for other, verdict in (
        ({0: 15.0, 1: 18.0}, "supported"),
        ({0: 15.0, 1: 26.0}, "undecided"),
        # The seed that disagrees does not count.
        ({0: 15.0, 2: 26.0}, "supported"),
    ):
        replicas = {FAMILY[0]: {0: 30.0, 1: 25.0}, FAMILY[1]: other}
        study["replicas"] = {
            key: {"robustness.robustness": Replicated(by_seed=by_seed)}
            for key, by_seed in replicas.items()
        }
        found = judged(robustness_order, study)
        assert found.verdict == verdict
    assert (found.cases[0].number.low, found.cases[0].widest) == (10, Estimate(10, 10, 15))
    assert found.cases[0].seeds.startswith("15.0 to 15.0; (without 1 of 2")


def test_the_control_decides_between_data_and_language_unless_extrapolated(study):
    add_control(study)
    control = study["results"][CONTROL]["robustness"]
    for mean, verdict in ((5, "contradicted"), (40, "supported")):
        set_robustness(study, rn_web_broad=28, **{CONTROL: mean})
        found = judged(coverage_of_data, study)
        assert found.verdict == verdict and found.cases[0].number.value == mean - 28
    control["per_shift"]["objectnet"]["extrapolated"] = True
    assert judged(coverage_of_data, study).verdict == "undecided"


def test_kurtosis_is_judged_against_many_untrained_encoders(study):
    for null in study["nulls"].values():
        null["numbers"]["kurtosis"] = NULL
    for kurtosis, verdict in ((9.0, "supported"), (3.0, "contradicted")):
        for results in study["results"].values():
            results["kurtosis"]["kurtosis"] = interval(kurtosis, 0.1)
        found = judged(kurtosis_above_null, study)
        assert found.verdict == verdict and len(found.cases) == len(found.groups) == 3
        assert "2.85 ± 0.34 of 20 untrained encoders, p = " in found.cases[0].chance
    study["nulls"] = {}
    assert not kurtosis_above_null(read(study)).cases


def test_outlier_features_are_counted(study):
    found = judged(outlier_features, study)
    assert "0 of 3 zero-shot encoders and 0 of 2 supervised" in found.reason
    assert found.drawing is None  # all numbers are equal
    for zero_shot, supervised, verdict in (
        (2, 0, "supported"),
        (0, 3, "contradicted"),
        (2, 1, "mixed"),
    ):
        counts = {"zero_shot": zero_shot, "supervised": supervised}
        for key, entry in study["entries"].items():
            outliers = study["results"][key]["kurtosis"]["outliers"]
            outliers["outlier_features"] = counts.get(entry["training"], 0)
        found = judged(outlier_features, study)
        assert found.verdict == verdict and found.drawing


def test_prunable_is_compared_with_the_paper_by_accuracy_with_every_seed(study):
    for share, seeds, verdict in (
        (0.8, {}, "supported"),
        (0.7, {}, "contradicted"),
        (0.8, {0: 0.8, 1: 0.9}, "supported"),
        (0.8, {0: 0.8, 1: 0.7}, "undecided"),
    ):
        study["replicas"] = {
            key: {"prunable.by_accuracy": Replicated(by_seed=seeds)} if seeds else {}
            for key in study["entries"]
        }
        for results in study["results"].values():
            # Robustness by itself does not count.
            results["prunable"] |= {"by_accuracy": share, "by_robustness": 0.1, "prunable": 0.1}
        assert judged(prunable_directions, study).verdict == verdict


def test_concepts_are_compared_within_a_family(study):
    for zero_shot, finetuned, supervised, verdict in (
        ([99, 98], [16, 17], [16, 15], "supported"),
        # The counts overlap, but not in one draw.
        ([18, 15, 17], [16, 14, 16], [9, 9, 9], "supported"),
        ([18, 15], [16, 16], [9, 9], "undecided"),
        ([14], [16], [16], "contradicted"),
        # One other encoder has surely more.
        ([16, 17], [16, 16], [30, 29], "contradicted"),
    ):
        for backbone in ("rn", "vit"):
            for key, draws in zip(FAMILY, (zero_shot, finetuned, supervised), strict=True):
                set_concepts(study, key.replace("rn", backbone), draws)
        found = judged(concept_order, study)
        assert found.verdict == verdict
        differences = [a - b for a, b in zip(zero_shot, finetuned, strict=True)]
        number = found.cases[0].number
        ends = (differences[0], min(differences), max(differences))
        assert (number.value, *number.ends) == ends
        assert "random directions" in found.cases[0].chance


def test_a_rectified_encoder_is_neither_counted_nor_compared_with_a_linear_one(study):
    for key in ("rn_imagenet_captions", "rn_supervised", "vit_supervised"):
        results = study["results"][key]
        set_concepts(study, key, [999, 998])
        kurtosis = results["kurtosis"]
        kurtosis |= {"representation": "rectified", "kurtosis": interval(999.0, 0.1)}
        kurtosis["outliers"]["outlier_features"] = 999
    claims = [
        judged(claim, study) for claim in (kurtosis_above_null, concept_order, outlier_features)
    ]
    assert not any("999" in case.text for claim in claims for case in claim.cases)
    assert "linear representations alone)" in claims[2].text
