"""The line through standard models, and the table of them that a chart of robustness draws."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.config.shifts import SHIFT_NAMES, on_classes
from interpreting_clip.formats.published_accuracies import (
    fractions_above_chance,
    published_lines,
    standard_models,
)
from interpreting_clip.measures.logit_line import LogitLine, expit, logit

TOLERANCE = 0.01
"""In points: accuracies are rounded to ten-thousandths of a percent."""


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


def standard_table(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return the published standard models, and their line, on each shift of some encoders.

    Parameters
    ----------
    encoders : their `imagenet`, `accuracy` and `effective_robustness` by the name of the `shift`

    Raises
    ------
    ValueError
        They were compared with other standard models, or with two ImageNet accuracies.
    """
    models, parts = standard_models(), []
    for shift, name in SHIFT_NAMES.items():
        own = encoders[encoders["shift"] == name]
        if len(own):
            start, line = _line_of(shift, own)
            points = models[["name", start]].set_axis(["label", "imagenet"], axis="columns")
            points = points.assign(accuracy=100 * fractions_above_chance(models, shift)).dropna()
            parts += [
                points.assign(kind="standard", shift=name),
                pd.DataFrame(standard_line_rows(name, line, own["imagenet"])),
            ]
    return pd.concat(parts)


def _line_of(shift: str, encoders: pd.DataFrame) -> tuple[str, LogitLine]:
    """Return the line that encoders were compared with, and the ImageNet accuracy it starts from.

    That is over all classes, or over the shift's alone.
    """
    for start in ("imagenet", on_classes(shift)):
        line = published_lines({shift: start}, resamples=1)[0][shift]
        on_line = 100 * line.predict(encoders["imagenet"].to_numpy(float) / 100)
        above = encoders["accuracy"] - on_line
        if (above - encoders["effective_robustness"]).abs().max() < TOLERANCE:
            return start, line
    raise ValueError(
        f"{shift}: expected results that were compared with the published standard models, all "
        "from accuracy on the same classes of ImageNet; draw these apart from others, or on the "
        "page of their study"
    )
