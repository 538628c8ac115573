"""Paired differences between two encoders.

The intervals of two encoders say little about their order. Both were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either number. The choice is ours; the paper has no intervals.
"""

from collections.abc import Callable, Sequence
from statistics import stdev

import msgspec
import numpy as np

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.statistics.intervals import deviation_interval, percentile_interval
from page.further_encoders import FurtherEncoder
from page.names import TRAININGS, mark
from page.replicas import Replicated, ReplicatedEncoder, difference_over_seeds
from page.seed_means import (
    CONFIDENCE,
    draws_of,
    is_extrapolated,
    mean_with_interval,
    own_number,
    standard_error,
)
from page.standing import ROBUSTNESS, Line
from page.study_results import StudyEncoder
from page.verdicts import Case, Claim, judge_differences, overall, supported

CONCEPTS = "concepts.directions.unique"
RANDOM = "concepts.directions.random"
"""The numbers of concepts that claims compare, by their names in the table of replicas."""

COMPARED = {
    "concepts": (
        "concepts",
        "difference of unique concepts of directions; by chance: of random directions",
    ),
    "points": ("effective_robustness", "difference of mean effective robustness (points)"),
}
"""The figure of what is compared, and the caption of differences, by their unit."""


def robustness_difference(
    first: StudyEncoder, second: StudyEncoder, family: str = "", line: Line = "curved"
) -> Case | None:
    """Subtract the mean effective robustness of two encoders; None if one of them has none.

    Over seeds it is the mean of the seeds' differences. The subtraction of the draws is on common
    resampled lines and weights of the images.
    """
    name = ROBUSTNESS[line]
    case = _paired(first, second, name, percentile_interval, family)
    outside = any(is_extrapolated(e, name) for e in (first, second))
    return case and msgspec.structs.replace(case, extrapolated=outside)


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str = "") -> Case | None:
    """Subtract the counts of unique concepts of two encoders' directions; None if one has none.

    Without replicas the interval is the difference ± t · SD over common draws of the negatives and
    images. `chance` is the same difference for random directions in the two spaces.
    """
    case = _paired(first, second, CONCEPTS, deviation_interval, family)
    by_chance = [own_number(e, RANDOM) for e in (first, second)]
    if case is None or by_chance[0] is None or by_chance[1] is None:
        return case
    chance = format_number(by_chance[0].value - by_chance[1].value)
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
    name = ROBUSTNESS[line]
    if any(name not in e.replicas for e in (first, second)):
        return None
    measured = next(e for e in (first, second) if isinstance(e, StudyEncoder))
    return _difference(first, second, name, None, standard_error(measured.results, name))


def judged(differences: Sequence[Case | None]) -> list[Case]:
    """Return the differences of a family, with the verdict that they give together.

    None are returned if one is not known. None of them is judged if a line is extrapolated to one
    of the encoders: effective robustness is a distance to the line; where no standard model has a
    similar ImageNet accuracy, the line is a guess, and the logit's curve leaves little room near
    100 %.
    """
    cases = [case for case in differences if case]
    if len(cases) < len(differences):
        return []
    known = [case.number for case in cases if case.number and not case.extrapolated]
    verdict = judge_differences(known) if len(known) == len(cases) else None
    return [msgspec.structs.replace(case, verdict=verdict) for case in cases]


def difference_claim(
    cases: list[Case], unit: str, what: str, *, key: str, text: str, note: str = ""
) -> Claim:
    """Return a claim that is judged by differences in a unit.

    The reason counts the groups of cases, in words `what`, in which all intervals lie above zero,
    and has the difference that lies lowest.
    """
    reason = f"Holds in {supported(cases, what)}"
    known = [(case.number.ends[0], case.text) for case in cases if case.verdict and case.number]
    if known:
        lowest = "lowest " if len(known) > 1 else ""
        reason += f"; {lowest}difference: {min(known)[1]} {unit}"
    chart, axis = COMPARED[unit]
    return Claim(
        key=key,
        chart=chart,
        text=text,
        verdict=overall(cases),
        reason=f"{reason}.",
        note=note,
        cases=cases,
        axis=axis,
    )


def seed_text(replicated: Replicated | None, digits: int = 1, scale: float | int = 1) -> str:
    """Return the spread over seeds, marked if some do not count; empty without replicas."""
    if replicated is None:
        return ""
    deviation = replicated.deviation
    text = "" if deviation is None else f"± {format_number(scale * deviation, digits)}"
    return text + mark(replicated.left_out > 0)


def _paired(
    first: StudyEncoder,
    second: StudyEncoder,
    name: str,
    interval: Callable[[float, np.ndarray, float], Estimate],
    family: str,
) -> Case | None:
    """Subtract a number of two encoders, and their common draws; None if one of them has none."""
    values = [own_number(e, name) for e in (first, second)]
    if values[0] is None or values[1] is None:
        return None
    draws = np.subtract(draws_of(first.results, name), draws_of(second.results, name))
    own = interval(float(values[0].value - values[1].value), draws, CONFIDENCE)
    error = stdev(draws.tolist()) if len(draws) > 1 else 0.0
    return _difference(first, second, name, own, error, family=family)


def _difference(
    first: ReplicatedEncoder,
    second: ReplicatedEncoder,
    name: str,
    own: Estimate | None,
    error: float,
    *,
    family: str = "",
) -> Case:
    """Return a difference as a case of its family, or of no group: over seeds, or else its `own`.

    `error` is the standard error that all seeds share.
    """
    replicated = difference_over_seeds(first, second, name)
    if replicated is not None:
        values = [*replicated.by_seed.values()]
        own = mean_with_interval(values, error) if values else None
    words = (TRAININGS[e.entry.training] if family else e.entry.label for e in (first, second))
    return Case(
        group=family,
        name=" minus ".join(words),
        number=own,
        seeds=seed_text(replicated),
    )
