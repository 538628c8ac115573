"""The table of accuracy on a shift against accuracy on ImageNet: `plots/effective_robustness.csv`.

Besides the study's encoders, it has the standard models and the baseline line through them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from interpreting_clip.charts import tables
from interpreting_clip.charts.standard_lines import baseline_accuracy, standard_line_rows
from interpreting_clip.errors import InputError
from interpreting_clip.formats.baseline import Baseline
from page.names import TESTBED_SHIFTS
from page.results import ENCODER_COLUMNS, StudyEncoder, measured_shifts, over_encoders, own_shifts

_POINT = ("shift", "imagenet", "accuracy", "baseline", "effective_robustness", "extrapolated")

ROBUSTNESS_COLUMNS = ("kind", *ENCODER_COLUMNS, *_POINT)
"""Columns of the study's table; `kind` is `standard`, `line`, `extrapolated` or `encoder`.

Accuracies are in percent and effective robustness is in percentage points; `extrapolated` is ‡ if
the line is extrapolated to an encoder.
"""


def on_shift_classes(baseline: Baseline) -> bool:
    """Return whether any abscissa is ImageNet accuracy on a shift's classes instead of on all."""
    return any(name != "imagenet" for name in baseline.abscissa.values())


def robustness_table(
    encoders: Sequence[StudyEncoder],
    baseline: Baseline,
    names: Mapping[str, str] = MappingProxyType(TESTBED_SHIFTS),
) -> pd.DataFrame:
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
        A shift that encoders were compared on has no line.
    """
    trained = [e for e in encoders if e.entry.training != "untrained"]
    found = over_encoders(
        trained, {e.number: tables.robustness_table(e.results.robustness, names) for e in trained}
    ).reindex(columns=ROBUSTNESS_COLUMNS)
    own = [shift for shift in own_shifts(encoders) if shift in baseline.lines]
    parts = []
    for shift in [*measured_shifts(encoders), *own] if encoders else []:
        if shift not in baseline.lines:
            raise InputError(f"plots/baseline.json: no line for {shift}; run `dvc repro`")
        line, name = baseline.lines[shift], names[shift]
        points = found[found["shift"] == name]
        drawn = [baseline_accuracy(line, x) for x in points["imagenet"]]
        parts += [
            _standard_table(baseline, shift).assign(shift=name),
            pd.DataFrame(standard_line_rows(name, line, points["imagenet"])),
            points.assign(kind="encoder", baseline=drawn),
        ]
    joined = pd.concat([part for part in parts if len(part)]) if parts else found
    return joined.reindex(columns=ROBUSTNESS_COLUMNS).astype({"number": "Int64"})


def _standard_table(baseline: Baseline, shift: str) -> pd.DataFrame:
    """Return the accuracies of the standard models that a shift's line was fitted to."""
    models = pd.DataFrame(baseline.models_of(shift))
    models = models[~models["name"].isin(baseline.at_chance.get(shift, []))]
    columns = {"name": "label", baseline.abscissa[shift]: "imagenet", shift: "accuracy"}
    known = models[list(columns)].rename(columns=columns).dropna()
    return known.assign(kind="standard")
