"""Paired differences between two encoders.

The intervals of two encoders say little about their order. Both were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either number. The choice is ours; the paper has no intervals.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.effective_robustness import Settings
from interpreting_clip.statistics.intervals import percentile_interval
from page.names import TRAININGS
from page.replicas import (
    Replicated,
    ReplicatedEncoder,
    difference_over_seeds,
    format_replicas,
    over_replicas,
)
from page.study_results import StudyEncoder
from page.verdicts import Case, judge_differences, judge_pairs

ROBUSTNESS, CONCEPTS = "robustness.robustness", "concepts.directions.unique"
"""Numbers that claims compare, by their names in the table of replicas."""


def robustness_difference(first: StudyEncoder, second: StudyEncoder, family: str = "") -> Case:
    """Subtract the mean effective robustness of two encoders that both have it.

    The subtraction is draw by draw, on common resampled lines and weights of the images.
    """
    results = [e.results.robustness for e in (first, second)]
    values = [result.robustness.value for result in results if result.robustness]
    draws = np.subtract(results[0].draws, results[1].draws)
    difference = percentile_interval(float(values[0] - values[1]), draws, Settings().confidence)
    outside = any(result.extrapolated_shifts for result in results)
    case = _difference(first, second, difference, ROBUSTNESS, family, digits=1)
    return msgspec.structs.replace(case, extrapolated=outside)


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str) -> Case:
    """Subtract the counts of unique concepts of two encoders' directions.

    The interval holds the smallest and the largest difference over the draws of the negatives.
    `chance` is the same difference for random directions in the two spaces.
    """
    results = [e.results.concepts for e in (first, second)]
    left, right = (result.directions for result in results if result and result.directions)
    estimate = Estimate(left.unique.value - right.unique.value)
    if len(left.draws) > 1:
        draws = np.subtract(left.draws, right.draws).tolist()
        estimate = Estimate(estimate.value, min(draws), max(draws))
    chance = ""
    if left.random and right.random:
        chance = f"random directions {format_number(left.random.value - right.random.value)}"
    case = _difference(first, second, estimate, CONCEPTS, family, digits=0)
    return msgspec.structs.replace(case, chance=chance)


def seed_difference(first: ReplicatedEncoder, second: ReplicatedEncoder) -> Case:
    """Subtract the robustness of two encoders seed by seed, if one of them only has replicas."""
    replicated = difference_over_seeds(first, second, ROBUSTNESS)
    number = Estimate(replicated.mean) if replicated and replicated.mean is not None else None
    return Case(
        group=_pair(first, second),
        name="seed by seed",
        training=first.entry.training,
        number=number,
        widest=over_replicas(number, replicated) if number else None,
        seeds=seed_text(replicated),
        verdict=judge_pairs([*replicated.by_seed.values()] if replicated else []),
    )


def judged(differences: Sequence[Case]) -> list[Case]:
    """Return the differences of a family, with the verdict that they give together.

    Undecided if a line is extrapolated to one of the encoders: effective robustness is a distance
    to the line; where no standard model has a similar ImageNet accuracy, the line is a guess, and
    the logit's curve leaves little room near 100 %.
    """
    verdict = judge_differences([case.widest for case in differences if case.widest])
    if any(case.extrapolated for case in differences):
        verdict = "undecided"
    return [msgspec.structs.replace(case, verdict=verdict) for case in differences]


def seed_text(replicated: Replicated | None, digits: int = 1) -> str:
    """Return the spread over seeds and their range, in words; empty without replicas."""
    if replicated is None or not replicated.by_seed:
        return replicated.without if replicated else ""
    ends = [format_number(end(replicated.by_seed.values()), digits) for end in (min, max)]
    return f"{' to '.join(ends)};{format_replicas(replicated, max(digits, 1))}".strip(";")


def _difference(
    first: StudyEncoder,
    second: StudyEncoder,
    estimate: Estimate,
    name: str,
    family: str,
    *,
    digits: int,
) -> Case:
    """Return a difference as a case: in the family's group, or in its own."""
    replicated = difference_over_seeds(first, second, name)
    trainings = " minus ".join(TRAININGS[e.entry.training] for e in (first, second))
    return Case(
        group=family or _pair(first, second),
        name=trainings if family else "difference",
        training=first.entry.training,
        number=estimate,
        digits=digits,
        widest=over_replicas(estimate, replicated),
        seeds=seed_text(replicated, digits),
    )


def _pair(first: ReplicatedEncoder, second: ReplicatedEncoder) -> str:
    return f"{first.entry.label} minus {second.entry.label}"
