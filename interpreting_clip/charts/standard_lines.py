"""The line through standard models, as charts of robustness draw it."""

from collections.abc import Iterable

import numpy as np

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.measures.logit_line import LogitLine, expit, logit


def predicted_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent."""
    return 100 * float(line.predict(np.array([imagenet / 100]))[0])


def baseline_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent, as a chart draws it: in `DRAWN_RANGE`."""
    return predicted_accuracy(line, clip_to_axis(imagenet))


def clip_to_axis(percent: float) -> float:
    """Return an accuracy in percent clipped to `DRAWN_RANGE`."""
    low, high = DRAWN_RANGE
    return min(max(percent, low), high)


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
) -> list[dict[str, str | float]]:
    """Return the line over the models that it was fitted to, and over all that it is drawn for."""
    fitted = (100 * line.low, 100 * line.high)
    return [
        {"kind": kind, "label": "baseline", "shift": name, "imagenet": x, "accuracy": y}
        for kind, span in (("line", fitted), ("extrapolated", (*fitted, *imagenet)))
        for x, y in line_ends(line, span)
    ]
