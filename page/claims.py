"""What a study shows and what it does not, in words computed from its numbers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from interpreting_clip.measures.concept_counts import BasisConcepts
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.nulls import rank_p_value
from page.claim_charts import Dots, dot_row, informative
from page.families import families, trained, untrained_null
from page.names import (
    DATASETS,
    TRAININGS,
    format_estimate,
    format_number,
    format_percent,
    format_percents,
    format_spread,
)
from page.replicas import over_seeds, with_seeds
from page.results import StudyEncoder
from page.robustness_claims import Names, coverage_of_data, mean_over, robustness_order
from page.verdicts import LEVEL, Claim, Verdict, judge_against_null, judge_order, judged_claim

PRUNABLE = 0.8
"""The paper prunes up to this fraction of the directions without harm."""

KURTOSIS, CONCEPTS, PRUNED = "kurtosis.kurtosis", "concepts.directions.unique", "prunable.prunable"
"""The numbers that claims compare, by the names that their replicas have."""


def study_claims(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> list[Claim]:
    """Return every claim that the study has the encoders and the numbers to judge."""
    claims = {
        "robustness-order": robustness_order(encoders, names),
        "coverage": coverage_of_data(encoders, names),
        "kurtosis": kurtosis_above_null(encoders),
        "outlier-features": outlier_features(encoders),
        "prunable": prunable_directions(encoders, names),
        "concept-order": concept_order(encoders),
    }
    return [msgspec.structs.replace(claim, key=key) for key, claim in claims.items() if claim]


def kurtosis_above_null(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare each zero-shot encoder's kurtosis with those of its backbone's untrained encoders."""
    cases: list[tuple[Verdict, str]] = []
    rows = []
    for e in trained(encoders, "zero_shot"):
        if e.null:
            null, kurtosis = e.null.numbers["kurtosis"], e.results.kurtosis.kurtosis
            p = rank_p_value(kurtosis.value, null)
            text = (
                f"{e.entry.label} {format_estimate(kurtosis, 2)}"
                f"{over_seeds(e.replicas.get(KURTOSIS), 2)} against {format_spread(null, 2)} "
                f"of {len(null)} untrained encoders, p = {format_number(p, 2)}"
            )
            widest = with_seeds(e.replicas.get(KURTOSIS), kurtosis)
            cases.append((judge_against_null(*widest.ends, null), text))
            value = format_estimate(kurtosis, 2)
            rows.append(dot_row(e.entry, kurtosis, widest, value, null=(min(null), max(null))))
    return judged_claim(
        "kurtosis",
        "The kurtosis of a zero-shot encoder's activations is above that of untrained encoders of "
        f"its backbone (rank among them, p ≤ {LEVEL:g} at both ends of the interval).",
        cases,
        Dots(axis="kurtosis; grey: lowest to highest of the untrained encoders", rows=rows),
    )


def outlier_features(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Count the encoders of each kind of training that have an outlier feature.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    linear = [e for e in encoders if e.representation == "linear"]
    counts = {
        kind: [e.results.kurtosis.outliers.outlier_features for e in trained(linear, kind)]
        for kind in TRAININGS
    }
    robust, others = counts["zero_shot"], counts["supervised"]
    if not robust:
        return None
    verdict: Verdict = "not shown"
    if any(robust):
        verdict = "shown" if all(robust) and not any(others) else "mixed"
    rows = [
        dot_row(e.entry, Estimate(count), None, str(count))
        for e in linear
        for count in [e.results.kurtosis.outliers.outlier_features]
    ]
    return Claim(
        chart="kurtosis",
        text="Zero-shot encoders have outlier features and supervised encoders have none"
        f"{'.' if len(linear) == len(encoders) else ' (linear representations alone).'}",
        verdict=verdict,
        findings=[f"none of the {len(linear)} encoders has an outlier feature"]
        if not any(map(any, counts.values()))
        else [
            f"{TRAININGS[kind]}: {sum(map(bool, found))} of {len(found)} encoders have outlier "
            f"features, {sum(found)} in all"
            for kind, found in counts.items()
            if found
        ],
        dots=informative(Dots(axis="outlier features", rows=rows)),
    )


def prunable_directions(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %.

    Neither accuracy nor robustness may suffer. Without robustness, or if a line is extrapolated at
    a fraction that counts, the case is undecided, unless accuracy alone decides it.
    """
    cases: list[tuple[Verdict, str]] = []
    rows = []
    for e in trained(encoders, "zero_shot"):
        found = e.results.prunable
        verdict: Verdict = "not shown"
        if found.by_accuracy >= PRUNABLE:
            reaches = found.prunable is not None and found.prunable >= PRUNABLE
            verdict = "shown" if reaches else "not shown"
            if found.prunable is None or found.is_extrapolated(found.prunable):
                verdict = "undecided"
        if replicas := e.replicas.get(PRUNED):
            seen = {replicas.low >= PRUNABLE, replicas.high >= PRUNABLE}
            verdict = verdict if seen == {verdict == "shown"} else "undecided"
        alone = {"accuracy": found.by_accuracy, "robustness": found.by_robustness}
        parts = ", ".join(f"by {name} alone {format_percent(x)}" for name, x in alone.items())
        if found.prunable is not None:
            rows.append(_prunable_row(e, found.prunable))
        chance = f"; random heads {format_percents(found.chance)}" if found.chance else ""
        text = (
            f"{e.entry.label}: {format_percent(found.prunable)} of "
            f"{e.results.directions.directions} directions ({parts}{chance})"
        )
        cases.append((verdict, text))
    return judged_claim(
        "pruning",
        f"{format_percent(PRUNABLE)} of a zero-shot encoder's least important directions can be "
        f"pruned for less than one point of {names['imagenet']} accuracy and less than one of mean "
        f"effective robustness{mean_over(encoders, names)}.",
        cases,
        Dots(
            axis="prunable directions (%); grey: of random heads",
            rows=rows,
            reference=(100 * PRUNABLE, f"paper: {format_percent(PRUNABLE)}"),
        ),
    )


def concept_order(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder with another kind of representation is not comparable.
    """
    cases: list[tuple[Verdict, str]] = []
    drawn, rows = False, []
    for f in families(encoders):
        others = [e for e in (f.finetuned, f.supervised) if f.comparable(e)]
        null = untrained_null(f.zero_shot, encoders)
        first, *rest = map(_unique_concepts, (f.zero_shot, *others))
        known = [estimate for estimate in rest if estimate is not None]
        if first is None or not known:
            continue
        compared = [f.zero_shot, *others, *([null] if null else [])]
        found = [(e, e.results.concepts and e.results.concepts.directions) for e in compared]
        drawn = drawn or any(one and one.unique.low is not None for _, one in found[:1])
        counts = ", ".join(
            f"{TRAININGS[e.entry.training]} {format_estimate(one and one.unique, 0)}"
            f"{over_seeds(e.replicas.get(CONCEPTS))}{_beside_chance(one)}"
            for e, one in found
        )
        rows += [_concept_row(e, one, f.name) for e, one in found if one]
        verdicts = {judge_order((first, estimate)) for estimate in known}
        verdict: Verdict = "shown" if verdicts == {"shown"} else "undecided"
        cases.append(
            ("not shown" if "not shown" in verdicts else verdict, f"{f.name}: {counts} concepts")
        )
    over = "intervals over draws of the negatives" if drawn else "counts without an interval"
    return judged_claim(
        "concepts",
        "Zero-shot encoders encode more unique concepts than finetuned and supervised encoders "
        f"(directions; {over}; in parentheses with images permuted, of as many random directions, "
        "and against all images).",
        cases,
        Dots(axis="unique concepts; grey: of random directions", rows=rows),
    )


def _prunable_row(encoder: StudyEncoder, prunable: float) -> dict[str, Any]:
    widest = with_seeds(encoder.replicas.get(PRUNED), Estimate(prunable))
    chance = encoder.results.prunable.chance
    return dot_row(
        encoder.entry,
        _in_percent(Estimate(prunable)),
        _in_percent(widest),
        format_percent(prunable),
        null=_in_percent(chance).ends if chance else None,
    )


def _in_percent(share: Estimate) -> Estimate:
    low, high = share.ends
    return Estimate(100 * share.value, 100 * low, 100 * high)


def _concept_row(encoder: StudyEncoder, counts: BasisConcepts, family: str) -> dict[str, Any]:
    return dot_row(
        encoder.entry,
        counts.unique,
        with_seeds(encoder.replicas.get(CONCEPTS), counts.unique),
        format_estimate(counts.unique, 0),
        null=counts.random.ends if counts.random else None,
        group=family,
    )


def _beside_chance(counts: BasisConcepts | None) -> str:
    """Return what stands beside a count of unique concepts, in the order that the claim says."""
    if counts is None:
        return ""
    nulls = ", ".join(format_number(one and one.value) for one in (counts.permuted, counts.random))
    return f" ({nulls}; {counts.over_all})"


def _unique_concepts(encoder: StudyEncoder) -> Estimate | None:
    """Return the unique concepts of directions, widened by replicas."""
    concepts = encoder.results.concepts
    if concepts is None or concepts.directions is None:
        return None
    return with_seeds(encoder.replicas.get(CONCEPTS), concepts.directions.unique)
