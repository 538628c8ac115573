"""The rows of accuracy on a shift against accuracy on ImageNet: `plots/effective_robustness.csv`.

Besides the study's encoders, they are the standard models and the baseline line through them.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.measures.logit_line import LogitLine, expit, logit
from page.names import TESTBED_SHIFTS, TRAININGS, format_number
from page.results import Baseline, StudyEncoder, measured_shifts, own_shifts

Row = dict[str, Any]

Model = Mapping[str, Any]
"""A model's `name`, and its accuracy in percent on `imagenet` and each shift, None if unknown."""

DRAWN_RANGE = (0.1, 99.9)
"""The range of a logit axis in percent: accuracies of 0 and 100 % have no logit."""

TOLERANCE = 0.01
"""In points: accuracies are rounded to ten-thousandths of a percent."""

ENCODER_COLUMNS = ("number", "label", "training", "backbone")
"""The columns that identify an encoder; `number` keys a chart to the main table."""

_POINT = ("shift", "imagenet", "accuracy", "baseline", "effective_robustness", "extrapolated")

ROBUSTNESS_COLUMNS = ("kind", *ENCODER_COLUMNS, *_POINT)
"""Columns of the study's table; `kind` is `standard`, `line`, `extrapolated` or `encoder`.

Accuracies are in percent and effective robustness is in percentage points; `extrapolated` is ‡ if
the line is extrapolated to an encoder.
"""


def encoder_cells(encoder: StudyEncoder) -> Row:
    """Return the cells that identify an encoder, `ENCODER_COLUMNS`."""
    entry = encoder.entry
    values = (encoder.number, entry.label, TRAININGS[entry.training], entry.backbone)
    return dict(zip(ENCODER_COLUMNS, values, strict=True))


def baseline_accuracy(line: LogitLine, imagenet: float) -> float:
    """Return β at an ImageNet accuracy, both in percent, as a chart draws it: in `DRAWN_RANGE`."""
    return 100 * _predicted(line, clip_to_axis(imagenet))


def _predicted(line: LogitLine, imagenet: float) -> float:
    return float(line.predict(np.array([imagenet / 100]))[0])


def clip_to_axis(percent: float) -> float:
    """Return an accuracy in percent clipped to `DRAWN_RANGE`."""
    low, high = DRAWN_RANGE
    return min(max(percent, low), high)


def mark(extrapolated: bool) -> str:
    """Return the mark of a number that was read from an extrapolated line, or nothing."""
    return "‡" if extrapolated else ""


def on_shift_classes(baseline: Baseline) -> bool:
    """Return whether any abscissa is ImageNet accuracy on a shift's classes instead of on all."""
    return any(name != "imagenet" for name in baseline.abscissa.values())


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


def robustness_rows(
    encoders: Sequence[StudyEncoder],
    baseline: Baseline,
    names: Mapping[str, str] = MappingProxyType(TESTBED_SHIFTS),
) -> list[Row]:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and encoders.

    Standard models that are not above chance on a shift are left out, as they are of its line.
    Untrained encoders are left out: at chance, their distance to the line means nothing. So are
    shifts that the study does not have, and those of its own that have no line. ImageNet accuracy
    is over the classes that the baseline's `abscissa` names.

    Parameters
    ----------
    encoders, baseline
        The study's results.
    names
        The names of the testbed's shifts, and of the study's own.

    Raises
    ------
    InputError
        An encoder was measured against another baseline, or a shift has no line.
    """
    if not encoders:
        return []
    shifts = measured_shifts(encoders)
    if missing := [shift for shift in shifts if shift not in baseline.lines]:
        raise InputError(f"plots/baseline.json: no line for {missing}; run `dvc repro`")
    shifts += [shift for shift in own_shifts(encoders) if shift in baseline.lines]
    trained = [e for e in encoders if e.entry.training != "untrained"]
    rows: list[Row] = []
    for shift in shifts:
        line = baseline.lines[shift]
        points = [
            (e, found, found.imagenet)
            for e in trained
            if (found := e.results.robustness.shifts.get(shift))
            and found.imagenet is not None
            and found.robustness is not None
        ]
        models = [
            m | {"imagenet": m[baseline.abscissa[shift]]}
            for m in baseline.models_of(shift)
            if m["name"] not in baseline.at_chance.get(shift, [])
        ]
        for e, found, x in points:
            _require_line(e, shift, found.accuracy.value - 100 * _predicted(line, x))
        rows += accuracy_rows(shift, _with_accuracies(models, shift), names)
        rows += standard_line_rows(names[shift], line, [x for *_, x in points])
        rows += [
            {"kind": "encoder", **encoder_cells(e), "shift": names[shift]}
            | {"imagenet": x, "accuracy": found.accuracy.value}
            | {"baseline": baseline_accuracy(line, x)}
            | {"effective_robustness": found.robustness and found.robustness.value}
            | {"extrapolated": mark(found.extrapolated)}
            for e, found, x in points
        ]
    return rows


def _require_line(encoder: StudyEncoder, shift: str, points: float) -> None:
    """Refuse an encoder that has another effective robustness than it has on this line."""
    robustness = encoder.results.robustness.shifts[shift].robustness
    measured = robustness and robustness.value
    if measured is None or abs(measured - points) > TOLERANCE:
        raise InputError(
            f"{encoder.file}: {measured} points on {shift}, but {points:.4f} above the line in "
            "plots/baseline.json: measured against another one; run `dvc repro`"
        )


def _with_accuracies(models: Iterable[Model], shift: str) -> list[Model]:
    return [m for m in models if m.get("imagenet") is not None and m.get(shift) is not None]


def accuracy_rows(shift: str, models: Iterable[Model], names: Mapping[str, str]) -> list[Row]:
    """Return standard models' accuracies on ImageNet and on a shift."""
    return [
        {"kind": "standard", "label": m["name"], "shift": names[shift]}
        | {"imagenet": m["imagenet"], "accuracy": m[shift]}
        for m in models
    ]


def standard_line_rows(name: str, line: LogitLine, imagenet: Iterable[float]) -> list[Row]:
    """Return the line over the models that it was fitted to, and over all that it is drawn for."""
    fitted = (100 * line.low, 100 * line.high)
    return [
        {
            "kind": kind,
            "label": "baseline",
            "shift": name,
            "imagenet": x,
            "accuracy": y,
        }
        for kind, span in (("line", fitted), ("extrapolated", (*fitted, *imagenet)))
        for x, y in line_ends(line, span)
    ]
