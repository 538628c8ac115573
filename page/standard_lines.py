"""The baseline line through standard models, as tables and charts draw it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from interpreting_clip.measures.logit_line import LogitLine, expit, logit
from page.names import TESTBED_SHIFTS, format_number

DRAWN_RANGE = (0.1, 99.9)
"""The range of a logit axis in percent: accuracies of 0 and 100 % have no logit."""


def baseline_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent, as a chart draws it: in `DRAWN_RANGE`."""
    return predicted_accuracy(line, clip_to_axis(imagenet))


def predicted_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent."""
    return 100 * float(line.predict(np.array([imagenet / 100]))[0])


def clip_to_axis(percent: float) -> float:
    """Return an accuracy in percent clipped to `DRAWN_RANGE`."""
    low, high = DRAWN_RANGE
    return min(max(percent, low), high)


def line_spans(
    lines: Mapping[str, LogitLine], names: Mapping[str, str] = MappingProxyType(TESTBED_SHIFTS)
) -> str:
    """Say which ImageNet accuracies the lines' models span, by shift only if these differ.

    Parameters
    ----------
    lines
        The line of each shift.
    names
        The names of the shifts.
    """
    shifts: dict[str, list[str]] = {}
    for shift, line in lines.items():
        span = f"{format_number(100 * line.low)} to {format_number(100 * line.high)} %"
        shifts.setdefault(span, []).append(names[shift])
    if len(shifts) == 1:
        return next(iter(shifts))
    return ", ".join(f"{span} ({', '.join(names)})" for span, names in shifts.items())


def line_ends(line: LogitLine, imagenet: Iterable[float]) -> list[tuple[float, float]]:
    """Return both ends of the line as drawn over ImageNet accuracies in percent.

    A steep line leaves the range of the shift's axis before it has crossed ImageNet's; it is cut
    there, at an end of `DRAWN_RANGE`. Empty without accuracies, or if all of it lies outside.
    """
    drawn = [clip_to_axis(percent) for percent in imagenet]
    if not drawn:
        return []
    low, high = min(drawn), max(drawn)
    if line.slope:
        leaves = expit((logit(np.array(DRAWN_RANGE) / 100) - line.intercept) / line.slope)
        low, high = max(low, 100 * float(leaves.min())), min(high, 100 * float(leaves.max()))
    return [(x, baseline_accuracy(line, x)) for x in (low, high)] if low <= high else []


def standard_line_rows(
    name: str, line: LogitLine, imagenet: Iterable[float]
) -> list[dict[str, Any]]:
    """Return the line over the models that it was fitted to, and over all that it is drawn for."""
    fitted = (100 * line.low, 100 * line.high)
    return [
        {"kind": kind, "label": "baseline", "shift": name, "imagenet": x, "accuracy": y}
        for kind, span in (("line", fitted), ("extrapolated", (*fitted, *imagenet)))
        for x, y in line_ends(line, span)
    ]
