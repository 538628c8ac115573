"""Paired differences between two encoders.

The intervals of two encoders say little about their order. Both were compared with the same lines,
on the same images and with the same negatives, so their numbers rise and fall together, and the
difference is known better than either number. The choice is ours; the paper has no intervals.
"""

from collections.abc import Sequence
from functools import partial
from statistics import stdev

import msgspec
import numpy as np

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.statistics.intervals import deviation_interval, percentile_interval
from page.further_encoders import FurtherEncoder
from page.names import TRAININGS, mark
from page.replicas import Replicated, ReplicatedEncoder, difference_over_seeds
from page.seed_means import (
    CONFIDENCE,
    is_extrapolated,
    mean_with_interval,
    own_number,
    standard_error,
)
from page.standing import ROBUSTNESS, Line
from page.study_results import StudyEncoder
from page.verdicts import Case, Claim, judge_differences, overall, supported

CONCEPTS = "concepts.directions.unique"
"""The number of concepts that claims compare, by its name in the table of replicas."""


def robustness_difference(
    first: StudyEncoder, second: StudyEncoder, family: str = "", line: Line = "curved"
) -> Case | None:
    """Subtract the mean effective robustness of two encoders; None if one of them has none.

    Over seeds it is the mean of the seeds' differences. The subtraction of the draws is on common
    resampled lines and weights of the images.
    """
    name, pair = ROBUSTNESS[line], (first, second)
    values = [own_number(e, name) for e in pair]
    if values[0] is None or values[1] is None:
        return None
    draws = np.subtract(*(_robustness_draws(e.results.robustness, line) for e in pair))
    own = percentile_interval(float(values[0].value - values[1].value), draws, CONFIDENCE)
    case = _difference(first, second, name, own, _deviation(draws), family=family)
    return msgspec.structs.replace(case, extrapolated=any(is_extrapolated(e, name) for e in pair))


def concept_difference(first: StudyEncoder, second: StudyEncoder, family: str = "") -> Case:
    """Subtract the counts of unique concepts of two encoders' directions.

    Without replicas the interval is the difference ± t · SD over common draws of the negatives and
    images. `chance` is the same difference for random directions in the two spaces.
    """
    results = [e.results.concepts for e in (first, second)]
    left, right = (result.directions for result in results if result and result.directions)
    draws = np.subtract(left.draws, right.draws)
    own = deviation_interval(left.unique.value - right.unique.value, draws, CONFIDENCE)
    case = _difference(first, second, CONCEPTS, own, _deviation(draws), family=family)
    chance = ""
    if left.random and right.random:
        chance = format_number(left.random.value - right.random.value)
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
    cases: list[Case],
    what: str,
    *,
    key: str,
    text: str,
    chart: str,
    axis: str,
    unit: str,
    note: str = "",
) -> Claim:
    """Return a claim that is judged by differences.

    The reason counts the groups of cases, in words `what`, in which all intervals lie above zero,
    and has the difference that lies lowest.
    """
    reason = f"Holds in {supported(cases, what)}"
    known = [(case.number.ends[0], case.text) for case in cases if case.verdict and case.number]
    if known:
        lowest = "; lowest difference" if len(known) > 1 else ""
        reason += f"{lowest}: {min(known)[1]} {unit}"
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


robustness_claim = partial(
    difference_claim,
    chart="effective_robustness",
    axis="difference of mean effective robustness (points)",
    unit="points",
)
concept_claim = partial(
    difference_claim,
    chart="concepts",
    axis="difference of unique concepts of directions; by chance: of random directions",
    unit="concepts",
)


def seed_text(replicated: Replicated | None, digits: int = 1, scale: float | int = 1) -> str:
    """Return the spread over seeds, marked if some do not count; empty without replicas."""
    if replicated is None:
        return ""
    deviation = replicated.deviation
    text = "" if deviation is None else f"± {format_number(scale * deviation, digits)}"
    return text + mark(replicated.left_out > 0)


def _robustness_draws(robustness: EffectiveRobustness, line: Line) -> Sequence[float]:
    if line == "curved":
        return robustness.curved.draws if robustness.curved else []
    return robustness.draws


def _deviation(draws: np.ndarray) -> float:
    return stdev(draws.tolist()) if len(draws) > 1 else 0.0


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
        training=first.entry.training,
        number=own,
        seeds=seed_text(replicated),
    )
