"""What a study shows and what it does not, in words computed from its numbers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from interpreting_clip.measures.nulls import rank_p_value
from page.claim_charts import DotGroup, DotRow, Dots, informative
from page.families import families, label_controls, trained, untrained_null
from page.names import (
    DATASETS,
    TESTBED_SHIFTS,
    TRAININGS,
    format_interval,
    format_number,
    format_percent,
    format_spread,
)
from page.replicas import format_replicas
from page.results import StudyEncoder, measured_shifts
from page.robustness_tables import mark

Verdict = Literal["shown", "not shown", "undecided", "mixed"]

Names = Mapping[str, str]
"""The names that the study gives to the test sets, by key."""

Estimate = tuple[float, float, float]
"""The lower end of an interval, the mean, and the upper end."""

PRUNABLE = 0.8
"""The paper prunes up to this fraction of the directions without harm."""

ROBUSTNESS, KURTOSIS, CONCEPTS = "robustness.robustness", "kurtosis.kurtosis", "concepts.directions"
ROBUSTNESS_AXIS = "mean effective robustness (points)"
PRUNED = "robustness.prunable"
"""The numbers that claims compare, by the names that their replicas have."""

LEVEL = 0.05
"""A value is above a null if its p is at most this; the choice is ours, and with 19 draws or more
it means at or near the top."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, whether the numbers bear it out, the numbers, and the chart that shows them.

    `dots` are the numbers as a small chart beside the claim, None where it would say nothing.
    """

    chart: str
    text: str
    verdict: Verdict
    findings: list[str]
    dots: Dots | None = None
    key: str = ""  # its address on the page


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


def robustness_order(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases, groups = [], []
    for f in families(encoders):
        if estimates := _robustness(f.members):
            rows = _robustness_rows(f.members, estimates)
            groups.append(DotGroup(name=f.name, rows=_called_by_training(f.members, rows)))
            values = ", ".join(
                f"{TRAININGS[e.entry.training]} {format_interval(mean, low, high)} points"
                f"{_over_seeds(e, ROBUSTNESS)} ({_accuracies(e, names)})"
                for e, (low, mean, high) in zip(f.members, estimates, strict=True)
            )
            verdict = judge_order(_with_seeds(f.members, ROBUSTNESS, estimates))
            text = f"{f.name}: {values}"
            cases.append(_unless_extrapolated(f.members, verdict, text, names["imagenet"]))
    return judged_claim(
        "effective_robustness",
        "Zero-shot encoders are more robust than their finetuned versions, and these more than "
        f"supervised encoders (mean effective robustness{mean_over(encoders, names)}).",
        cases,
        Dots(axis=ROBUSTNESS_AXIS, groups=groups),
    )


def coverage_of_data(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare encoders that learnt labels with those that learnt captions of the same images."""
    cases, groups = [], []
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    for pair in label_controls(encoders):
        if estimates := _robustness(pair):
            raw = " against ".join(_accuracies(e, names) for e in pair)
            text = f"{_against(pair, estimates)}, {raw}"
            verdict = judge_order(_with_seeds(pair, ROBUSTNESS, estimates))
            cases.append(_unless_extrapolated(pair, verdict, text, names["imagenet"]))
            groups.append(DotGroup(name="", rows=_robustness_rows(pair, estimates)))
    return judged_claim(
        "effective_robustness",
        "Robustness comes with the coverage of the data and not with language: labels give more of "
        f"it than captions of the same images{over}.",
        cases,
        Dots(axis=ROBUSTNESS_AXIS, groups=groups),
    )


def kurtosis_above_null(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare each zero-shot encoder's kurtosis with those of its backbone's untrained encoders."""
    cases: list[tuple[Verdict, str]] = []
    rows = []
    for e in trained(encoders, "zero_shot"):
        if e.null:
            null, kurtosis = e.null.numbers.kurtosis, e.metrics.kurtosis
            p = rank_p_value(kurtosis.mean, null)
            text = (
                f"{e.entry.label} {format_interval(kurtosis.mean, kurtosis.low, kurtosis.high, 2)}"
                f"{_over_seeds(e, KURTOSIS, 2)} against {format_spread(null, 2)} of {len(null)} "
                f"untrained encoders, p = {format_number(p, 2)}"
            )
            estimate = (kurtosis.low, kurtosis.mean, kurtosis.high)
            ((low, _, high),) = _with_seeds([e], KURTOSIS, [estimate])
            cases.append((judge_against_null(low, high, null), text))
            rows.append(
                DotRow(
                    name=e.entry.label,
                    text=format_interval(kurtosis.mean, kurtosis.low, kurtosis.high, 2),
                    training=e.entry.training,
                    value=kurtosis.mean,
                    low=kurtosis.low,
                    high=kurtosis.high,
                    widest=(low, high),
                    null=(min(null), max(null)),
                )
            )
    return judged_claim(
        "kurtosis",
        "The kurtosis of a zero-shot encoder's activations is above that of untrained encoders of "
        f"its backbone (rank among them, p ≤ {LEVEL:g} at both ends of the interval).",
        cases,
        Dots(
            axis="kurtosis; grey: lowest to highest of the untrained encoders",
            groups=[DotGroup(name="", rows=rows)],
        ),
    )


def outlier_features(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Count the encoders of each kind of training that have an outlier feature.

    Rectified representations are left out: an extreme among mostly zeros means something else.
    """
    linear = [e for e in encoders if e.series.representation == "linear"]
    counts = {
        kind: [e.metrics.kurtosis.outlier_features for e in trained(linear, kind)]
        for kind in TRAININGS
    }
    robust, others = counts["zero_shot"], counts["supervised"]
    if not robust:
        return None
    verdict: Verdict = "not shown"
    if any(robust):
        verdict = "shown" if all(robust) and not any(others) else "mixed"
    rows = [
        DotRow(
            name=e.entry.label,
            text=str(count := e.metrics.kurtosis.outlier_features),
            training=e.entry.training,
            value=count,
            low=count,
            high=count,
        )
        for e in linear
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
        dots=informative(Dots(axis="outlier features", groups=[DotGroup(name="", rows=rows)])),
    )


def prunable_directions(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the prunable fraction of zero-shot encoders with the paper's 80 %.

    Neither accuracy nor robustness may suffer. Without robustness, or if a line is extrapolated at
    a fraction that counts, the case is undecided, unless accuracy alone decides it.
    """
    cases: list[tuple[Verdict, str]] = []
    rows = []
    for e in trained(encoders, "zero_shot"):
        found = e.metrics.directions
        verdict: Verdict = "not shown"
        if found.by_accuracy >= PRUNABLE:
            reaches = found.prunable is not None and found.prunable >= PRUNABLE
            verdict = "shown" if reaches else "not shown"
            if found.prunable is None or found.is_extrapolated(found.prunable):
                verdict = "undecided"
        if replicas := e.replicas.get(PRUNED):
            seen = {value >= PRUNABLE for value in replicas.values}
            verdict = verdict if seen == {verdict == "shown"} else "undecided"
        alone = {"accuracy": found.by_accuracy, "robustness": found.by_robustness}
        parts = ", ".join(f"by {name} alone {format_percent(x)}" for name, x in alone.items())
        random = found.random_heads.prunable
        if found.prunable is not None:
            rows.append(_prunable_row(e, found.prunable))
        chance = (
            f"; random heads {format_percent(random.mean)} "
            f"[{format_percent(random.low)}, {format_percent(random.high)}]"
            if random
            else ""
        )
        cases.append(
            (
                verdict,
                f"{e.entry.label}: {format_percent(found.prunable)} of {found.count} directions "
                f"({parts}{chance})",
            )
        )
    return judged_claim(
        "pruning",
        f"{format_percent(PRUNABLE)} of a zero-shot encoder's least important directions can be "
        f"pruned for less than one point of {names['imagenet']} accuracy and less than one of mean "
        f"effective robustness{mean_over(encoders, names)}.",
        cases,
        Dots(
            axis="prunable directions (%); grey: of random heads",
            groups=[DotGroup(name="", rows=rows)],
            reference=(100 * PRUNABLE, f"paper: {format_percent(PRUNABLE)}"),
        ),
    )


def concept_order(encoders: Sequence[StudyEncoder]) -> Claim | None:
    """Compare the unique concepts of zero-shot encoders with finetuned and supervised ones.

    A finetuned or supervised encoder with another kind of representation is not comparable.
    """
    cases: list[tuple[Verdict, str]] = []
    drawn, groups = False, []
    for f in families(encoders):
        others = [e for e in (f.finetuned, f.supervised) if f.comparable(e)]
        null = untrained_null(f.zero_shot, encoders)
        first, *rest = map(_unique_concepts, (f.zero_shot, *others))
        known = [estimate for estimate in rest if estimate is not None]
        if first is None or not known:
            continue
        drawn = drawn or f.zero_shot.metrics.concepts.unique_directions_low is not None
        counts = ", ".join(
            f"{TRAININGS[e.entry.training]} {format_interval(n, low, high, 0)}"
            f"{_over_seeds(e, CONCEPTS)}{_beside_chance(e)}"
            for e in (f.zero_shot, *others, *([null] if null else []))
            for n, low, high in [_counted(e)]
        )
        compared = [f.zero_shot, *others, *([null] if null else [])]
        groups.append(DotGroup(name=f.name, rows=_concept_rows(compared)))
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
        Dots(axis="unique concepts; grey: of random directions", groups=groups),
    )


def judge_order(estimates: Sequence[Estimate]) -> Verdict:
    """Judge whether estimates descend: shown or not shown only if intervals do not overlap."""
    pairs = list(pairwise(estimates))
    if any(later[0] > earlier[2] for earlier, later in pairs):
        return "not shown"
    return "shown" if all(earlier[0] > later[2] for earlier, later in pairs) else "undecided"


def judge_against_null(low: float, high: float, null: Sequence[float]) -> Verdict:
    """Judge whether a value is above a null by its rank, at both ends of the value's interval.

    Undecided if only one end is, or if the null has too few draws for any p to reach the level.
    """
    if rank_p_value(float("inf"), null) > LEVEL:
        return "undecided"
    above = [rank_p_value(end, null) <= LEVEL for end in (low, high)]
    return "shown" if all(above) else "undecided" if any(above) else "not shown"


def _robustness_rows(
    encoders: Sequence[StudyEncoder], estimates: Sequence[Estimate]
) -> list[DotRow]:
    widened = _with_seeds(encoders, ROBUSTNESS, estimates)
    return [
        DotRow(
            name=e.entry.label,
            text=format_interval(mean, low, high)
            + mark(bool(e.metrics.effective_robustness.extrapolated)),
            training=e.entry.training,
            value=mean,
            low=low,
            high=high,
            widest=(lowest, highest),
        )
        for e, (low, mean, high), (lowest, _, highest) in zip(
            encoders, estimates, widened, strict=True
        )
    ]


def _called_by_training(encoders: Sequence[StudyEncoder], rows: Sequence[DotRow]) -> list[DotRow]:
    return [
        msgspec.structs.replace(row, name=TRAININGS[e.entry.training])
        for e, row in zip(encoders, rows, strict=True)
    ]


def _prunable_row(encoder: StudyEncoder, prunable: float) -> DotRow:
    random, replicas = (
        encoder.metrics.directions.random_heads.prunable,
        encoder.replicas.get(PRUNED),
    )
    ends = (min(replicas.low, prunable), max(replicas.high, prunable)) if replicas else None
    share = 100 * prunable
    return DotRow(
        name=encoder.entry.label,
        text=format_percent(prunable),
        training=encoder.entry.training,
        value=share,
        low=share,
        high=share,
        widest=(100 * ends[0], 100 * ends[1]) if ends else None,
        null=(100 * random.low, 100 * random.high) if random else None,
    )


def _concept_rows(encoders: Sequence[StudyEncoder]) -> list[DotRow]:
    rows = []
    for e in encoders:
        (count, low, high), widest = _counted(e), _unique_concepts(e)
        if count is None or widest is None:
            continue
        chance = e.metrics.concepts.chance_directions
        null = None
        if chance and chance.random_low is not None and chance.random_high is not None:
            null = (float(chance.random_low), float(chance.random_high))
        rows.append(
            DotRow(
                name=TRAININGS[e.entry.training],
                text=format_interval(count, low, high, 0),
                training=e.entry.training,
                value=count,
                low=count if low is None else low,
                high=count if high is None else high,
                widest=(widest[0], widest[2]),
                null=null,
            )
        )
    return rows


def _with_seeds(
    encoders: Sequence[StudyEncoder], number: str, estimates: Sequence[Estimate]
) -> list[Estimate]:
    """Widen intervals to hold the values of all replicas: a claim has to hold beyond both."""
    widened = []
    for e, (low, mean, high) in zip(encoders, estimates, strict=True):
        found = e.replicas.get(number)
        ends = (found.low, found.high) if found else (low, high)
        widened.append((min(low, ends[0]), mean, max(high, ends[1])))
    return widened


def _over_seeds(encoder: StudyEncoder, number: str, digits: int = 1) -> str:
    """Return what stands after an interval in a finding, if the encoder has replicas."""
    said = format_replicas(encoder.replicas.get(number), digits)
    return f",{said} over seeds" if said else ""


def mean_over(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over {', '.join(names[s] for s in shifts)} alone" if shifts else " of no shift"


def mean_shift_accuracy(encoder: StudyEncoder) -> float | None:
    """Return the mean accuracy in percent over the shifts that the mean robustness is over."""
    if encoder.metrics.effective_robustness.not_given:
        return None
    accuracy = encoder.metrics.accuracy
    values = [accuracy[shift] for shift in measured_shifts([encoder])]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _robustness(encoders: Sequence[StudyEncoder]) -> list[Estimate]:
    """Return the mean effective robustness of each encoder; nothing if one has no value."""
    measured = [e.metrics.effective_robustness for e in encoders]
    known = [
        (r.mean_low, r.mean, r.mean_high)
        for r in measured
        if r.mean_low is not None and r.mean is not None and r.mean_high is not None
    ]
    return known if len(known) == len(measured) else []


def _counted(encoder: StudyEncoder) -> tuple[int | None, int | None, int | None]:
    found = encoder.metrics.concepts
    ends = found.unique_directions_low, found.unique_directions_high
    return found.unique_directions, *ends


def _beside_chance(encoder: StudyEncoder) -> str:
    """Return what stands beside a count of unique concepts, in the order that the claim says."""
    chance = encoder.metrics.concepts.chance_directions
    if chance is None:
        return ""
    values = (chance.permuted, chance.random)
    return f" ({', '.join(map(format_number, values))}; {chance.over_all})"


def _unique_concepts(encoder: StudyEncoder) -> Estimate | None:
    """Return the unique concepts of directions, widened by replicas.

    Without draws of negatives the interval is the count itself.
    """
    count, low, high = _counted(encoder)
    if count is None:
        return None
    ends = (count if low is None else low, count, count if high is None else high)
    (widened,) = _with_seeds(
        [encoder], CONCEPTS, [(float(ends[0]), float(ends[1]), float(ends[2]))]
    )
    return widened


def _against(pair: tuple[StudyEncoder, StudyEncoder], estimates: Sequence[Estimate]) -> str:
    return " against ".join(
        f"{e.entry.label} {format_interval(mean, low, high)} points{_over_seeds(e, ROBUSTNESS)}"
        for e, (low, mean, high) in zip(pair, estimates, strict=True)
    )


def _unless_extrapolated(
    encoders: Sequence[StudyEncoder], verdict: Verdict, text: str, name: str
) -> tuple[Verdict, str]:
    """Return a case of a claim, undecided if the line is extrapolated to one of the encoders.

    Effective robustness is a distance to the line; where no standard model has a similar ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    outside = []
    for e in encoders:
        if shifts := e.metrics.effective_robustness.extrapolated:
            at = sorted({e.series.abscissa[s].accuracy for s in shifts})
            ends = " to ".join(dict.fromkeys(format_number(x) for x in (at[0], at[-1])))
            outside.append(f"{e.entry.label} ({name} accuracy {ends} %)")
    if not outside:
        return verdict, text
    return "undecided", f"{text}; the line is extrapolated to {' and '.join(outside)}"


def said_accuracies(
    imagenet: float | None, shifts: float | None, name: str = DATASETS["imagenet"]
) -> str:
    """Return the accuracies behind an effective robustness, which is a distance to a line."""
    return f"{name} {format_number(imagenet)} %, shifts {format_number(shifts)} %"


def _accuracies(encoder: StudyEncoder, names: Names) -> str:
    imagenet = encoder.metrics.accuracy["imagenet"]
    return said_accuracies(imagenet, mean_shift_accuracy(encoder), names["imagenet"])


_SEEN = {"shown": "seen", "not shown": "not seen", "undecided": "undecided", "mixed": "mixed"}


def judged_claim(
    chart: str, text: str, cases: Sequence[tuple[Verdict, str]], dots: Dots | None = None
) -> Claim | None:
    """Return a claim judged by its cases; if these differ, each states its own verdict."""
    if not cases:
        return None
    verdicts: set[Verdict] = {verdict for verdict, _ in cases}
    overall: Verdict = verdicts.pop() if len(verdicts) == 1 else "mixed"
    findings = [
        f"{finding} ({_SEEN[verdict]})" if overall == "mixed" else finding
        for verdict, finding in cases
    ]
    return Claim(
        chart=chart,
        text=text,
        verdict=overall,
        findings=findings,
        dots=informative(dots) if dots else None,
    )
