"""What a study shows and what it does not, in words computed from its numbers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from stages.reporting.main_table import controls, families, trained
from stages.reporting.names import (
    TRAININGS,
    mean_over,
    measured_shifts,
    percent,
    shown,
    with_interval,
)
from stages.reporting.representations import alike
from stages.reporting.results import Encoder, Published
from stages.reporting.tables import untrained

Verdict = Literal["shown", "not shown", "undecided", "mixed"]

Estimate = tuple[float, float, float]
"""A mean between the ends of its interval: low, mean, high."""


def ordered(estimates: Sequence[Estimate]) -> Verdict:
    """Judge whether estimates descend: shown or not shown only where intervals stand apart."""
    pairs = list(pairwise(estimates))
    if any(later[0] > earlier[2] for earlier, later in pairs):
        return "not shown"
    return "shown" if all(earlier[0] > later[2] for earlier, later in pairs) else "undecided"


def complete(estimates: Sequence[tuple[float | None, ...]]) -> list[Estimate]:
    """Return the estimates where each has all its numbers, else none of them."""
    whole = [
        (a, b, c) for a, b, c in estimates if a is not None and b is not None and c is not None
    ]
    return whole if len(whole) == len(estimates) else []


def listed(members: Sequence[Encoder], values: Sequence[Estimate]) -> str:
    """Return encoders' estimates by their kinds of training."""
    return ", ".join(
        f"{TRAININGS[e.series.training]} {with_interval(mean, low, high)}"
        for e, (low, mean, high) in zip(members, values, strict=True)
    )


def versus(one: Encoder, other: Encoder, values: Sequence[Estimate], digits: int = 1) -> str:
    """Return the estimates of two encoders by their labels."""
    left, right = (with_interval(mean, low, high, digits) for low, mean, high in values)
    return f"{one.series.label} {left} against {other.series.label} {right}"


def extrapolated(encoders: Sequence[Encoder]) -> str:
    """Say for which of the encoders the line is extrapolated, or return nothing.

    Effective robustness is a distance to the line; where no standard model has a like ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    if not encoders:
        return ""
    models = [model["imagenet"] for model in encoders[0].series.robustness.models]
    known = [float(accuracy) for accuracy in models if accuracy is not None]
    outside = [e for e in encoders if not within(e.metrics.accuracy.imagenet, known)]
    if not outside:
        return ""
    names = (f"{e.series.label} ({shown(e.metrics.accuracy.imagenet)} %)" for e in outside)
    span = f"span {shown(min(known))} to {shown(max(known))} %" if known else "are unknown"
    return f"the line is extrapolated to {' and '.join(names)}, its standard models {span}"


def within(value: float | None, known: Sequence[float]) -> bool:
    """Say whether a value lies between the least and the largest of the known ones."""
    return value is not None and bool(known) and min(known) <= value <= max(known)


PRUNABLE = 0.8
"""The paper prunes up to this fraction of the directions without harm."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, whether the numbers bear it out, the numbers, and the chart that shows them."""

    chart: str
    claim: str
    verdict: Verdict
    findings: list[str]


def statements(encoders: Sequence[Encoder], published: Published) -> list[Statement]:
    """Return every statement that the study's encoders allow; none is made without numbers."""
    made = (
        robustness_order(encoders),
        coverage_of_data(encoders),
        kurtosis_above_null(encoders),
        outlier_features(encoders),
        prunable(encoders),
        concept_order(encoders),
        published_robustness(published),
    )
    return [statement for statement in made if statement is not None]


def robustness_order(encoders: Sequence[Encoder]) -> Statement | None:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases = []
    for f in families(encoders):
        members = (f.zero_shot, f.finetuned, f.supervised)
        if values := complete([_robustness(e) for e in members]):
            text = f"{f.name}: {listed(members, values)} points"
            cases.append(_unless_extrapolated(members, ordered(values), text))
    return _statement(
        "effective_robustness",
        "Zero-shot encoders are more robust than their finetuned versions, and these more than "
        f"supervised encoders (mean effective robustness{mean_over(encoders)}).",
        cases,
    )


def coverage_of_data(encoders: Sequence[Encoder]) -> Statement | None:
    """Compare encoders that learnt labels with those that learnt captions of the same images."""
    cases = []
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders)) else ""
    for control, z in controls(encoders):
        if values := complete([_robustness(control), _robustness(z)]):
            raw = " against ".join(_shift_accuracy(e) for e in (control, z))
            text = f"{versus(control, z, values)} points, mean accuracy on the shifts {raw} %"
            cases.append(_unless_extrapolated((control, z), ordered(values), text))
    return _statement(
        "effective_robustness",
        "Robustness comes with the coverage of the data and not with language: labels give more of "
        f"it than captions of the same images{over}.",
        cases,
    )


def kurtosis_above_null(encoders: Sequence[Encoder]) -> Statement | None:
    """Compare each zero-shot encoder's kurtosis with the untrained encoder of its backbone."""
    cases = []
    for e in trained(encoders, "zero_shot"):
        null = untrained(e, encoders)
        if null and (values := complete([_kurtosis(e), _kurtosis(null)])):
            cases.append((ordered(values), versus(e, null, values, digits=2)))
    return _statement(
        "kurtosis",
        "The kurtosis of a zero-shot encoder's activations is above that of an untrained encoder.",
        cases,
    )


def outlier_features(encoders: Sequence[Encoder]) -> Statement | None:
    """Count the encoders of each kind of training that have an outlier feature.

    Rectified representations are left out: what is extreme among mostly zeros means another thing.
    """
    linear = [e for e in encoders if e.series.representation == "linear"]
    counts = {
        kind: [
            n
            for e in trained(linear, kind)
            if (n := e.metrics.kurtosis.outlier_features) is not None
        ]
        for kind in TRAININGS
    }
    robust, others = counts["zero_shot"], counts["supervised"]
    if not robust:
        return None
    if not any(robust):
        verdict: Verdict = "not shown"
    else:
        verdict = "shown" if all(robust) and not any(others) else "mixed"
    return Statement(
        chart="kurtosis",
        claim="Zero-shot encoders have outlier features and supervised encoders have none"
        f"{'.' if len(linear) == len(encoders) else ' (linear representations alone).'}",
        verdict=verdict,
        findings=[
            f"{TRAININGS[kind]}: {sum(map(bool, found))} of {len(found)} encoders have outlier "
            f"features, {sum(found)} in all"
            for kind, found in counts.items()
            if found
        ],
    )


def prunable(encoders: Sequence[Encoder]) -> Statement | None:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %."""
    cases: list[tuple[Verdict, str]] = [
        (
            "shown" if p >= PRUNABLE else "not shown",
            f"{e.series.label}: {percent(p)} of {e.metrics.directions.count} directions",
        )
        for e in trained(encoders, "zero_shot")
        if (p := e.metrics.directions.prunable) is not None
    ]
    return _statement(
        "pruning",
        f"{percent(PRUNABLE)} of a zero-shot encoder's least important directions can be pruned "
        "for less than one point of ImageNet accuracy.",
        cases,
    )


def concept_order(encoders: Sequence[Encoder]) -> Statement | None:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder of another kind of representation does not compare.
    """
    cases: list[tuple[Verdict, str]] = []
    for f in families(encoders):
        null = untrained(f.zero_shot, encoders)
        others = [e for e in (f.finetuned, f.supervised) if alike(e, f.zero_shot)]
        members = [f.zero_shot, *others, *([null] if null else [])]
        counts = [e.metrics.concepts.unique_directions for e in members]
        first, rest = counts[0], [n for n in counts[1 : 1 + len(others)] if n is not None]
        if first is None or not rest:
            continue
        more = "undecided" if first == max(rest) else "shown" if first > max(rest) else "not shown"
        cases.append((more, f"{f.name}: {_counted(members, counts)} concepts"))
    return _statement(
        "concepts",
        "Zero-shot encoders encode more unique concepts than finetuned and supervised encoders "
        "(directions; counts without an interval).",
        cases,
    )


def published_robustness(published: Published) -> Statement | None:
    """Count the published CLIP models whose mean effective robustness is surely above zero."""
    known = {k: (e.low, e.mean, e.high) for k, e in published.encoders.items()}
    whole = {k: v for k, v in known.items() if None not in v}
    if not whole:
        return None
    above = sum(1 for low, _, _ in whole.values() if low is not None and low > 0)
    lowest = min(whole, key=lambda k: whole[k][1] or 0.0)
    highest = max(whole, key=lambda k: whole[k][1] or 0.0)
    return Statement(
        chart="published",
        claim="Published zero-shot CLIP models are effectively robust on the real datasets.",
        verdict="shown" if above == len(whole) else "mixed" if above else "not shown",
        findings=[
            f"{above} of {len(whole)} models have a mean effective robustness whose interval is "
            "above zero",
            *(f"{k}: {shown(whole[k][1])} points" for k in dict.fromkeys((lowest, highest))),
        ],
    )


_SEEN = {"shown": "seen", "not shown": "not seen", "undecided": "undecided", "mixed": "mixed"}


def _statement(chart: str, claim: str, cases: Sequence[tuple[Verdict, str]]) -> Statement | None:
    if not cases:
        return None
    verdicts: set[Verdict] = {verdict for verdict, _ in cases}
    overall: Verdict = verdicts.pop() if len(verdicts) == 1 else "mixed"
    findings = [
        f"{text} ({_SEEN[verdict]})" if overall == "mixed" else text for verdict, text in cases
    ]
    return Statement(chart=chart, claim=claim, verdict=overall, findings=findings)


def _robustness(encoder: Encoder) -> tuple[float | None, ...]:
    found = encoder.metrics.effective_robustness
    return (found.mean_low, found.mean, found.mean_high)


def _kurtosis(encoder: Encoder) -> tuple[float | None, ...]:
    found = encoder.metrics.kurtosis
    return (found.low, found.mean, found.high)


def _unless_extrapolated(
    members: Sequence[Encoder], verdict: Verdict, text: str
) -> tuple[Verdict, str]:
    beyond = extrapolated(members)
    return ("undecided", f"{text}; {beyond}") if beyond else (verdict, text)


def _shift_accuracy(encoder: Encoder) -> str:
    values = [getattr(encoder.metrics.accuracy, shift) for shift in measured_shifts([encoder])]
    known = [v for v in values if v is not None]
    return shown(sum(known) / len(known)) if len(known) == len(values) else "–"


def _counted(members: Sequence[Encoder], counts: Sequence[int | None]) -> str:
    pairs = zip(members, counts, strict=True)
    return ", ".join(f"{TRAININGS[e.series.training]} {'–' if n is None else n}" for e, n in pairs)
