"""Claims about effective robustness: who has more of it, and whether language is the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from interpreting_clip.measures.intervals import Estimate
from page.claim_charts import Dots, dot_row
from page.families import families, label_controls
from page.names import DATASETS, TESTBED_SHIFTS, TRAININGS, format_estimate, format_number, mark
from page.replicas import over_seeds, with_seeds
from page.results import StudyEncoder, measured_shifts
from page.verdicts import Claim, Verdict, judge_order, judged_claim

Names = Mapping[str, str]
"""The names that the study gives to the test sets, by key."""

ROBUSTNESS = "robustness.robustness"
"""The number that claims compare, by the name that its replicas have."""

AXIS = "mean effective robustness (points)"


def robustness_order(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases, rows = [], []
    for f in families(encoders):
        if estimates := _robustness(f.members):
            rows += _robustness_rows(f.members, estimates, f.name)
            values = ", ".join(
                f"{TRAININGS[e.entry.training]} {format_estimate(one)} points"
                f"{over_seeds(e.replicas.get(ROBUSTNESS))} ({_accuracies(e, names)})"
                for e, one in zip(f.members, estimates, strict=True)
            )
            verdict = judge_order(_all_with_seeds(f.members, estimates))
            text = f"{f.name}: {values}"
            cases.append(_unless_extrapolated(f.members, verdict, text, names["imagenet"]))
    return judged_claim(
        "effective_robustness",
        "Zero-shot encoders are more robust than their finetuned versions, and these more than "
        f"supervised encoders (mean effective robustness{mean_over(encoders, names)}).",
        cases,
        Dots(axis=AXIS, rows=rows),
    )


def coverage_of_data(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare encoders that learnt labels with those that learnt captions of the same images."""
    cases, rows = [], []
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    for pair in label_controls(encoders):
        if estimates := _robustness(pair):
            raw = " against ".join(_accuracies(e, names) for e in pair)
            text = f"{_against(pair, estimates)}, {raw}"
            verdict = judge_order(_all_with_seeds(pair, estimates))
            cases.append(_unless_extrapolated(pair, verdict, text, names["imagenet"]))
            rows += _robustness_rows(pair, estimates)
    return judged_claim(
        "effective_robustness",
        "Robustness comes with the coverage of the data and not with language: labels give more of "
        f"it than captions of the same images{over}.",
        cases,
        Dots(axis=AXIS, rows=rows),
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over {', '.join(names[s] for s in shifts)} alone" if shifts else " of no shift"


def _robustness(encoders: Sequence[StudyEncoder]) -> list[Estimate]:
    """Return the mean effective robustness of each encoder; nothing if one has no value."""
    known = [one for e in encoders if (one := e.results.robustness.robustness)]
    return known if len(known) == len(encoders) else []


def _robustness_rows(
    encoders: Sequence[StudyEncoder], estimates: Sequence[Estimate], family: str = ""
) -> list[dict[str, Any]]:
    return [
        dot_row(
            e.entry,
            one,
            with_seeds(e.replicas.get(ROBUSTNESS), one),
            format_estimate(one) + mark(bool(e.results.robustness.extrapolated)),
            group=family,
        )
        for e, one in zip(encoders, estimates, strict=True)
    ]


def _against(pair: tuple[StudyEncoder, StudyEncoder], estimates: Sequence[Estimate]) -> str:
    return " against ".join(
        f"{e.entry.label} {format_estimate(one)} points{over_seeds(e.replicas.get(ROBUSTNESS))}"
        for e, one in zip(pair, estimates, strict=True)
    )


def _all_with_seeds(
    encoders: Sequence[StudyEncoder], estimates: Sequence[Estimate]
) -> list[Estimate]:
    return [
        with_seeds(e.replicas.get(ROBUSTNESS), one)
        for e, one in zip(encoders, estimates, strict=True)
    ]


def _unless_extrapolated(
    encoders: Sequence[StudyEncoder], verdict: Verdict, text: str, name: str
) -> tuple[Verdict, str]:
    """Return a case of a claim, undecided if the line is extrapolated to one of the encoders.

    Effective robustness is a distance to the line; where no standard model has a similar ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    outside = []
    for e in encoders:
        robustness = e.results.robustness
        if shifts := robustness.extrapolated_shifts:
            at = sorted({robustness.per_shift[s].imagenet or 0.0 for s in shifts})
            ends = " to ".join(dict.fromkeys(format_number(x) for x in (at[0], at[-1])))
            outside.append(f"{e.entry.label} ({name} accuracy {ends} %)")
    if not outside:
        return verdict, text
    return "undecided", f"{text}; the line is extrapolated to {' and '.join(outside)}"


def _accuracies(encoder: StudyEncoder, names: Names) -> str:
    """Return the accuracies behind an effective robustness, which is a distance to a line."""
    found = encoder.results.robustness
    imagenet, shifts = map(format_number, (found.imagenet, found.shift_accuracy))
    return f"{names['imagenet']} {imagenet} %, shifts {shifts} %"
