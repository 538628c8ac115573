"""Whether an encoder is robust: more than one more standard model would be."""

from typing import Literal

from interpreting_clip.formats.result import Estimate
from page.seed_means import is_extrapolated, over_seeds
from page.study_results import StudyEncoder

Line = Literal["curved", "straight"]

ROBUSTNESS: dict[Line, str] = {
    "curved": "robustness.curved.robustness",
    "straight": "robustness.robustness",
}
"""The mean effective robustness by the kind of its lines."""

LIMITS: dict[Line, str] = {
    "curved": "robustness.curved.limit",
    "straight": "robustness.spread.limit",
}
"""The limit for one more standard model: at the encoder's accuracy, or the same everywhere."""

Standing = Literal["robust", "not robust", "undecided"]


def standing(encoder: StudyEncoder, line: Line = "curved") -> Standing | None:
    """Return whether the interval of an encoder's effective robustness lies above the limit.

    Both are means over seeds where there are replicas. An interval that holds the limit decides
    nothing. None if a line is extrapolated to the encoder, or without an interval or a limit.
    """
    robustness, limit = over_seeds(encoder, ROBUSTNESS[line]), over_seeds(encoder, LIMITS[line])
    outside = is_extrapolated(encoder, ROBUSTNESS[line])
    if outside or limit is None or robustness is None or robustness.low is None:
        return None
    return judge_against_limit(robustness, limit.value)


def judge_against_limit(robustness: Estimate, limit: float | int) -> Standing:
    """Return on which side of a limit an interval lies."""
    low, high = robustness.ends
    return "robust" if low > limit else "not robust" if high <= limit else "undecided"
