"""Claims about effective robustness: who has more of it, and whether language is the reason."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from interpreting_clip.measures.intervals import Estimate
from page.claim_charts import dot_row
from page.differences import NO_DIFFERENCE, ROBUSTNESS, Difference, robustness_difference
from page.families import families, label_controls
from page.names import (
    DATASETS,
    TESTBED_SHIFTS,
    TRAININGS,
    format_estimate,
    format_number,
    format_spread,
)
from page.replicas import FurtherEncoder, ReplicatedEncoder, seed_differences, spread_in_words
from page.results import StudyEncoder, measured_shifts
from page.verdicts import Case, Claim, drawn_claim, judge_differences, judge_pairs

Names = Mapping[str, str]
"""The names that the study gives to the test sets, by key."""

SeedPairs = Sequence[tuple[ReplicatedEncoder, ReplicatedEncoder]]
"""Encoders of the study of replicas, the first of which a claim says to be the more robust."""

AXIS = "difference of mean effective robustness (points)"

OVER_SEEDS = "; replicas: mean ± SD and range over seeds"


def robustness_order(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> Claim | None:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases = []
    for f in families(encoders):
        if _have_robustness(f.members):
            differences = [robustness_difference(*pair, f.name) for pair in pairwise(f.members)]
            values = ", ".join(
                f"{TRAININGS[e.entry.training]} {_points(e, names)}" for e in f.members
            )
            cases.append(_case(f"{f.name}: {values}", differences))
    return drawn_claim(
        "effective_robustness",
        "Zero-shot encoders are more robust than their finetuned versions, and these more than "
        f"supervised encoders (mean effective robustness{mean_over(encoders, names)}; by the "
        "differences on common lines and images).",
        cases,
        AXIS,
        NO_DIFFERENCE,
    )


def coverage_of_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim | None:
    """Compare encoders that learnt labels with those that learnt captions of the same images.

    Those of the study have intervals; those of the study of replicas are compared seed by seed.
    """
    cases = []
    for pair in label_controls(encoders):
        if _have_robustness(pair):
            values = " against ".join(f"{e.entry.label} {_points(e, names)}" for e in pair)
            cases.append(_case(values, [robustness_difference(*pair)]))
    pairs = [(e, e.other) for e in further if e.entry.training == "supervised"]
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    return drawn_claim(
        "effective_robustness",
        "Robustness comes from what the data cover, not from language: labels give more of it than "
        f"captions of the same images{over}.",
        cases + _seed_cases(pairs, names),
        f"{AXIS}{OVER_SEEDS * bool(pairs)}",
        NO_DIFFERENCE,
    )


def narrower_data(
    encoders: Sequence[StudyEncoder],
    names: Names = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> Claim | None:
    """Compare an encoder with that of narrower captioned images in the study of replicas."""
    pairs = [(e.other, e) for e in further if e.entry.training == "zero_shot"]
    return drawn_claim(
        "effective_robustness",
        "Captions alone do not give robustness: captions of narrower images give less of it (mean "
        f"effective robustness{mean_over(encoders, names)}).",
        _seed_cases(pairs, names),
        f"{AXIS}{OVER_SEEDS}",
        NO_DIFFERENCE,
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Names = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over {', '.join(names[s] for s in shifts)} alone" if shifts else " of no shift"


def _have_robustness(encoders: Sequence[StudyEncoder]) -> bool:
    return all(e.results.robustness.robustness for e in encoders)


def _points(encoder: StudyEncoder, names: Names) -> str:
    """Return an effective robustness, which is a distance to a line, and the accuracies behind."""
    found = encoder.results.robustness
    imagenet, shifts = map(format_number, (found.imagenet, found.shift_accuracy))
    return (
        f"{format_estimate(found.robustness)} points ({names['imagenet']} {imagenet} %, "
        f"shifts {shifts} %)"
    )


def _case(values: str, differences: Sequence[Difference]) -> Case:
    """Return a case of a claim, undecided if the line is extrapolated to one of the encoders.

    Effective robustness is a distance to the line; where no standard model has a similar ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    text = f"{values}; {'; '.join(one.text for one in differences)}"
    verdict = judge_differences([one.widest for one in differences])
    compared = {e.key: e for one in differences for e in (one.first, one.second)}.values()
    if outside := [e.entry.label for e in compared if e.results.robustness.extrapolated_shifts]:
        verdict, text = "undecided", f"{text}; the line is extrapolated to {' and '.join(outside)}"
    return Case(verdict, text, [one.row for one in differences])


def _seed_cases(pairs: SeedPairs, names: Names) -> list[Case]:
    """Return a case for each pair, judged by the seeds with which both count."""
    cases = []
    for first, second in pairs:
        if ROBUSTNESS in first.replicas and ROBUSTNESS in second.replicas:
            differences = seed_differences(first, second, ROBUSTNESS)
            spread, rows = format_spread(differences), []
            by_seed = "no seed counts for both"
            if differences:
                by_seed = f"seed by seed {spread} points, n = {len(differences)}"
                mean = Estimate(fmean(differences))
                ends = Estimate(mean.value, min(differences), max(differences))
                group = f"{first.entry.label} minus {second.entry.label}"
                training = first.entry.training
                rows = [dot_row("difference", training, mean, spread, widest=ends, group=group)]
            text = " against ".join(_over_seeds(e, names) for e in (first, second))
            text += f"; {by_seed} (from the study of replicas, without an interval over images)"
            cases.append(Case(judge_pairs(differences), text, rows))
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
