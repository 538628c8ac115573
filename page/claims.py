"""What a study shows and what it does not: its claims, judged by its numbers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.statistics.nulls import rank_p_value
from page.differences import (
    concept_difference,
    judged,
    robustness_difference,
    seed_difference,
    seed_text,
)
from page.families import families, label_controls, trained
from page.names import DATASETS, TESTBED_SHIFTS, format_percent, format_percents, format_spread
from page.replicas import FurtherEncoder, over_replicas
from page.study_results import StudyEncoder, measured_shifts
from page.verdicts import (
    LEVEL,
    NO_DIFFERENCE,
    Case,
    Claim,
    Verdict,
    judge_against_null,
    overall,
    supported,
)

PRUNABLE = 0.8
"""The paper prunes up to this fraction of the directions without harm."""

KURTOSIS, PRUNED = "kurtosis.kurtosis", "prunable.by_accuracy"
"""Numbers that claims compare, by their names in the table of replicas."""

OURS = "Our claim, after Fang et al. (2022)."

POINTS = "difference of mean effective robustness (points)"

Names = Mapping[str, str]
"""The names that the study gives to the test sets, by key."""


def study_claims(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> list[Claim]:
    """Return every claim that the study has the encoders and the numbers to judge.

    `further` are the encoders that only the study of replicas has.
    """
    claims = (
        robustness_order(encoders, names),
        coverage_of_data(encoders, names, further),
        narrower_data(encoders, names, further),
        kurtosis_above_null(encoders),
        outlier_features(encoders),
        prunable_directions(encoders, names),
        concept_order(encoders),
    )
    return [claim for claim in claims if claim.cases]


# --- Effective robustness: which encoders have more of it, and whether language is the reason


def robustness_order(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases = []
    for family in families(encoders):
        if _have_robustness(family.members):
            pairs = pairwise(family.members)
            cases += judged([robustness_difference(*pair, family.name) for pair in pairs])
    return Claim(
        key="robustness-order",
        chart="effective_robustness",
        text="Zero-shot encoders are more robust than their finetuned versions, and these more "
        f"than supervised encoders (mean effective robustness{mean_over(encoders, names)}).",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'families')}, the interval of every difference is above "
        "zero, on a line that is not extrapolated.",
        cases=cases,
        axis=POINTS,
        reference=NO_DIFFERENCE,
    )


def coverage_of_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim:
    """Compare encoders that learnt labels with those that learnt captions of the same images.

    Encoders of the study have intervals; further encoders are compared seed by seed.
    """
    cases = []
    for pair in label_controls(encoders):
        if _have_robustness(pair):
            cases += judged([robustness_difference(*pair)])
    cases += [seed_difference(e, e.other) for e in further if e.entry.training == "supervised"]
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    return Claim(
        key="coverage",
        chart="effective_robustness",
        whose=OURS,
        text="Robustness comes from what the data cover, not from language: labels give more of it "
        f"than captions of the same images{over}.",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'pairs')}, labels give more, beyond the interval and every "
        "seed.",
        cases=cases,
        axis=POINTS,
        reference=NO_DIFFERENCE,
    )


def narrower_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim:
    """Compare an encoder with further encoders that learnt from narrower captioned images."""
    pairs = [(e.other, e) for e in further if e.entry.training == "zero_shot"]
    cases = [seed_difference(*pair) for pair in pairs]
    return Claim(
        key="narrower-data",
        chart="effective_robustness",
        whose=OURS,
        text="Captions alone do not give robustness: captions of narrower images give less of it "
        f"(mean effective robustness{mean_over(encoders, names)}).",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'pairs')}, the broader images give more with every seed.",
        cases=cases,
        axis=POINTS,
        reference=NO_DIFFERENCE,
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over {', '.join(names[s] for s in shifts)} alone" if shifts else " of no shift"


def _have_robustness(encoders: Sequence[StudyEncoder]) -> bool:
    return all(e.results.robustness.robustness for e in encoders)


# --- Representation spaces


def kurtosis_above_null(encoders: Sequence[StudyEncoder]) -> Claim:
    """Compare each zero-shot encoder's kurtosis with untrained encoders of its backbone."""
    cases = []
    for e in trained(encoders, "zero_shot"):
        if not e.null:
            continue
        null, kurtosis = e.null.numbers["kurtosis"], e.results.kurtosis.kurtosis
        widest = over_replicas(kurtosis, e.replicas.get(KURTOSIS))
        p_value = format_number(rank_p_value(kurtosis.value, null), 2)
        case = Case(
            name=e.entry.label,
            training=e.entry.training,
            number=kurtosis,
            digits=2,
            widest=widest,
            seeds=seed_text(e.replicas.get(KURTOSIS), 2),
            null=(min(null), max(null)),
            chance=f"{format_spread(null, 2)} of {len(null)} untrained encoders, p = {p_value}",
            verdict=judge_against_null(*widest.ends, null),
        )
        cases.append(case)
    return Claim(
        key="kurtosis",
        chart="kurtosis",
        text="The kurtosis of a zero-shot encoder's activations is above that of untrained "
        "encoders of its backbone.",
        verdict=overall(cases),
        reason=f"{supported(cases, 'zero-shot encoders')} are above the untrained ones by rank "
        f"(p ≤ {LEVEL:g} at both ends of the interval).",
        cases=cases,
        axis="kurtosis; grey: lowest to highest of the untrained encoders",
    )


def outlier_features(encoders: Sequence[StudyEncoder]) -> Claim:
    """Count the encoders of each kind of training that have an outlier feature.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    linear = [e for e in encoders if e.representation == "linear"]
    counts = {
        kind: [e.results.kurtosis.outliers.outlier_features for e in trained(linear, kind)]
        for kind in ("zero_shot", "supervised")
    }
    verdict: Verdict = "contradicted"
    if any(counts["zero_shot"]):
        shown = all(counts["zero_shot"]) and not any(counts["supervised"])
        verdict = "supported" if shown else "mixed"
    have = [f"{sum(map(bool, features))} of {len(features)}" for features in counts.values()]
    cases = [
        Case(
            name=e.entry.label,
            training=e.entry.training,
            number=Estimate(e.results.kurtosis.outliers.outlier_features),
            digits=0,
        )
        for e in linear
    ]
    return Claim(
        key="outlier-features",
        chart="kurtosis",
        text="Zero-shot encoders have outlier features and supervised encoders have none"
        f"{'' if len(linear) == len(encoders) else ' (linear representations alone)'}.",
        verdict=verdict,
        reason=f"{have[0]} zero-shot encoders and {have[1]} supervised ones have an outlier "
        "feature.",
        cases=cases if counts["zero_shot"] else [],
        axis="outlier features",
    )


def prunable_directions(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %, by accuracy."""
    cases = []
    for e in trained(encoders, "zero_shot"):
        prunable, replicas = e.results.prunable, e.replicas.get(PRUNED)
        shares = [prunable.by_accuracy, *(replicas.by_seed.values() if replicas else ())]
        reached = {share >= PRUNABLE for share in shares}
        verdict: Verdict = "undecided"
        if len(reached) == 1:
            verdict = "supported" if reached.pop() else "contradicted"
        chance = prunable.accuracy_chance
        value = Estimate(100 * prunable.by_accuracy)
        case = Case(
            name=e.entry.label,
            training=e.entry.training,
            number=value,
            digits=0,
            widest=Estimate(value.value, 100 * min(shares), 100 * max(shares)),
            seeds=" to ".join(format_percent(end(shares)) for end in (min, max)) * bool(replicas),
            null=(100 * chance.ends[0], 100 * chance.ends[1]) if chance else None,
            chance=f"random heads {format_percents(chance)}" if chance else "",
            verdict=verdict,
        )
        cases.append(case)
    return Claim(
        key="prunable",
        chart="pruning",
        text=f"{format_percent(PRUNABLE)} of a zero-shot encoder's least important directions can "
        f"be pruned without harm to {names['imagenet']} accuracy.",
        verdict=overall(cases),
        reason=f"{supported(cases, 'zero-shot encoders')} reach {format_percent(PRUNABLE)}.",
        cases=cases,
        axis="prunable directions (%); grey: of random heads",
        reference=(100 * PRUNABLE, f"paper: {format_percent(PRUNABLE)}"),
    )


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
        whose="A claim of the paper’s first version.",
        text="Zero-shot encoders encode more unique concepts than finetuned and supervised "
        "encoders (counts of directions).",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'families')}, every difference on common negatives is above "
        "zero.",
        cases=cases,
        axis="difference of unique concepts",
        reference=NO_DIFFERENCE,
    )


def _has_concepts(encoder: StudyEncoder) -> bool:
    concepts = encoder.results.concepts
    return bool(concepts and concepts.directions)
