"""What a study shows and what it does not, in words computed from its numbers."""

from collections.abc import Sequence

import msgspec

from interpreting_clip.measures.concept_counts import BasisConcepts
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.nulls import rank_p_value
from page.claim_charts import Dots, dot_row, informative
from page.differences import CONCEPTS, NO_DIFFERENCE, concept_difference
from page.families import families, trained, untrained_null
from page.names import (
    DATASETS,
    TRAININGS,
    format_estimate,
    format_number,
    format_percent,
    format_percents,
    format_spread,
    format_with_error,
)
from page.replicas import INSIDE, FurtherEncoder, Replicated
from page.results import StudyEncoder
from page.robustness_claims import (
    Names,
    coverage_of_data,
    mean_over,
    narrower_data,
    robustness_order,
)
from page.verdicts import (
    LEVEL,
    Case,
    Claim,
    Verdict,
    drawn_claim,
    judge_against_null,
    judge_differences,
)

PRUNABLE = 0.8
"""The paper prunes up to this fraction of the directions without harm."""

WHOSE = {
    "coverage": "Our claim, after Fang et al. (2022).",
    "narrower-data": "Our claim, after Fang et al. (2022).",
    "concept-order": "A claim of the paper’s first version.",
}
"""Whose a claim is where it is not the paper's, by its key."""

KURTOSIS, PRUNED = "kurtosis.kurtosis", "prunable.prunable"
"""The numbers that claims compare, by the names that their replicas have."""


def study_claims(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> list[Claim]:
    """Return every claim that the study has the encoders and the numbers to judge.

    `further` are the encoders that only the study of replicas has.
    """
    claims = {
        "robustness-order": robustness_order(encoders, names),
        "coverage": coverage_of_data(encoders, names, further),
        "narrower-data": narrower_data(encoders, names, further),
        "kurtosis": kurtosis_above_null(encoders),
        "outlier-features": outlier_features(encoders),
        "prunable": prunable_directions(encoders, names),
        "concept-order": concept_order(encoders),
    }
    return [
        msgspec.structs.replace(claim, key=key, whose=WHOSE.get(key, ""))
        for key, claim in claims.items()
        if claim
    ]


def kurtosis_above_null(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare each zero-shot encoder's kurtosis with those of its backbone's untrained encoders."""
    cases = []
    for e in trained(encoders, "zero_shot"):
        if not e.null:
            continue
        null, kurtosis = e.null.numbers["kurtosis"], e.results.kurtosis.kurtosis
        value, widest = format_estimate(kurtosis, 2), e.with_seeds(KURTOSIS, kurtosis)
        text = (
            f"{e.entry.label} {value}{e.over_seeds(KURTOSIS, 2)} against {format_spread(null, 2)} "
            f"of {len(null)} untrained encoders, "
            f"p = {format_number(rank_p_value(kurtosis.value, null), 2)}"
        )
        named = e.entry.label, e.entry.training
        row = dot_row(*named, kurtosis, value, widest=widest, null=(min(null), max(null)))
        cases.append(Case(judge_against_null(*widest.ends, null), text, [row]))
    return drawn_claim(
        "kurtosis",
        "The kurtosis of a zero-shot encoder's activations is above that of untrained encoders of "
        f"its backbone (by its rank among them: p ≤ {LEVEL:g} at both ends of the interval).",
        cases,
        "kurtosis; grey: lowest to highest of the untrained encoders",
    )


def outlier_features(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Count the encoders of each kind of training that have an outlier feature.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    linear = [e for e in encoders if e.representation == "linear"]
    counts: dict[str, list[int]] = {kind: [] for kind in TRAININGS}
    rows = []
    for e in linear:
        count = e.results.kurtosis.outliers.outlier_features
        counts[e.entry.training].append(count)
        rows.append(dot_row(e.entry.label, e.entry.training, Estimate(count), str(count)))
    if not counts["zero_shot"]:
        return None
    verdict: Verdict = "not supported"
    if any(counts["zero_shot"]):
        shown = all(counts["zero_shot"]) and not any(counts["supervised"])
        verdict = "supported" if shown else "mixed"
    findings = [
        f"{TRAININGS[kind]}: {sum(map(bool, found))} of {len(found)} encoders have outlier "
        f"features, {sum(found)} in all"
        for kind, found in counts.items()
        if found
    ]
    if not any(map(any, counts.values())):
        findings = [f"none of the {len(linear)} encoders has an outlier feature"]
    return Claim(
        chart="kurtosis",
        text="Zero-shot encoders have outlier features and supervised encoders have none (by their "
        f"counts{'' if len(linear) == len(encoders) else '; linear representations alone'}).",
        verdict=verdict,
        findings=findings,
        dots=informative(Dots(axis="outlier features", rows=rows)),
    )


def prunable_directions(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %.

    Neither accuracy nor robustness may suffer. Without robustness, or if a line is extrapolated at
    a fraction that counts, the case is undecided, unless accuracy alone decides it.
    """
    cases = []
    for e in trained(encoders, "zero_shot"):
        found, rows = e.results.prunable, []
        verdict: Verdict = "not supported"
        if found.by_accuracy >= PRUNABLE:
            reaches = found.prunable is not None and found.prunable >= PRUNABLE
            verdict = "supported" if reaches else "not supported"
            if found.prunable is None or found.is_extrapolated(found.prunable):
                verdict = "undecided"
        replicas = e.replicas.get(PRUNED)
        if replicas and replicas.by_seed:
            seen = {share >= PRUNABLE for share in replicas.by_seed.values()}
            verdict = verdict if seen == {verdict == "supported"} else "undecided"
        chance = found.accuracy_chance
        alone = {"accuracy": found.by_accuracy, "robustness": found.by_robustness}
        parts = ", ".join(f"by {name} alone {format_percent(x)}" for name, x in alone.items())
        if found.by_robustness is not None and found.by_accuracy != found.by_robustness:
            lower = "accuracy" if found.by_accuracy < found.by_robustness else "robustness"
            parts += f", so {lower} decides"
        if found.prunable is not None:
            value = Estimate(found.prunable)
            row = dot_row(
                e.entry.label,
                e.entry.training,
                _in_percent(value),
                format_percent(found.prunable),
                widest=_in_percent(e.with_seeds(PRUNED, value)),
                null=_in_percent(chance).ends if chance else None,
            )
            rows = [row]
        text = (
            f"{e.entry.label}: {format_percent(found.prunable)} of "
            f"{e.results.directions.directions} directions ({parts}"
            f"{f'; random heads {format_percents(chance)} by accuracy' if chance else ''}"
            f"{_counted(replicas)})"
        )
        cases.append(Case(verdict, text, rows))
    return drawn_claim(
        "pruning",
        f"{format_percent(PRUNABLE)} of a zero-shot encoder's least important directions can be "
        f"pruned for less than one point of {names['imagenet']} accuracy and less than one of mean "
        f"effective robustness{mean_over(encoders, names)}.",
        cases,
        "prunable directions (%); grey: of random heads, by accuracy",
        (100 * PRUNABLE, f"paper: {format_percent(PRUNABLE)}"),
    )


def concept_order(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder with another kind of representation is not comparable.
    """
    cases, intervals = [], False
    for f in families(encoders):
        compared = _with_concepts([e for e in f.members if f.comparable(e)])
        if len(compared) < 2 or compared[0][0] is not f.zero_shot:
            continue
        null = untrained_null(f.zero_shot, encoders)
        found = compared + _with_concepts([null] if null else [])
        values = "; ".join(
            f"{TRAININGS[e.entry.training]} {format_estimate(counts.unique, 0)}"
            f"{_by_chance(counts)}{_concepts_over_seeds(e)}"
            for e, counts in found
        )
        differences = [concept_difference(f.zero_shot, e, f.name) for e, _ in compared[1:]]
        text = f"{f.name}: {values}; {'; '.join(one.text for one in differences)}"
        verdict = judge_differences([one.widest for one in differences])
        cases.append(Case(verdict, text, [one.row for one in differences]))
        intervals = intervals or compared[0][1].unique.low is not None
    over = "by the differences on common negatives" if intervals else "without an interval"
    return drawn_claim(
        "concepts",
        "Zero-shot encoders encode more unique concepts than finetuned and supervised encoders "
        f"(counts of directions; {over}).",
        cases,
        "difference of unique concepts",
        NO_DIFFERENCE,
    )


def _with_concepts(encoders: Sequence[StudyEncoder]) -> list[tuple[StudyEncoder, BasisConcepts]]:
    """Return those encoders that have concepts of directions, with these."""
    known = [(e, e.results.concepts.directions) for e in encoders if e.results.concepts]
    return [(e, counts) for e, counts in known if counts]


def _by_chance(counts: BasisConcepts) -> str:
    """Return what as many random directions encode, with the count's p among sets of these."""
    if counts.random is None:
        return ""
    chance = f"random directions {format_number(counts.random.value)}"
    if counts.random_p is not None:
        chance += f", p = {format_with_error(counts.random_p, counts.random_p_error)}"
    return f" ({chance})"


def _concepts_over_seeds(encoder: StudyEncoder) -> str:
    """Return the counts of all seeds beside those of random directions, if they are known."""
    names = CONCEPTS, "concepts.directions.random"
    own, random = map(encoder.replicas.get, names)
    if own is None or random is None:
        return encoder.over_seeds(CONCEPTS)
    each = ", ".join(format_number(x, 0) for x in own.by_seed.values())
    by_chance = ", ".join(map(format_number, random.by_seed.values()))
    return f", over seeds {each} against {by_chance} of random directions"


def _counted(replicas: Replicated | None) -> str:
    """Return how many seeds a case counts, if not all of them."""
    return f"; {replicas.remaining} {INSIDE}" if replicas and replicas.remaining else ""


def _in_percent(share: Estimate) -> Estimate:
    low, high = share.ends
    return Estimate(100 * share.value, 100 * low, 100 * high)
