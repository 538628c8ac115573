"""Paired differences between two encoders.

The intervals of two encoders say little about their order. Both were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either number. The choice is ours; the paper has no intervals.
"""

from collections.abc import Sequence
from statistics import stdev

import msgspec
import numpy as np

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.statistics.intervals import deviation_interval, percentile_interval
from page.further_encoders import FurtherEncoder
from page.names import TRAININGS
from page.replicas import Replicated, ReplicatedEncoder, difference_over_seeds, format_replicas
from page.seed_means import (
    CONFIDENCE,
    is_extrapolated,
    mean_with_interval,
    own_number,
    standard_error,
)
from page.standing import ROBUSTNESS, Line
from page.study_results import StudyEncoder
from page.verdicts import Case, judge_differences

CONCEPTS = "concepts.directions.unique"
"""The number of concepts that claims compare, by its name in the table of replicas."""


def robustness_difference(
    first: StudyEncoder, second: StudyEncoder, family: str = "", line: Line = "curved"
) -> Case | None:
    """Subtract the mean effective robustness of two encoders; None if one of them has none.

    Over seeds it is the mean of the seeds' differences. The subtraction of the draws is on common
    resampled lines and weights of the images.
    """
    values = [own_number(e, ROBUSTNESS[line]) for e in (first, second)]
    if values[0] is None or values[1] is None:
        return None
    minuend, subtrahend = (_robustness_draws(e.results.robustness, line) for e in (first, second))
    draws = np.subtract(minuend, subtrahend)
    own = percentile_interval(float(values[0].value - values[1].value), draws, CONFIDENCE)
    replicated = difference_over_seeds(first, second, ROBUSTNESS[line])
    case = _difference(first, second, own, replicated, draws, family=family, digits=1)
    outside = any(is_extrapolated(e, ROBUSTNESS[line]) for e in (first, second))
    return msgspec.structs.replace(case, extrapolated=outside)


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str = "") -> Case:
    """Subtract the counts of unique concepts of two encoders' directions.

    Without replicas the interval is the difference ± t · SD over common draws of the negatives and
    images. `chance` is the same difference for random directions in the two spaces.
    """
    results = [e.results.concepts for e in (first, second)]
    left, right = (result.directions for result in results if result and result.directions)
    draws = np.subtract(left.draws, right.draws)
    own = deviation_interval(left.unique.value - right.unique.value, draws, CONFIDENCE)
    replicated = difference_over_seeds(first, second, CONCEPTS)
    case = _difference(first, second, own, replicated, draws, family=family, digits=1)
    chance = ""
    if left.random and right.random:
        chance = f"random directions {format_number(left.random.value - right.random.value)}"
    return msgspec.structs.replace(case, chance=chance)


def seed_difference(
    first: StudyEncoder | FurtherEncoder,
    second: StudyEncoder | FurtherEncoder,
    line: Line = "curved",
) -> Case | None:
    """Subtract the robustness of two encoders, one of which only has replicas.

    The draws of a further encoder's lines are not known. Errors that both share cancel in part, so
    the error of the encoder that it is compared with stands for that of the difference. It is the
    larger of the two while both encoders have the same error and these correlate at 0.5 or more.
    """
    replicated = difference_over_seeds(first, second, ROBUSTNESS[line])
    if replicated is None:
        return None
    measured = next(e for e in (first, second) if isinstance(e, StudyEncoder))
    error = standard_error(measured.results, ROBUSTNESS[line])
    values = [*replicated.by_seed.values()]
    return Case(
        group=_pair(first, second),
        name="difference",
        training=first.entry.training,
        number=mean_with_interval(values, error) if values else None,
        seeds=seed_text(replicated),
    )


def judged(differences: Sequence[Case]) -> list[Case]:
    """Return the differences of a family, with the verdict that they give together.

    None of them is judged if a line is extrapolated to one of the encoders: effective robustness is
    a distance to the line; where no standard model has a similar ImageNet accuracy, the line is a
    guess, and the logit's curve leaves little room near 100 %.
    """
    known = [case.number for case in differences if case.number]
    verdict = judge_differences(known) if len(known) == len(differences) else None
    if any(case.extrapolated for case in differences):
        verdict = None
    return [msgspec.structs.replace(case, verdict=verdict) for case in differences]


def seed_text(replicated: Replicated | None, digits: int = 1) -> str:
    """Return the range over seeds and their spread, in words; empty without replicas."""
    if replicated is None or not replicated.by_seed:
        return replicated.without if replicated else ""
    ends = [format_number(end(replicated.by_seed.values()), digits) for end in (min, max)]
    return f"{' to '.join(ends)};{format_replicas(replicated, max(digits, 1))}".strip(";")


def _robustness_draws(robustness: EffectiveRobustness, line: Line) -> Sequence[float]:
    if line == "curved":
        return robustness.curved.draws if robustness.curved else []
    return robustness.draws


def _difference(
    first: StudyEncoder,
    second: StudyEncoder,
    own: Estimate,
    replicated: Replicated | None,
    draws: np.ndarray,
    *,
    family: str,
    digits: int,
) -> Case:
    """Return a difference as a case: in the family's group, or in its own."""
    number: Estimate | None = own
    if replicated is not None:
        values = [*replicated.by_seed.values()]
        error = stdev(draws.tolist()) if len(draws) > 1 else 0.0
        number = mean_with_interval(values, error) if values else None
    trainings = " minus ".join(TRAININGS[e.entry.training] for e in (first, second))
    return Case(
        group=family or _pair(first, second),
        name=trainings if family else "difference",
        training=first.entry.training,
        number=number,
        digits=digits,
        seeds=seed_text(replicated, digits),
    )


def _pair(first: ReplicatedEncoder, second: ReplicatedEncoder) -> str:
    return f"{first.entry.label} minus {second.entry.label}"
