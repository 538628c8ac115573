"""The claims follow the numbers, whichever way they fall."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.effective_robustness import OnCurve
from page.claims import (
    concept_order,
    concepts_and_robustness,
    outliers_indicate_robustness,
    prunable_directions,
    robust_have_outliers,
    study_claims,
)
from page.replicas import Replicated
from page.robustness_claims import coverage_of_data, our_claims, robustness_order
from page.standing import judge_against_limit, standing
from page.study_results import StudyEncoder
from page.verdicts import Case, judge_differences, overall, supported
from tests.unit.page.conftest import CONTROL, add_control, interval, read

FAMILY = ("rn_web_broad", "rn_web_broad_finetuned", "rn_supervised")
ROBUSTNESS = "robustness.curved.robustness"
LIMIT = 10.0


def set_robustness(study, spread=(), straight=None, **means):
    """Set effective robustness, its draws being as far from it as `spread` has them, by encoder."""
    for key, mean in means.items():
        found = study["results"][key]["robustness"]
        draws = [mean + each for each in dict(spread).get(key, (0, 0))]
        curved = {"robustness": interval(mean), "limit": LIMIT, "draws": draws}
        found["curved"] = curved | {"knees": {}, "per_shift": {}, "standard": 0.0}
        at = mean if straight is None else straight
        found |= {"robustness": interval(at), "extrapolated": 0, "draws": [at, at]}
        for one in found["per_shift"].values():
            one["extrapolated"] = False


def set_concepts(study, key, draws):
    directions = study["results"][key]["concepts"]["directions"]
    directions |= {"unique": {"value": draws[0]}, "draws": draws}


def judged(claim, study) -> Any:
    """Return a claim that the study has the encoders to judge."""
    found = claim(read(study))
    assert found.cases
    return found


def cases(*verdicts) -> list[Case]:
    return [
        Case(name=str(number), number=Estimate(1), verdict=verdict)
        for number, verdict in enumerate(verdicts)
    ]


# --- The rules


def test_a_claim_is_decided_only_if_all_of_its_cases_are():
    known = {
        ("supported", "supported"): "supported",
        ("contradicted", "contradicted"): "contradicted",
        ("supported", "contradicted"): "mixed",
        ("supported", "contradicted", "undecided"): "mixed",
        ("supported", "undecided"): "undecided",
        ("contradicted", "undecided"): "undecided",
        ("supported", None): "supported",  # what is not judged does not count
        (None,): "undecided",
        (): "undecided",
    }
    assert {verdicts: overall(cases(*verdicts)) for verdicts in known} == known
    some = cases("supported", "contradicted", None)
    assert supported(some, "pairs") == "1 of 2 pairs"


def test_differences_are_judged_by_whether_their_intervals_hold_zero():
    known = {
        ((1, 3), (2, 9)): "supported",
        ((1, 3), (-1, 9)): "undecided",
        ((0, 3),): "undecided",
        ((1, 3), (-9, -1)): "contradicted",
        ((-1, 3), (-9, -1)): "contradicted",
        (): "undecided",
    }
    found = {
        ends: judge_differences([Estimate((low + high) / 2, low, high) for low, high in ends])
        for ends in known
    }
    assert found == known
    # Without an interval, nothing is known of how sure a number is.
    assert judge_differences([Estimate(2), Estimate(1, 0.5, 2)]) == "undecided"


def test_an_interval_is_above_below_or_at_the_limit():
    ends = {(4.1, 6): "robust", (4, 6): "undecided", (3, 4): "not robust", (-9, 1): "not robust"}
    assert {
        (low, high): judge_against_limit(Estimate((low + high) / 2, low, high), 4)
        for low, high in ends
    } == ends


# --- Outlier features and robustness, on made studies


def encoder(
    base: StudyEncoder, training="zero_shot", robust: bool | None = True, outliers=0, **entry
) -> StudyEncoder:
    """Return an encoder that is robust or not, whose interval holds the limit if None."""
    robustness = {True: 50.0, False: 2.0, None: LIMIT}[robust]
    mean = Estimate(robustness, robustness - 1, robustness + 1)
    curve = OnCurve(robustness=mean, limit=LIMIT, knees={}, per_shift={}, draws=[1.0, 1.1])
    results = base.results
    results = replace(
        results,
        robustness=replace(results.robustness, curved=curve, robustness=mean),
        kurtosis=replace(
            results.kurtosis,
            outliers=replace(results.kurtosis.outliers, outlier_features=outliers),
        ),
    )
    known = msgspec.structs.replace(base.entry, training=training, **entry)
    return msgspec.structs.replace(base, entry=known, results=results)


@pytest.fixture
def base(study) -> StudyEncoder:
    set_robustness(study, rn_web_broad=0.0)
    found = next(e for e in read(study) if e.key == "rn_web_broad")
    return msgspec.structs.replace(found, replicas={})


def papers(base, of_robust, of_others) -> list[StudyEncoder]:
    """Return 16 robust zero-shot CLIPs, and the encoders that the paper compares them with."""
    others = [encoder(base, "zero_shot", False, of_others, data="imagenet_captions")]
    others += [encoder(base, kind, False, of_others) for kind in ("finetuned", "supervised") * 2]
    return [*(encoder(base, "zero_shot", True, of_robust) for _ in range(16)), *others]


def verdicts(encoders) -> tuple[str, str]:
    first, second = robust_have_outliers(encoders), outliers_indicate_robustness(encoders)
    assert len(second.cases) == len(encoders)
    return first.verdict, second.verdict


def test_the_paper_s_pattern_supports_its_claims_and_the_reverse_contradicts_them(base):
    pattern, reverse = papers(base, 1, 0), papers(base, 0, 2)
    assert verdicts(pattern) == ("supported", "supported")
    assert "16 of 16 robust" in robust_have_outliers(pattern).reason
    reason = outliers_indicate_robustness(pattern).reason
    assert "16 of 16 robust encoders and 0 of 5 that are not robust have" in reason
    assert verdicts(reverse) == ("contradicted", "contradicted")


def test_nothing_found_contradicts_the_first_claim_and_leaves_the_second_open(base):
    assert verdicts(papers(base, 0, 0)) == ("contradicted", "undecided")


def test_two_of_each_are_mixed(base):
    kinds = [(robust, outliers) for robust in (True, False) for outliers in (0, 3)] * 2
    assert verdicts([encoder(base, "zero_shot", *kind) for kind in kinds]) == ("mixed", "mixed")


def test_outliers_in_all_encoders_support_the_first_claim_only(base):
    assert verdicts(papers(base, 1, 1)) == ("supported", "mixed")


def test_a_robust_encoder_without_one_does_not_contradict_that_only_robust_ones_have_them(base):
    encoders = [*papers(base, 1, 0), encoder(base, "finetuned", True, 0)]
    assert verdicts(encoders) == ("supported", "supported")


def test_claims_of_one_kind_of_robustness_are_open_unless_they_are_contradicted(base):
    robust = [encoder(base, "zero_shot", True, 1)]
    assert verdicts(robust) == ("supported", "undecided")
    others = [encoder(base, "zero_shot", False, 0)]
    assert verdicts(others) == ("undecided", "undecided")
    assert "0 of 0 robust" in robust_have_outliers(others).reason
    assert verdicts([encoder(base, "zero_shot", False, 1)]) == ("undecided", "contradicted")


def test_an_encoder_whose_interval_holds_the_limit_is_in_neither_count(base):
    between = encoder(base, "zero_shot", None, 1, label="Between")
    assert standing(between) == "undecided"
    pattern = papers(base, 1, 0)
    assert verdicts([*pattern, between]) == ("supported", "undecided")
    case = outliers_indicate_robustness([*pattern, between]).cases[-1]
    assert case.name == "Between" and case.columns["Robust"].startswith("undecided")
    without = encoder(base, "zero_shot", None, 0)
    assert verdicts([*pattern, without]) == ("supported", "supported")


def test_an_encoder_outside_the_range_or_without_a_limit_is_not_judged(base):
    pattern = papers(base, 1, 0)
    whole = encoder(base, "zero_shot", False, 1, label="Outside")
    robustness = whole.results.robustness
    shift, known = next(iter(robustness.per_shift.items()))
    beyond = robustness.per_shift | {shift: replace(known, extrapolated=True)}
    for changed in (
        replace(robustness, per_shift=beyond),
        replace(robustness, curved=robustness.curved and replace(robustness.curved, limit=None)),
        replace(robustness, curved=None),
    ):
        results = replace(whole.results, robustness=changed)
        outside = msgspec.structs.replace(whole, results=results)
        assert standing(outside) is None
        assert verdicts([*pattern, outside]) == ("supported", "supported")
        claim = outliers_indicate_robustness([*pattern, outside])
        assert claim.cases[-1].verdict is None
        assert claim.cases[-1].columns["Robust"].startswith("not judged")
        # A study in which none is judged makes no such claim.
        assert not robust_have_outliers([outside]).cases


def test_an_encoder_that_is_robust_on_one_kind_of_line_is_named(base):
    straight = encoder(base, "zero_shot", True, 1, label="Bent")
    robustness = straight.results.robustness
    below = replace(robustness, robustness=Estimate(0.0, -1.0, 1.0))
    results = replace(straight.results, robustness=below)
    bent = msgspec.structs.replace(straight, results=results)
    claim = robust_have_outliers([*papers(base, 1, 0), bent])
    assert claim.verdict == "supported"
    assert claim.cases[-1].columns["Robust"] == "yes (straight lines: no)"


def test_an_encoder_has_an_outlier_feature_if_every_seed_has(base):
    """And it is robust if the interval over seeds lies above the mean limit."""

    def replicated(counts, robustness=(49.0, 50.0, 51.0), limits=(10.0, 10.0, 13.0)):
        numbers = {ROBUSTNESS: robustness, "robustness.curved.limit": limits}
        numbers["kurtosis.outliers.outlier_features"] = counts
        replicas = {k: Replicated(by_seed=dict(enumerate(v))) for k, v in numbers.items()}
        return msgspec.structs.replace(encoder(base, outliers=1), replicas=replicas)

    others = [encoder(base, "supervised", False, 0)]
    assert verdicts([replicated((1.0, 2.0, 1.0)), *others]) == ("supported", "supported")
    assert verdicts([replicated((0.0, 0.0, 0.0)), *others]) == ("contradicted", "undecided")
    some = [replicated((0.0, 2.0, 1.0)), *others]
    assert verdicts(some) == ("undecided", "undecided")
    assert "Only some seeds have an outlier feature" in robust_have_outliers(some).note
    assert standing(replicated((1.0,), (11.0, 12.0, 60.0))) == "undecided"
    assert standing(replicated((1.0,), (11.5, 11.6, 11.7))) == "robust"
    assert standing(replicated((1.0,), (11.5, 11.6, 11.7), (12.0, 12.0, 12.1))) == "not robust"
    assert standing(replicated((1.0,), (50.0,))) is None  # one seed has no interval


def test_the_table_has_the_limit_and_rectified_encoders_have_no_claim(study):
    set_robustness(study, **dict.fromkeys(study["results"], 0.0))
    claim = judged(outliers_indicate_robustness, study)
    assert len(claim.cases) == 7
    case = next(case for case in claim.cases if case.name == "RN supervised")
    found = {"Robust": "no", "Effective robustness (points)": "0.0 [−1.0, 1.0]", "Limit": "10.0"}
    assert case.columns == found
    for results in study["results"].values():
        results["kurtosis"]["representation"] = "rectified"
    assert not outliers_indicate_robustness(read(study)).cases


# --- Orders


def test_backbones_that_differ_are_mixed(study):
    set_robustness(study, **dict(zip(FAMILY, (30.0, 10.0, 0.0), strict=True)), vit_web_broad=-50.0)
    set_robustness(study, vit_web_broad_finetuned=10.0, vit_supervised=0.0)
    supervised = study["results"]["rn_supervised"]["robustness"]
    found = judged(robustness_order, study)
    assert found.verdict == "mixed" and "Holds in 1 of 2 families" in found.reason
    assert found.reason.endswith("lowest difference: −60.0 [−60.0, −60.0] points.")
    assert [case.verdict for case in found.cases] == ["supported"] * 2 + ["contradicted"] * 2
    assert found.cases[0].number == Estimate(20, 20, 20)
    names = ["zero-shot minus finetuned", "finetuned minus supervised"]
    assert [case.name for case in found.cases] == names * 2
    supervised["per_shift"]["imagenet_r"]["extrapolated"] = True
    found = judged(robustness_order, study)
    assert [case.verdict for case in found.cases] == [None] * 2 + ["contradicted"] * 2
    assert found.verdict == "contradicted" and "0 of 1 families" in found.reason
    assert [case.text.endswith("‡") for case in found.cases] == [False, True, False, False]


def test_an_order_is_judged_by_differences_though_intervals_overlap(study):
    del study["entries"]["vit_web_broad"]
    # All rise and fall together, but for the last one.
    together = {FAMILY[0]: (-5, 0, 5), FAMILY[1]: (-4, 0, 4), FAMILY[2]: (-4, 0, 4)}
    means = dict(zip(FAMILY, (13.0, 10.0, 8.0), strict=True))
    set_robustness(study, together, **means)
    found = judged(robustness_order, study)
    assert found.verdict == "supported"
    first, second = (case.number for case in found.cases)
    # The ends of 95 % of the draws, of which there are three: 2, 3 and 4.
    assert (first.value, first.low, first.high) == pytest.approx((3, 2.05, 3.95))
    assert second.low == second.high == 2
    set_robustness(study, together | {FAMILY[2]: (4, 0, -4)}, **means)
    assert judged(robustness_order, study).verdict == "undecided"


def test_an_order_that_straight_lines_decide_otherwise_is_noted(study):
    means = dict.fromkeys(study["results"], 0.0)
    set_robustness(study, **means)
    set_robustness(study, **dict(zip(FAMILY, (30.0, 20.0, 1.0), strict=True)))
    del study["entries"]["vit_web_broad"]
    first, *_ = our_claims(read(study))
    assert (first.verdict, first.elsewhere, first.ours) == ("supported", None, True)
    set_robustness(study, rn_supervised=1.0, straight=25.0)
    first, *_ = our_claims(read(study))
    assert (first.verdict, first.elsewhere) == ("supported", "contradicted")


def test_over_seeds_a_difference_is_the_mean_of_the_seeds_that_count_for_both(study):
    del study["entries"]["vit_web_broad"]
    spread = {FAMILY[0]: (-2, 0, 2)}
    set_robustness(study, spread, **{FAMILY[0]: 99.0})
    set_robustness(study, **dict.fromkeys(FAMILY[1:], 0.0))
    for key in FAMILY[1:]:
        study["results"][key]["robustness"]["curved"]["draws"] = [0.0, 0.0, 0.0]
    seeds = {
        FAMILY[0]: {0: 50.0, 1: 51.0, 2: 52.0, 3: 0.0},
        FAMILY[1]: {0: 30.0, 1: 31.0, 2: 32.0, 4: 99.0},  # not the fourth
        FAMILY[2]: {0: 0.0, 1: 0.0, 2: 0.0},
    }
    study["replicas"] = {
        key: {ROBUSTNESS: Replicated(by_seed=by_seed)} for key, by_seed in seeds.items()
    }
    found = judged(robustness_order, study)
    number = found.cases[0].number
    half = 4.302653 * 2  # the draws' SD of 2, and no spread over seeds
    assert (number.value, *number.ends) == pytest.approx((20, 20 - half, 20 + half))
    assert found.verdict == "supported"
    assert found.cases[0].seeds == "± 0.0‡"
    seeds[FAMILY[1]] |= {0: 55.0, 1: 25.0}  # differences of -5, 26 and 20 points
    assert judged(robustness_order, study).verdict == "undecided"
    seeds[FAMILY[1]].clear()
    cases = judged(robustness_order, study).cases
    assert cases[0].number is None and {case.verdict for case in cases} == {None}


def test_the_control_decides_between_labels_and_captions_unless_extrapolated(study):
    add_control(study)
    control = study["results"][CONTROL]["robustness"]
    for mean, verdict in ((5.0, "contradicted"), (40.0, "supported")):
        set_robustness(study, rn_web_broad=28.0, **{CONTROL: mean})
        found = judged(coverage_of_data, study)
        assert found.verdict == verdict and found.cases[0].number.value == mean - 28
    control["per_shift"]["objectnet"]["extrapolated"] = True
    assert judged(coverage_of_data, study).verdict == "undecided"


# --- Concepts and pruning


def test_concepts_are_compared_within_a_family(study):
    for zero_shot, finetuned, supervised, verdict in (
        ([99, 98, 99], [16, 17, 16], [16, 15, 16], "supported"),
        # The counts overlap, but rise and fall together.
        ([18, 15, 18], [15, 12, 15], [9, 6, 8], "supported"),
        ([18, 15, 18], [16, 16, 16], [9, 9, 9], "undecided"),
        ([14], [16], [16], "undecided"),  # a single draw has no interval
        # One other encoder has surely more.
        ([16, 17, 16], [16, 16, 16], [30, 29, 30], "contradicted"),
    ):
        for backbone in ("rn", "vit"):
            for key, draws in zip(FAMILY, (zero_shot, finetuned, supervised), strict=True):
                set_concepts(study, key.replace("rn", backbone), draws)
        found = judged(concept_order, study)
        assert found.verdict == verdict
        assert found.cases[0].number.value == zero_shot[0] - finetuned[0]
        assert found.cases[0].chance
    set_concepts(study, FAMILY[0], [20, 22, 21])
    set_concepts(study, FAMILY[1], [10, 10, 10])
    number = judged(concept_order, study).cases[0].number
    half = 4.302653  # t of two degrees of freedom times an SD of 1
    assert (number.value, *number.ends) == pytest.approx((10, 10 - half, 10 + half))


@pytest.mark.parametrize(
    ("less", "more", "verdict"),
    [
        ([40, 41, 40], [20, 20, 20], "supported"),  # the less robust one encodes more
        ([20, 21, 20], [40, 40, 40], "contradicted"),
        ([40, 41, 40], [40, 40, 41], "undecided"),
    ],
)
def test_concepts_do_not_indicate_robustness_where_the_less_robust_encodes_more(
    study, less, more, verdict
):
    set_robustness(study, rn_web_broad=30.0, rn_imagenet_captions=0.0, vit_web_broad=9.0)
    set_concepts(study, "rn_imagenet_captions", less)
    set_concepts(study, "rn_web_broad", more)
    found = judged(concepts_and_robustness, study)
    assert found.verdict == verdict and len(found.cases) == 1  # not across backbones
    assert found.cases[0].name.startswith("RN zero-shot, ImageNet-Captions minus")
    assert found.cases[0].columns == {"Less robust by (points)": "30.0 [30.0, 30.0]"}
    # Whichever is less robust comes first.
    set_robustness(study, rn_web_broad=-30.0)
    opposite = {"supported": "contradicted", "contradicted": "supported"}
    assert judged(concepts_and_robustness, study).verdict == opposite.get(verdict, verdict)


def test_a_pair_of_which_neither_is_less_robust_is_left_out(study):
    pairs = {"rn_web_broad": 5.0, "rn_imagenet_captions": 4.0}
    set_robustness(study, {"rn_web_broad": (-3, 3)}, **pairs)
    assert not concepts_and_robustness(read(study)).cases
    study["entries"]["other"] = study["entries"]["rn_web_broad"] | {"data": "other"}
    study["results"]["other"] = study["results"]["rn_web_broad"]
    set_robustness(study, rn_imagenet_captions=-20.0)
    found = judged(concepts_and_robustness, study)
    assert len(found.cases) == 2 and "Left out: 1 more" in found.note


def test_prunable_is_compared_with_the_paper_by_accuracy_over_seeds(study):
    for share, seeds, verdict in (
        (0.8, {}, "supported"),
        (0.7, {}, "contradicted"),
        (0.1, {0: 0.9, 1: 0.9, 2: 0.9}, "supported"),
        (0.9, {0: 0.6, 1: 0.6, 2: 0.7}, "contradicted"),
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


def test_a_rectified_encoder_is_neither_counted_nor_compared_with_a_linear_one(study):
    set_robustness(study, **dict.fromkeys(study["results"], 0.0))
    for key in ("rn_imagenet_captions", "rn_supervised", "vit_supervised"):
        results = study["results"][key]
        set_concepts(study, key, [999, 998])
        kurtosis = results["kurtosis"]
        kurtosis |= {"representation": "rectified", "kurtosis": interval(999.0, 0.1)}
        kurtosis["outliers"]["outlier_features"] = 999
    claims = [
        judged(claim, study)
        for claim in (robust_have_outliers, outliers_indicate_robustness, concept_order)
    ]
    assert not any("999" in case.text for claim in claims for case in claim.cases)
    assert "linear representations only)" in claims[0].text


def test_the_paper_s_claims_come_first_and_in_its_order(study):
    set_robustness(study, **{key: float(n) for n, key in enumerate(study["results"])})
    claims = study_claims(read(study))
    assert [claim.key for claim in claims] == [
        *("robust-have-outliers", "outliers-indicate-robustness"),
        *("concept-order", "concepts-and-robustness", "prunable", "robustness-order"),
    ]
    assert [claim.ours for claim in claims] == [False] * 5 + [True]
