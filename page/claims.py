"""The claims about a study: the paper's, in its order, then ours, each judged by its numbers.

The paper's three insights are those of its published abstract (Crabbé et al., TMLR, November 2024):
robust zero-shot CLIPs have outlier features; these indicate robustness, since only robust encoders
have them; zero-shot CLIPs encode more unique concepts, which does not indicate robustness.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from page.differences import (
    CONCEPTS,
    concept_difference,
    judged,
    robustness_difference,
)
from page.families import families, trained
from page.further_encoders import FurtherEncoder
from page.names import DATASETS, format_estimate, format_percent, format_percents, format_spread
from page.robustness_claims import our_claims
from page.seed_means import format_over_seeds, over_seeds, own_number, scaled
from page.standing import LIMITS, ROBUST, ROBUSTNESS, labels, line_note, standing
from page.study_results import StudyEncoder
from page.verdicts import (
    NO_DIFFERENCE,
    Case,
    Claim,
    Verdict,
    judge_differences,
    overall,
    supported,
)

PRUNABLE = 0.8
"""The paper's first version prunes up to this fraction of the directions without harm."""

KURTOSIS, OUTLIERS = "kurtosis.kurtosis", "kurtosis.outliers.outlier_features"
PRUNED = "prunable.by_accuracy"
"""Numbers that claims compare, by their names in the table of replicas."""

ANSWERS = {"robust": "yes", "not robust": "no"}

FIRST_VERSION = "A claim of the paper’s first version."


def study_claims(
    encoders: Sequence[StudyEncoder],
    names: Mapping[str, str] = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> list[Claim]:
    """Return every claim that the study has the encoders and the numbers to judge.

    `names` are those that the study gives to the test sets. `further` are the encoders that only
    the study of replicas has.
    """
    claims = (
        robust_have_outliers(encoders),
        outliers_indicate_robustness(encoders),
        concept_order(encoders),
        concepts_and_robustness(encoders),
        prunable_directions(encoders, names),
        *our_claims(encoders, names, further),
    )
    return [claim for claim in claims if claim.cases]


# --- Outlier features and robustness


def robust_have_outliers(encoders: Sequence[StudyEncoder]) -> Claim:
    """Look for an outlier feature in every robust zero-shot encoder.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    members = _comparable(trained(encoders, "zero_shot"))
    robust = [e for e in members if standing(e) == "robust"]
    have = [e for e in robust if has_outliers(e)]
    verdicts: dict[bool | None, Verdict] = {True: "supported", False: "contradicted"}
    cases = [
        _outlier_case(e, verdicts.get(has_outliers(e), "undecided") if e in robust else None)
        for e in members
    ]
    counted = (
        f"{len(have)} of {len(robust)} robust zero-shot encoders have an outlier feature."
        if robust
        else "No zero-shot encoder is shown to be robust."
    )
    return _outlier_claim(
        key="robust-have-outliers",
        text="Robust zero-shot encoders have outlier features, ResNets and ViTs alike"
        f"{_linear_only(encoders)}.",
        verdict=overall(cases),
        reasons=(counted, _seeds_differ(robust)),
        members=members,
        cases=cases,
    )


def outliers_indicate_robustness(encoders: Sequence[StudyEncoder]) -> Claim:
    """Check whether only robust encoders have an outlier feature, whatever their training.

    Each encoder with one is a case. The claim can only be supported if the study has an encoder
    that is not robust and has none: otherwise nothing could have contradicted it.
    """
    members = _comparable([e for e in encoders if e.entry.training != "untrained"])
    counts = {
        (kind, found): [e for e in members if (standing(e), has_outliers(e)) == (kind, found)]
        for kind in ("robust", "not robust")
        for found in (True, False)
    }
    cases = [_outlier_case(e, _indication(e)) for e in members]
    verdict = overall(cases)
    if verdict == "supported" and not counts["not robust", False]:
        verdict = "undecided"
    numbers = {
        kind: f"{len(counts[kind, True])} of {len(counts[kind, True] + counts[kind, False])}"
        for kind in ("robust", "not robust")
    }
    counted = (
        f"{numbers['robust']} robust encoders and {numbers['not robust']} that are not robust "
        "have an outlier feature."
    )
    return _outlier_claim(
        key="outliers-indicate-robustness",
        text="An outlier feature indicates robustness: only robust encoders have one"
        f"{_linear_only(encoders)}.",
        verdict=verdict,
        reasons=(counted, _seeds_differ(members)),
        members=members,
        cases=cases,
    )


def _outlier_claim(
    *,
    key: str,
    text: str,
    verdict: Verdict,
    reasons: Sequence[str],
    members: Sequence[StudyEncoder],
    cases: list[Case],
) -> Claim:
    """Return a claim on outlier features and robustness; without cases if no member is judged."""
    judged = (_between(members), _without_standing(members), line_note(members), ROBUST)
    return Claim(
        key=key,
        chart="kurtosis",
        text=text,
        verdict=verdict,
        reason=" ".join(part for part in (*reasons, *judged) if part),
        cases=cases if any(map(standing, members)) else [],
        axis="outlier features",
    )


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
    known, limit = standing(encoder), over_seeds(encoder, LIMITS["curved"])
    count = over_seeds(encoder, OUTLIERS)
    null = encoder.null.numbers["kurtosis"] if encoder.null else [None]
    return Case(
        name=encoder.entry.label,
        training=encoder.entry.training,
        number=count and Estimate(count.value),
        digits=1 if OUTLIERS in encoder.replicas else 0,
        columns={
            "Robust": ANSWERS.get(known, "undecided") if known else "not judged",
            "Effective robustness (points)": format_over_seeds(encoder, ROBUSTNESS["curved"]),
            "Limit": format_number(limit and limit.value),
            "Kurtosis": format_over_seeds(encoder, KURTOSIS, 2),
            "Of untrained encoders": format_spread(null, 2),
        },
        verdict=verdict,
    )


def _seeds_differ(encoders: Sequence[StudyEncoder]) -> str:
    some = [e for e in encoders if has_outliers(e) is None]
    return f"Only some seeds have one: {labels(some)}." if some else ""


def _between(encoders: Sequence[StudyEncoder]) -> str:
    between = [e for e in encoders if standing(e) == "undecided"]
    return f"The interval holds the limit: {labels(between)}." if between else ""


def _without_standing(encoders: Sequence[StudyEncoder]) -> str:
    left = [e for e in encoders if standing(e) is None]
    why = "outside the range of the standard models or without a limit"
    return f"Not judged, {why}: {labels(left)}." if left else ""


# --- Concepts


def concept_order(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder with another kind of representation is not comparable.
    """
    cases = []
    for family in families(encoders):
        first, *others = family.members
        if _has_concepts(first):
            others = [e for e in others if family.comparable(e) and _has_concepts(e)]
            cases += judged([concept_difference(first, e, family.name) for e in others])
    return Claim(
        key="concept-order",
        chart="concepts",
        text="Zero-shot encoders encode more unique concepts than their finetuned and supervised "
        "counterparts (counts of directions).",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'families')}, the interval of every difference is above "
        "zero.",
        cases=cases,
        axis="difference of unique concepts",
        reference=NO_DIFFERENCE,
    )


def concepts_and_robustness(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare the unique concepts of two zero-shot encoders of which one is less robust.

    They have one backbone and learnt from different data, such as captions of ImageNet's images and
    of the web's. A pair is a case if the interval of their difference in effective robustness does
    not hold zero. An equal number is not shown by an interval that holds zero: that is undecided.
    """
    pairs = [
        pair
        for pair in combinations(trained(encoders, "zero_shot"), 2)
        if pair[0].entry.backbone == pair[1].entry.backbone
        and pair[0].entry.data != pair[1].entry.data
        and pair[0].representation == pair[1].representation
        and all(map(_has_concepts, pair))
    ]
    cases = []
    for first, second in pairs:
        difference = robustness_difference(first, second)
        if difference is None or difference.extrapolated or difference.number is None:
            continue
        order = judge_differences([difference.number])
        if order != "undecided":
            less, more = (second, first) if order == "supported" else (first, second)
            case = concept_difference(less, more)
            gap = {"More robust by (points)": _size(difference.number)}
            cases += judged([msgspec.structs.replace(case, columns=gap)])
    left = len(pairs) - len(cases)
    return Claim(
        key="concepts-and-robustness",
        chart="concepts",
        text="The number of unique concepts does not indicate robustness: of two zero-shot "
        "encoders of one backbone, the less robust one encodes at least as many.",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'pairs')}, the interval of the difference, less robust minus "
        "more robust, is above zero. Less robust: the interval of the difference in effective "
        "robustness does not hold zero."
        + f" Left out: {left} more, of which neither is shown to be less robust."
        * bool(left),
        cases=cases,
        axis="difference of unique concepts",
        reference=NO_DIFFERENCE,
    )


def _size(difference: Estimate) -> str:
    """Return a difference without its sign."""
    sign = 1 if difference.value > 0 else -1
    low, high = sorted(sign * end for end in difference.ends)
    return format_estimate(Estimate(sign * difference.value, low, high))


def _has_concepts(encoder: StudyEncoder) -> bool:
    return own_number(encoder, CONCEPTS) is not None


# --- Pruning


def prunable_directions(
    encoders: Sequence[StudyEncoder], names: Mapping[str, str] = DATASETS
) -> Claim:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %, by accuracy.

    Over seeds, the interval of the mean decides. A single training has no interval, and its value
    decides, as in the paper.
    """
    cases = [_prunable_case(e) for e in trained(encoders, "zero_shot")]
    return Claim(
        key="prunable",
        chart="pruning",
        whose=FIRST_VERSION,
        text=f"{format_percent(PRUNABLE)} of a zero-shot encoder's least important directions can "
        f"be pruned without harm to {names['imagenet']} accuracy.",
        verdict=overall(cases),
        reason=f"{supported(cases, 'zero-shot encoders')} reach {format_percent(PRUNABLE)}.",
        cases=cases,
        axis="prunable directions (%); grey: of random heads",
        reference=(100 * PRUNABLE, f"paper: {format_percent(PRUNABLE)}"),
    )


def _prunable_case(encoder: StudyEncoder) -> Case:
    share = over_seeds(encoder, PRUNED) or Estimate(encoder.results.prunable.by_accuracy)
    low, high = share.ends
    verdict: Verdict = (
        "supported" if low >= PRUNABLE else "contradicted" if high < PRUNABLE else "undecided"
    )
    chance, replicated = encoder.results.prunable.accuracy_chance, encoder.replicas.get(PRUNED)
    shares = [*replicated.by_seed.values()] if replicated else []
    return Case(
        name=encoder.entry.label,
        training=encoder.entry.training,
        number=scaled(share, 100),
        digits=0,
        seeds=" to ".join(format_percent(end(shares)) for end in (min, max)) if shares else "",
        null=(100 * chance.ends[0], 100 * chance.ends[1]) if chance else None,
        chance=f"random heads {format_percents(chance)}" if chance else "",
        verdict=verdict,
    )
