"""The rows of `plots/effective_robustness.csv`: the encoders against the baseline."""

from collections.abc import Sequence

from stages.figures.baseline_line import on_line, segment
from stages.figures.encoder_row import ENCODER_COLUMNS, Row, about
from stages.figures.inputs import Baseline, Encoder, Line
from stages.figures.measured import measured_shifts
from stages.figures.names import SHIFTS
from stages.storage.errors import InputError

ROBUSTNESS_COLUMNS = (
    "kind",
    *ENCODER_COLUMNS,
    "shift",
    "imagenet",
    "accuracy",
    "baseline",
    "effective_robustness",
)
"""Columns of the table; `kind` is `standard`, `line`, `extrapolated` or `encoder`."""


def robustness_rows(encoders: Sequence[Encoder]) -> list[Row]:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and encoders.

    Untrained encoders are left out: at chance, their distance to the line means nothing. So is a
    shift that the study does without.
    """
    shifts = measured_shifts(encoders) if encoders else []
    baseline = _common_baseline(encoders, shifts)
    trained = [e for e in encoders if e.series.training != "untrained"]
    rows: list[Row] = []
    for shift in shifts:
        known = [e for e in trained if _accuracy(e, shift) is not None and _accuracy(e) is not None]
        standard = [m for m in baseline.models if None not in (m.get("imagenet"), m.get(shift))]
        fitted = [float(m["imagenet"] or 0) for m in standard]
        drawn = {"line": fitted, "extrapolated": fitted + [_accuracy(e) or 0 for e in known]}
        line = baseline.lines[shift]
        rows += [_backdrop("standard", m["name"], shift, m["imagenet"], m[shift]) for m in standard]
        for kind, accuracies in drawn.items():
            for x, y in segment(line.slope, line.intercept, accuracies):
                rows.append(_backdrop(kind, "baseline", shift, x, y))
        rows += [_robustness_row(e, shift, line) for e in known]
    return rows


def _accuracy(encoder: Encoder, dataset: str = "imagenet") -> float | None:
    return getattr(encoder.metrics.accuracy, dataset)


def _backdrop(kind: str, label: object, shift: str, imagenet: object, accuracy: object) -> Row:
    blank = dict.fromkeys(ROBUSTNESS_COLUMNS)
    known = {"kind": kind, "label": label, "imagenet": imagenet, "accuracy": accuracy}
    return blank | known | {"shift": SHIFTS[shift]}


def _robustness_row(encoder: Encoder, shift: str, line: Line) -> Row:
    imagenet = _accuracy(encoder)
    row = _backdrop("encoder", None, shift, imagenet, _accuracy(encoder, shift))
    return (
        row
        | about(encoder)
        | {
            "baseline": on_line(line.slope, line.intercept, imagenet or 0.0),
            "effective_robustness": getattr(encoder.metrics.effective_robustness, shift),
        }
    )


def _common_baseline(encoders: Sequence[Encoder], shifts: Sequence[str]) -> Baseline:
    if not encoders:
        return Baseline(models=[], lines={})
    baseline = encoders[0].series.robustness
    for e in encoders:
        if e.series.robustness != baseline:
            raise InputError(
                f"plots/encoders/{e.key}.json: measured against another baseline than "
                f"`{encoders[0].key}`; run `dvc repro`"
            )
        if missing := [s for s in shifts if s not in e.series.robustness.lines]:
            raise InputError(f"plots/encoders/{e.key}.json: no baseline line for {missing}")
    return baseline
