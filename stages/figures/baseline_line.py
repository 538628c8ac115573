"""Points of a baseline line, in percent, for drawing."""

import math
from collections.abc import Iterable


def on_line(slope: float, intercept: float, imagenet: float) -> float:
    """Return the accuracy in percent that the line gives at an ImageNet accuracy in percent.

    `100 · expit(slope · logit(imagenet / 100) + intercept)` (Taori et al. 2020, section 3). An
    accuracy of 0 or 100 % has no logit and is taken as 0.1 or 99.9 %, where charts draw it too.
    """
    share = drawable(imagenet) / 100
    return 100 / (1 + math.exp(-(slope * math.log(share / (1 - share)) + intercept)))


def drawable(percent: float) -> float:
    """Return an accuracy in percent moved into the drawn range, 0.1 to 99.9."""
    return min(max(percent, 0.1), 99.9)


def segment(slope: float, intercept: float, imagenet: Iterable[float]) -> list[tuple[float, float]]:
    """Return both ends of the drawn line over ImageNet accuracies in percent, or nothing of none.

    A steep line leaves the drawn range of the shift's axis before it has crossed ImageNet's; it is
    cut there, at 0.1 and 99.9 %.
    """
    drawn = [drawable(percent) for percent in imagenet]
    if not drawn:
        return []
    edges = [on_line(1 / slope, -intercept / slope, y) for y in (0.1, 99.9)] if slope else drawn
    low, high = max(min(drawn), min(edges)), min(max(drawn), max(edges))
    return [(x, on_line(slope, intercept, x)) for x in (low, high)] if low <= high else []
