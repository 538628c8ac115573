"""The claims about a study: the paper's, in its order, then others, each judged by its numbers.

The paper's three insights are those of its published abstract (Crabbé et al., TMLR, November 2024):
robust zero-shot CLIPs have outlier features; these indicate robustness, since only robust encoders
have them; zero-shot CLIPs encode more unique concepts, which does not indicate robustness.
"""

from collections.abc import Callable, Sequence
from itertools import permutations

import msgspec

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from page.differences import (
    concept_difference,
    difference_claim,
    judged,
    robustness_difference,
    seed_text,
)
from page.families import families, trained
from page.further_encoders import FurtherEncoder
from page.names import format_estimate, format_percent
from page.robustness_claims import our_claims
from page.seed_means import format_over_seeds, over_seeds, scaled
from page.standing import LIMITS, ROBUSTNESS, Standing, standing
from page.study_results import StudyEncoder
from page.verdicts import Case, Claim, Verdict, overall, supported

PRUNABLE = 0.8
"""The paper's first version prunes up to this fraction of the directions without harm."""

OUTLIERS, PRUNED = "kurtosis.outliers.outlier_features", "prunable.by_accuracy"
"""Numbers that claims are about, by their names in the table of replicas."""

ANSWERS = {"robust": "yes", "not robust": "no", "undecided": "undecided", None: "not judged"}


def study_claims(
    encoders: Sequence[StudyEncoder], further: Sequence[FurtherEncoder] = ()
) -> list[Claim]:
    """Return every claim that the study has the encoders and the numbers to judge.

    `further` are the encoders that only the study of replicas has.
    """
    claims = (
        robust_have_outliers(encoders),
        outliers_indicate_robustness(encoders),
        concept_order(encoders),
        concepts_and_robustness(encoders),
        prunable_directions(encoders),
        *our_claims(encoders, further),
    )
    return [claim for claim in claims if claim.cases]


# --- Outlier features and robustness


def robust_have_outliers(encoders: Sequence[StudyEncoder]) -> Claim:
    """Look for an outlier feature in every robust zero-shot encoder.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    members = _comparable(trained(encoders, "zero_shot"))
    verdicts: dict[bool | None, Verdict] = {True: "supported", False: "contradicted"}

    def judge(encoder: StudyEncoder) -> Verdict | None:
        robust = standing(encoder) == "robust"
        return verdicts.get(has_outliers(encoder), "undecided") if robust else None

    return _outlier_claim(
        key="robust-have-outliers",
        text=f"Robust zero-shot encoders have outlier features{_linear_only(encoders)}.",
        reason=f"{_with_outliers(members, 'robust')} robust zero-shot encoders have one"
        f"{_open(members)}.",
        members=members,
        judge=judge,
    )


def outliers_indicate_robustness(encoders: Sequence[StudyEncoder]) -> Claim:
    """Check whether only robust encoders have an outlier feature, whatever their training.

    Each encoder with one is a case. The claim can only be supported if the study has an encoder
    that is not robust and has none: otherwise nothing could have contradicted it.
    """
    members = _comparable([e for e in encoders if e.entry.training != "untrained"])
    claim = _outlier_claim(
        key="outliers-indicate-robustness",
        text=f"Only robust encoders have outlier features{_linear_only(encoders)}.",
        reason=f"{_with_outliers(members, 'robust')} robust encoders and "
        f"{_with_outliers(members, 'not robust')} that are not robust have one{_open(members)}.",
        members=members,
        judge=_indication,
    )
    without = any(standing(e) == "not robust" and has_outliers(e) is False for e in members)
    if claim.verdict == "supported" and not without:
        return msgspec.structs.replace(claim, verdict="undecided")
    return claim


def _outlier_claim(
    *,
    key: str,
    text: str,
    reason: str,
    members: Sequence[StudyEncoder],
    judge: Callable[[StudyEncoder], Verdict | None],
) -> Claim:
    """Return a claim on outlier features and robustness; without cases if no member is judged."""
    cases = [_outlier_case(e, judge(e)) for e in members]
    some = [e.entry.label for e in members if has_outliers(e) is None]
    return Claim(
        key=key,
        chart="kurtosis",
        text=text,
        verdict=overall(cases),
        reason=reason,
        note=f"Only some seeds have an outlier feature: {'; '.join(some)}." if some else "",
        cases=cases if any(map(standing, members)) else [],
        axis="outlier features",
    )


def _with_outliers(encoders: Sequence[StudyEncoder], kind: Standing) -> str:
    """Return how many encoders of one standing have an outlier feature: `1 of 2`."""
    found = [has_outliers(e) for e in encoders if standing(e) == kind]
    return f"{found.count(True)} of {len(found)}"


def _open(encoders: Sequence[StudyEncoder]) -> str:
    undecided = sum(standing(e) == "undecided" for e in encoders)
    return f"; {undecided} may be robust or not" if undecided else ""


def _indication(encoder: StudyEncoder) -> Verdict | None:
    """Judge whether an outlier feature indicates the robustness of its encoder, if it has both."""
    known, found = standing(encoder), has_outliers(encoder)
    if known is None or found is False:
        return None
    if known == "undecided" or found is None:
        return "undecided"
    return "supported" if known == "robust" else "contradicted"


def has_outliers(encoder: StudyEncoder) -> bool | None:
    """Return whether an encoder has an outlier feature; None if some of its seeds have one."""
    replicated = encoder.replicas.get(OUTLIERS)
    counts = replicated.by_seed.values() if replicated else ()
    own = encoder.results.kurtosis.outliers.outlier_features
    found = {count > 0 for count in (counts or (own,))}
    return found.pop() if len(found) == 1 else None


def _comparable(encoders: Sequence[StudyEncoder]) -> list[StudyEncoder]:
    return [e for e in encoders if e.representation == "linear"]


def _linear_only(encoders: Sequence[StudyEncoder]) -> str:
    return "" if len(_comparable(encoders)) == len(encoders) else " (linear representations only)"


def _outlier_case(encoder: StudyEncoder, verdict: Verdict | None) -> Case:
    curved, straight = standing(encoder), standing(encoder, "straight")
    limit, count = over_seeds(encoder, LIMITS["curved"]), over_seeds(encoder, OUTLIERS)
    differs = straight is not None and straight != curved
    return Case(
        name=encoder.entry.label,
        number=count and Estimate(count.value),
        digits=1 if OUTLIERS in encoder.replicas else 0,
        columns={
            "Robust": ANSWERS[curved] + f" (straight lines: {ANSWERS[straight]})" * differs,
            "Effective robustness (points)": format_over_seeds(encoder, ROBUSTNESS["curved"]),
            "Limit": format_number(limit and limit.value),
        },
        verdict=verdict,
    )


# --- Concepts


def concept_order(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder with another kind of representation is not comparable.
    """
    cases = []
    for family in families(encoders):
        first, *others = family.members
        others = [e for e in others if family.comparable(e)]
        differences = (concept_difference(first, e, family.name) for e in others)
        cases += judged([case for case in differences if case])
    return difference_claim(
        cases,
        "concepts",
        "families",
        key="concept-order",
        text="Zero-shot encoders encode more unique concepts than their finetuned and supervised "
        "counterparts.",
    )


def concepts_and_robustness(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare the unique concepts of two zero-shot encoders of which one is less robust.

    They have one backbone and learnt from different data, such as captions of ImageNet's images and
    of the web's. A pair is a case if the interval of their difference in effective robustness does
    not hold zero. An equal number is not shown by an interval that holds zero: that is undecided.
    """
    pairs = [
        (more, less)
        for more, less in permutations(trained(encoders, "zero_shot"), 2)
        if more.entry.backbone == less.entry.backbone
        and more.entry.data != less.entry.data
        and more.representation == less.representation
        and concept_difference(less, more)
    ]
    cases = []
    for more, less in pairs:
        for gap in judged([robustness_difference(more, less)]):
            if gap.verdict == "supported":
                columns = {"Less robust by (points)": gap.text}
                for case in judged([concept_difference(less, more)]):
                    cases.append(msgspec.structs.replace(case, columns=columns))
    left = len(pairs) // 2 - len(cases)  # each pair is there in both orders
    return difference_claim(
        cases,
        "concepts",
        "pairs",
        key="concepts-and-robustness",
        text="The number of unique concepts does not indicate robustness: of two zero-shot "
        "encoders of one backbone, the less robust one encodes at least as many.",
        note=f"Left out: {left} more, where neither is shown to be less robust." * bool(left),
    )


# --- Pruning


def prunable_directions(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %, by accuracy.

    Over seeds, the interval of the mean decides. A single training has no interval, and its value
    decides, as in the paper.
    """
    cases = [_prunable_case(e) for e in trained(encoders, "zero_shot")]
    most = max((case.number.value for case in cases if case.number), default=None)
    return Claim(
        key="prunable",
        chart="pruning",
        text=f"{format_percent(PRUNABLE)} of a zero-shot encoder’s least important directions can "
        "be pruned without harm to ImageNet accuracy (the paper’s first version).",
        verdict=overall(cases),
        reason=f"{supported(cases, 'zero-shot encoders')} reach {format_percent(PRUNABLE)}; "
        f"the largest share is {format_number(most, 0)} %.",
        cases=cases,
        axis="prunable directions (%); by chance: of random heads",
    )


def _prunable_case(encoder: StudyEncoder) -> Case:
    share = over_seeds(encoder, PRUNED) or Estimate(encoder.results.prunable.by_accuracy)
    low, high = share.ends
    verdict: Verdict = (
        "supported" if low >= PRUNABLE else "contradicted" if high < PRUNABLE else "undecided"
    )
    chance = encoder.results.prunable.accuracy_chance
    return Case(
        name=encoder.entry.label,
        number=scaled(share, 100),
        digits=0,
        seeds=seed_text(encoder.replicas.get(PRUNED), 0, 100),
        chance=format_estimate(scaled(chance, 100), 0) if chance else "",
        verdict=verdict,
    )
