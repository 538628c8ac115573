"""Differences between two encoders, on what their numbers have in common.

The intervals of two encoders say little about their order. They were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either of them. The choice is ours; the paper has no intervals.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.effective_robustness import Settings
from interpreting_clip.statistics.intervals import percentile_interval
from page.names import TRAININGS, format_number
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
"""The numbers that claims compare, by the names that their replicas have."""


def robustness_difference(first: StudyEncoder, second: StudyEncoder, family: str = "") -> Case:
    """Subtract the mean effective robustness of two encoders that both have one.

    Draw by draw on common resampled lines and weights of the images.
    """
    results = [e.results.robustness for e in (first, second)]
    values = [one.robustness.value for one in results if one.robustness]
    draws = np.subtract(results[0].draws, results[1].draws)
    difference = percentile_interval(float(values[0] - values[1]), draws, Settings().confidence)
    outside = any(one.extrapolated_shifts for one in results)
    case = _difference(first, second, difference, ROBUSTNESS, family, digits=1)
    return msgspec.structs.replace(case, extrapolated=outside)


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str) -> Case:
    """Subtract the unique concepts of two encoders' directions, which both have.

    The interval holds the smallest and the largest difference over the draws of the negatives. By
    chance is the same difference of random directions in the two spaces.
    """
    results = [e.results.concepts for e in (first, second)]
    one, other = (x.directions for x in results if x and x.directions)
    estimate = Estimate(one.unique.value - other.unique.value)
    if len(one.draws) > 1:
        draws = np.subtract(one.draws, other.draws).tolist()
        estimate = Estimate(estimate.value, min(draws), max(draws))
    chance = ""
    if one.random and other.random:
        chance = f"random directions {format_number(one.random.value - other.random.value)}"
    case = _difference(first, second, estimate, CONCEPTS, family, digits=0)
    return msgspec.structs.replace(case, chance=chance)


def seed_difference(first: ReplicatedEncoder, second: ReplicatedEncoder) -> Case:
    """Subtract the robustness of two encoders seed by seed, where one has only replicas."""
    found = difference_over_seeds(first, second, ROBUSTNESS)
    number = Estimate(found.mean) if found and found.mean is not None else None
    return Case(
        group=_pair(first, second),
        name="seed by seed",
        training=first.entry.training,
        number=number,
        widest=over_replicas(number, found) if number else None,
        seeds=seed_text(found),
        verdict=judge_pairs([*found.by_seed.values()] if found else []),
    )


def judged(differences: Sequence[Case]) -> list[Case]:
    """Return the differences of a family, with the verdict that they give together.

    Undecided if a line is extrapolated to one of the encoders: effective robustness is a distance
    to the line; where no standard model has a similar ImageNet accuracy, the line is a guess, and
    the logit's curve leaves little room near 100 %.
    """
    verdict = judge_differences([one.widest for one in differences if one.widest])
    if any(one.extrapolated for one in differences):
        verdict = "undecided"
    return [msgspec.structs.replace(one, verdict=verdict) for one in differences]


def seed_text(found: Replicated | None, digits: int = 1) -> str:
    """Return the spread over seeds and their range, in words; empty without replicas."""
    if found is None or not found.by_seed:
        return found.without if found else ""
    ends = [format_number(end(found.by_seed.values()), digits) for end in (min, max)]
    return f"{' to '.join(ends)};{format_replicas(found, max(digits, 1))}".strip(";")


def _difference(
    first: StudyEncoder,
    second: StudyEncoder,
    estimate: Estimate,
    name: str,
    family: str,
    *,
    digits: int,
) -> Case:
    """Return a difference as a case: in the family's group, or in one of its own."""
    found = difference_over_seeds(first, second, name)
    trainings = " minus ".join(TRAININGS[e.entry.training] for e in (first, second))
    return Case(
        group=family or _pair(first, second),
        name=trainings if family else "difference",
        training=first.entry.training,
        number=estimate,
        digits=digits,
        widest=over_replicas(estimate, found),
        seeds=seed_text(found, digits),
    )


def _pair(first: ReplicatedEncoder, second: ReplicatedEncoder) -> str:
    return f"{first.entry.label} minus {second.entry.label}"
