"""Claims about effective robustness: who has more of it, and whether language is the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from interpreting_clip.measures.intervals import Estimate
from page.claim_charts import Dots, dot_row
from page.families import families, label_controls
from page.names import (
    DATASETS,
    TESTBED_SHIFTS,
    TRAININGS,
    format_estimate,
    format_number,
    format_spread,
    mark,
)
from page.replicas import FurtherEncoder, ReplicatedEncoder, seed_differences, spread_in_words
from page.results import StudyEncoder, measured_shifts
from page.verdicts import Claim, Verdict, judge_order, judge_pairs, judged_claim

Names = Mapping[str, str]
"""The names that the study gives to the test sets, by key."""

ROBUSTNESS = "robustness.robustness"
"""The number that claims compare, by the name that its replicas have."""

Compared = list[tuple[StudyEncoder, Estimate]]
"""Encoders with their mean effective robustness."""

SeedPairs = Sequence[tuple[ReplicatedEncoder, ReplicatedEncoder]]
"""Encoders of the study of replicas, the first of which a claim says to be the more robust."""

AXIS = "mean effective robustness (points)"

FROM_REPLICAS = "from the study of replicas, without an interval over images"

OVER_SEEDS = "; from the study of replicas: mean and range over seeds"


def robustness_order(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases, rows = [], []
    for f in families(encoders):
        if compared := _with_robustness(f.members):
            values = ", ".join(
                f"{TRAININGS[e.entry.training]} {_points(e, one)} ({_accuracies(e, names)})"
                for e, one in compared
            )
            cases.append(_case(compared, f"{f.name}: {values}", names))
            rows += _dot_rows(compared, f.name)
    return judged_claim(
        "effective_robustness",
        "Zero-shot encoders are more robust than their finetuned versions, and these more than "
        f"supervised encoders (mean effective robustness{mean_over(encoders, names)}).",
        cases,
        Dots(axis=AXIS, rows=rows),
    )


def coverage_of_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim | None:
    """Compare encoders that learnt labels with those that learnt captions of the same images.

    Those of the study have intervals; those of the study of replicas are compared seed by seed.
    """
    cases, rows = [], []
    for pair in label_controls(encoders):
        if compared := _with_robustness(pair):
            values = " against ".join(f"{e.entry.label} {_points(e, one)}" for e, one in compared)
            accuracies = " against ".join(_accuracies(e, names) for e in pair)
            cases.append(_case(compared, f"{values}, {accuracies}", names))
            rows += _dot_rows(compared)
    pairs = [(e, e.other) for e in further if e.entry.training == "supervised"]
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    return judged_claim(
        "effective_robustness",
        "Robustness comes with the coverage of the data and not with language: labels give more of "
        f"it than captions of the same images{over}.",
        cases + _seed_cases(pairs, names),
        Dots(axis=f"{AXIS}{OVER_SEEDS * bool(pairs)}", rows=rows + _seed_rows(pairs)),
    )


def narrower_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim | None:
    """Compare an encoder with that of narrower captioned images in the study of replicas."""
    pairs = [(e.other, e) for e in further if e.entry.training == "zero_shot"]
    return judged_claim(
        "effective_robustness",
        "Captions alone do not give robustness: those of narrower images give less of it (mean "
        f"effective robustness{mean_over(encoders, names)}).",
        _seed_cases(pairs, names),
        Dots(axis=f"{AXIS}{OVER_SEEDS}", rows=_seed_rows(pairs)),
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over {', '.join(names[s] for s in shifts)} alone" if shifts else " of no shift"


def _with_robustness(encoders: Sequence[StudyEncoder]) -> Compared:
    """Return encoders with their mean effective robustness; nothing if one has no value."""
    known = [(e, one) for e in encoders if (one := e.results.robustness.robustness)]
    return known if len(known) == len(encoders) else []


def _points(encoder: StudyEncoder, robustness: Estimate) -> str:
    return f"{format_estimate(robustness)} points{encoder.over_seeds(ROBUSTNESS)}"


def _accuracies(encoder: StudyEncoder, names: Names) -> str:
    """Return the accuracies behind an effective robustness, which is a distance to a line."""
    found = encoder.results.robustness
    imagenet, shifts = map(format_number, (found.imagenet, found.shift_accuracy))
    return f"{names['imagenet']} {imagenet} %, shifts {shifts} %"


def _dot_rows(compared: Compared, family: str = "") -> list[dict[str, Any]]:
    return [
        dot_row(
            e.entry,
            one,
            e.with_seeds(ROBUSTNESS, one),
            format_estimate(one) + mark(bool(e.results.robustness.extrapolated)),
            group=family,
        )
        for e, one in compared
    ]


def _case(compared: Compared, text: str, names: Names) -> tuple[Verdict, str]:
    """Return a case of a claim, undecided if the line is extrapolated to one of the encoders.

    Effective robustness is a distance to the line; where no standard model has a similar ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    outside = []
    for e, _ in compared:
        robustness = e.results.robustness
        if shifts := robustness.extrapolated_shifts:
            at = sorted({robustness.per_shift[s].imagenet or 0.0 for s in shifts})
            ends = " to ".join(dict.fromkeys(format_number(x) for x in (at[0], at[-1])))
            outside.append(f"{e.entry.label} ({names['imagenet']} accuracy {ends} %)")
    if outside:
        return "undecided", f"{text}; the line is extrapolated to {' and '.join(outside)}"
    return judge_order([e.with_seeds(ROBUSTNESS, one) for e, one in compared]), text


def _seed_cases(pairs: SeedPairs, names: Names) -> list[tuple[Verdict, str]]:
    """Return a case for each pair, judged by the seeds with which both count."""
    cases: list[tuple[Verdict, str]] = []
    for pair in pairs:
        if all(ROBUSTNESS in e.replicas for e in pair):
            differences = seed_differences(*pair, ROBUSTNESS)
            text = " against ".join(_over_seeds(e, names) for e in pair)
            spread = f"seed by seed {format_spread(differences)} points, n = {len(differences)}"
            text += f"; {spread if differences else 'no seed counts for both'} ({FROM_REPLICAS})"
            cases.append((judge_pairs(differences), text))
    return cases


def _over_seeds(encoder: ReplicatedEncoder, names: Names) -> str:
    """Return the mean robustness over seeds with the accuracies behind it, of all seeds."""
    found = encoder.replicas[ROBUSTNESS]
    points = f" {format_number(found.mean)} points" if found.by_seed else ""
    imagenet, shifts = (
        format_number(encoder.replicas[name].mean) if name in encoder.replicas else "–"
        for name in ("robustness.imagenet", "robustness.shift_accuracy")
    )
    return (
        f"{encoder.entry.label}{points}{spread_in_words(found)} ({names['imagenet']} {imagenet} %, "
        f"shifts {shifts} %)"
    )


def _seed_rows(pairs: SeedPairs) -> list[dict[str, Any]]:
    rows = []
    for e in (e for pair in pairs for e in pair):
        found = e.replicas.get(ROBUSTNESS)
        if found and found.mean is not None:
            values = list(found.by_seed.values())
            ends = Estimate(found.mean, min(values), max(values))
            text = f"{format_spread(values)}{mark(bool(found.left_out))}"
            rows.append(dot_row(e.entry, Estimate(found.mean), ends, text))
    return rows
