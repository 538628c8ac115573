"""The names that the page gives to the keys of results, number formats, and addresses."""

from collections.abc import Collection, Mapping, Sequence
from statistics import mean, stdev
from types import MappingProxyType

from interpreting_clip.config.shifts import SHIFT_NAMES
from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.statistics.logit_line import LogitLine

TESTBED_SHIFTS = SHIFT_NAMES
"""The testbed's natural distribution shifts, in the order in which they are shown."""

DATASETS = {"imagenet": "ImageNet", **TESTBED_SHIFTS}
"""The test sets of every study: ImageNet's and the testbed's shifts."""


def set_names(synthetic: Collection[str]) -> dict[str, str]:
    """Return `DATASETS` with the names that the study gives them: synthetic ones are called so."""
    return {
        key: f"synthetic {name}" if key in synthetic else name for key, name in DATASETS.items()
    }


TRAININGS = {
    "zero_shot": "zero-shot",
    "finetuned": "finetuned",
    "supervised": "supervised",
    "probed": "linear probe",
    "untrained": "untrained",
}
"""How an encoder got its head."""

REPRESENTATIONS = {"linear": "linear representations", "rectified": "rectified representations"}
"""Kinds of representation, in the order in which they are shown: rectified is a ReLU's output."""


def format_interval(
    value: float | int | None,
    low: float | int | None,
    high: float | int | None,
    digits: int = 1,
) -> str:
    """Return a number followed by its interval in brackets, if it has one."""
    if value is None or low is None or high is None:
        return format_number(value, digits)
    ends = f"{format_number(low, digits)}, {format_number(high, digits)}"
    return f"{format_number(value, digits)} [{ends}]"


def format_estimate(estimate: Estimate | None, digits: int = 1) -> str:
    """Return a number with its interval in brackets, if it has one; a dash without an estimate."""
    if estimate is None:
        return format_number(None)
    return format_interval(estimate.value, estimate.low, estimate.high, digits)


def format_spread(values: Sequence[float | int | None], digits: int = 1) -> str:
    """Return the mean of values ± their standard deviation; a dash if one is missing.

    A single value has no standard deviation.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return format_number(None)
    middle = format_number(mean(known), digits)
    return middle if len(known) == 1 else f"{middle} ± {format_number(stdev(known), digits)}"


def format_percent(fraction: float | None) -> str:
    """Return a fraction, 0 to 1, in whole percent."""
    return "–" if fraction is None else f"{format_number(100 * fraction, 0)} %"


def mark(extrapolated: bool) -> str:
    """Return the mark of a number that was read from an extrapolated line, or nothing."""
    return "‡" if extrapolated else ""


def line_spans(
    lines: Mapping[str, LogitLine], names: Mapping[str, str] = MappingProxyType(TESTBED_SHIFTS)
) -> str:
    """Return the range of ImageNet accuracies of the lines' models, by shift if these differ."""
    shifts: dict[str, list[str]] = {}
    for shift, line in lines.items():
        span = f"{format_number(100 * line.low)} to {format_number(100 * line.high)} %"
        shifts.setdefault(span, []).append(names[shift])
    if len(shifts) == 1:
        return next(iter(shifts))
    return ", ".join(f"{span} ({', '.join(names)})" for span, names in shifts.items())
