"""The rows of accuracy on a shift against accuracy on ImageNet: `plots/effective_robustness.csv`.

Besides the study's encoders, they are the standard models and the baseline line through them.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from interpreting_clip.errors import InputError
from interpreting_clip.formats.baseline import Baseline
from page.names import TESTBED_SHIFTS, TRAININGS, mark
from page.results import StudyEncoder, measured_shifts, own_shifts
from page.standard_lines import (
    Model,
    Row,
    accuracy_rows,
    baseline_accuracy,
    predicted_accuracy,
    standard_line_rows,
)

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


def on_shift_classes(baseline: Baseline) -> bool:
    """Return whether any abscissa is ImageNet accuracy on a shift's classes instead of on all."""
    return any(name != "imagenet" for name in baseline.abscissa.values())


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
            _require_line(e, shift, found.accuracy.value - predicted_accuracy(line, x))
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
