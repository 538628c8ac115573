"""Numbers over seeds: the mean of the replicas, with an interval that covers lines and trainings.

The draws of a study's own encoder show how much a number owes to the standard models, the images or
the negatives, which all seeds share: more seeds do not reduce that part. The spread over seeds
shows how much it owes to the training. An interval of the mean has to hold both.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev
from typing import Any

from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.effective_robustness import NATURAL, STYLE, Settings
from interpreting_clip.study.encoder_results import EncoderResults
from page.further_encoders import FurtherEncoder
from page.names import format_estimate, mark
from page.replicas import is_on_a_line
from page.study_results import StudyEncoder

CONFIDENCE = Settings().confidence
"""Of the intervals over seeds."""

CHANCE = ("random", "rotated")
"""Words in the names of chance levels, whose brackets hold random draws and are no interval."""

KINDS = {"natural": NATURAL, "style": STYLE}
"""The shifts of the means over some of them."""


def mean_with_interval(values: Sequence[float], error: float) -> Estimate:
    """Return the mean over seeds with the interval `mean ± t · √(error² + SD² / n)`.

    All seeds share the error of lines and images, so it is not divided by n. Student's t has n - 1
    degrees of freedom, as the spread over seeds is the part that is known least. Without a shared
    error the coverage is the nominal one, with it more. The choice is ours; the paper trains each
    encoder once.

    Parameters
    ----------
    values : one for each seed; a single one has no interval
    error : the standard error that all seeds share
    """
    mean, seeds = fmean(values), len(values)
    if seeds < 2:
        return Estimate(mean)
    from scipy.special import stdtrit  # takes longer to import than the page's other packages

    quantile = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2))
    half = quantile * sqrt(error**2 + stdev(values) ** 2 / seeds)
    return Estimate(mean, mean - half, mean + half)


def over_seeds(encoder: StudyEncoder | FurtherEncoder, name: str) -> Estimate | None:
    """Return the mean of a number over the seeds that count, or the study's own without replicas.

    A further encoder has no draws of its own: the error that its seeds share is taken from the
    encoder that it is compared with. None if no seed counts, or if the number is not known.
    """
    measured = encoder if isinstance(encoder, StudyEncoder) else encoder.other
    replicated = encoder.replicas.get(name)
    if replicated is None:
        return own_number(measured, name) if measured is encoder else None
    values = [*replicated.by_seed.values()]
    if not values:
        return None
    mean = mean_with_interval(values, standard_error(measured.results, name))
    if name.startswith("concepts.") and mean.low is not None:  # a count is not below 0
        return Estimate(mean.value, max(0.0, mean.low), mean.high)
    return mean


def own_number(encoder: StudyEncoder, name: str) -> Estimate | None:
    """Return a number of the study's own training by the path of its field, None without one."""
    value = _field(encoder.results, name)
    return value if isinstance(value, Estimate) or value is None else Estimate(value)


def is_extrapolated(encoder: StudyEncoder | FurtherEncoder, name: str) -> bool:
    """Return whether a number is read from an extrapolated line, as far as it is known.

    Over seeds it is not while two of them count, since the others are left out.
    """
    replicated = encoder.replicas.get(name)
    if replicated is not None:
        return len(replicated.by_seed) < min(2, replicated.seeds)
    if not isinstance(encoder, StudyEncoder):
        return False
    outside = encoder.results.robustness.extrapolated_shifts
    *path, last = name.split(".")
    if "per_shift" in path:
        return last == "robustness" and path[-1] in outside
    return is_on_a_line(name) and any(s in KINDS.get(last, outside) for s in outside)


def standard_error(results: EncoderResults, name: str) -> float:
    """Return the standard error of a number apart from its training.

    It is the standard deviation of the number's draws; of the binomial distribution for an accuracy
    on ImageNet or in the mean of the shifts; otherwise half the interval, in quantiles of the
    normal distribution. A number with none of these has 0.
    """
    robustness, last = results.robustness, name.rpartition(".")[2]
    if name == "robustness.imagenet":
        return _binomial_error(robustness.imagenet, robustness.imagenet_images)
    if name == "robustness.shift_accuracy":
        shifts = [robustness.per_shift[shift] for shift in robustness.compared]
        errors = [_binomial_error(one.accuracy.value, one.images) for one in shifts]
        return sqrt(sum(error**2 for error in errors)) / max(len(errors), 1)
    draws = draws_of(results, name)
    if last in ("robustness", "unique") and len(draws) > 1:
        return stdev(draws)
    value = _field(results, name)
    if not isinstance(value, Estimate) or any(word in last for word in CHANCE):
        return 0.0
    low, high = value.ends
    return (high - low) / 2 / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def draws_of(results: EncoderResults, name: str) -> list[float]:
    """Return the draws of a robustness or of a number of concepts; empty without draws."""
    return [float(x) for x in getattr(_field(results, name.rpartition(".")[0]), "draws", ())]


def format_over_seeds(
    encoder: StudyEncoder | FurtherEncoder,
    name: str,
    digits: int = 1,
    scale: float | int = 1,
    *,
    interval: bool = True,
) -> str:
    """Return a number over seeds, with its interval and a mark if seeds are left out.

    Parameters
    ----------
    scale : the number is shown times this
    interval : whether it is shown with its interval
    """
    number, replicated = over_seeds(encoder, name), encoder.replicas.get(name)
    text = _format(number, digits, scale, interval=interval)
    left_out = replicated is not None and replicated.left_out > 0
    return text + mark(left_out or (number is not None and is_extrapolated(encoder, name)))


def _format(number: Estimate | None, digits: int, scale: float | int, *, interval: bool) -> str:
    """Return a number with its interval, if that has a width and is wanted."""
    if number is None:
        return format_estimate(None)
    shown = scaled(number, scale)
    wide = interval and number.low != number.high
    return format_estimate(shown if wide else Estimate(shown.value), digits)


def scaled(number: Estimate, scale: float | int) -> Estimate:
    """Return a number and its interval in another unit."""
    if number.low is None or number.high is None:
        return Estimate(scale * number.value)
    return Estimate(scale * number.value, scale * number.low, scale * number.high)


def _binomial_error(percent: float, images: int | None) -> float:
    return sqrt(percent * (100 - percent) / images) if images else 0.0


def _field(result: Any, path: str) -> Any:
    """Return a nested field by its path; None where a part of it is lacking."""
    for part in path.split("."):
        result = result.get(part) if isinstance(result, Mapping) else getattr(result, part, None)
    return result
