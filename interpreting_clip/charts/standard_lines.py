"""The line through standard models, as charts of robustness draw it."""

from collections.abc import Iterable

import numpy as np

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.statistics.logit_line import LogitLine, expit, logit


def baseline_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent, as a chart draws it: in `DRAWN_RANGE`."""
    return 100 * float(line.predict(np.clip([imagenet], *DRAWN_RANGE) / 100)[0])


def standard_line_rows(
    name: str, line: LogitLine, imagenet: Iterable[float]
) -> list[dict[str, str | float]]:
    """Return the line over the models that it was fitted to, and over all drawn models.

    A steep line leaves the range of the shift's axis before it has crossed ImageNet's; it is cut
    there, at an end of `DRAWN_RANGE`.
    """
    fitted = (100 * line.low, 100 * line.high)
    rows = []
    for kind, span in (("line", fitted), ("extrapolated", (*fitted, *imagenet))):
        low, high = np.clip([min(span), max(span)], *DRAWN_RANGE).tolist()
        if line.slope:
            leaves = expit((logit(np.array(DRAWN_RANGE) / 100) - line.intercept) / line.slope)
            low, high = max(low, 100 * float(leaves.min())), min(high, 100 * float(leaves.max()))
        for x in (low, high) if low <= high else ():
            row = {"kind": kind, "label": "baseline", "shift": name}
            rows.append(row | {"imagenet": x, "accuracy": baseline_accuracy(line, x)})
    return rows
