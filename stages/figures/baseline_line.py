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


def ends(imagenet: Iterable[float]) -> tuple[float, ...]:
    """Return the lowest and the highest drawn ImageNet accuracy in percent, or nothing of none."""
    drawn = [drawable(percent) for percent in imagenet]
    return (min(drawn), max(drawn)) if drawn else ()
