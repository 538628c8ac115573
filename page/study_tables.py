"""The table of each CSV under `plots/` that a study's results make."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from types import MappingProxyType

import pandas as pd

from interpreting_clip.charts import series as tables
from interpreting_clip.charts.standard_lines import baseline_accuracy, standard_line_rows
from interpreting_clip.formats.result import Number, Result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.effective_robustness import OnShift
from interpreting_clip.training.saved_baseline import Baseline
from page.families import untrained_null
from page.names import DATASETS
from page.study_results import (
    ENCODER_COLUMNS,
    StudyEncoder,
    measured_shifts,
    over_encoders,
    own_shifts,
)

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "effective_robustness": (
        *("kind", *ENCODER_COLUMNS, "shift", "imagenet", "accuracy", "baseline"),
        *("effective_robustness", "extrapolated"),
    ),
    "kurtosis": (
        *ENCODER_COLUMNS,
        *("representation", "kurtosis", "low", "high", "null", "null_low", "null_high"),
        "outlier_features",
    ),
    "importance": (*ENCODER_COLUMNS, "head", "rank", "importance", "share"),
    "pruning": (*ENCODER_COLUMNS, "dataset", "head", "fraction", "accuracy"),
    "concepts": (*ENCODER_COLUMNS, "representation", "basis", "category", *tables.COUNTS),
    "sweep": (*ENCODER_COLUMNS, "basis", "threshold", "unique"),
    "cka": (
        *("first_label", "second_label", "first_layer", "second_layer"),
        *("first_index", "second_index", "cka", "without_outliers"),
    ),
    "training": (*ENCODER_COLUMNS, "step", "loss", "accuracy"),
    "measures": (
        *ENCODER_COLUMNS,
        *("measure", "number_of_measure", "unit", "value", "low", "high", "chance"),
    ),
}
"""Columns of `plots/<name>.csv`, by name; accuracies in percent, robustness in points.

Of the robustness, `kind` is `standard`, `line`, `extrapolated` or `encoder`, and `extrapolated` is
‡ if the line is extrapolated to an encoder.
"""


def study_tables(
    encoders: Sequence[StudyEncoder],
    comparisons: Sequence[LayerCka],
    baseline: Baseline,
    names: Mapping[str, str] = MappingProxyType(DATASETS),
) -> dict[str, pd.DataFrame]:
    """Return the table of every CSV of the study by its name in `COLUMNS`.

    `names` are the names of all test sets.
    """
    results = {e.number: e.results for e in encoders}
    concepts = {n: result.concepts for n, result in results.items() if result.concepts}
    by_encoder = {
        "importance": {n: tables.importance_table(r.directions) for n, r in results.items()},
        "pruning": {n: tables.pruning_table(r.pruning, names) for n, r in results.items()},
        "concepts": {n: tables.concept_table(c) for n, c in concepts.items()},
        "sweep": {n: tables.sweep_table(c) for n, c in concepts.items()},
        "training": {n: tables.training_table(r.training) for n, r in results.items()},
        "measures": {e.number: measure_table(e.results.numbers, e.own) for e in encoders},
    }
    tables_by_name = {
        "effective_robustness": robustness_table(encoders, baseline, names),
        "kurtosis": kurtosis_table(encoders),
        "cka": cka_table(encoders, comparisons),
        **{name: over_encoders(encoders, by_number) for name, by_number in by_encoder.items()},
    }
    return {
        name: tables_by_name[name].reindex(columns=columns) for name, columns in COLUMNS.items()
    }


def robustness_table(
    encoders: Sequence[StudyEncoder], baseline: Baseline, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and encoders.

    Standard models that are not above chance on a shift are left out, as they are of its line.
    Untrained encoders are left out: at chance, their distance to the line means nothing. So are
    shifts that the study does not have, and its own shifts without a line. ImageNet accuracy
    is over the classes that the baseline's `abscissa` names.
    """
    trained = [e for e in encoders if e.entry.training != "untrained"]
    accuracies = over_encoders(
        trained, {e.number: tables.robustness_table(_on_shifts(e), names) for e in trained}
    ).reindex(columns=COLUMNS["effective_robustness"])
    baselines = dict.fromkeys(measured_shifts(encoders) if encoders else (), baseline)
    baselines |= {shift: results.baseline for shift, results in own_shifts(encoders).items()}
    parts = []
    for shift, baseline_of_shift in baselines.items():
        if shift not in baseline_of_shift.lines:
            continue
        line, name = baseline_of_shift.lines[shift], names[shift]
        points = accuracies[accuracies["shift"] == name]
        drawn = [baseline_accuracy(line, x) for x in points["imagenet"]]
        parts += [
            _standard_table(baseline_of_shift, shift).assign(shift=name),
            pd.DataFrame(standard_line_rows(name, line, points["imagenet"])),
            points.assign(kind="encoder", baseline=drawn),
        ]
    joined = pd.concat([part for part in parts if len(part)]) if parts else accuracies
    return joined.astype({"number": "Int64"})


def _on_shifts(encoder: StudyEncoder) -> dict[str, OnShift]:
    """Return an encoder's results on the testbed's shifts and on the study's own."""
    own = {shift: results.robustness for shift, results in encoder.own.items()}
    return {**encoder.results.robustness.per_shift, **own}


def _standard_table(baseline: Baseline, shift: str) -> pd.DataFrame:
    """Return the accuracies of the standard models that a shift's line was fitted to."""
    models = pd.DataFrame(baseline.models)
    models = models[~models["name"].isin(baseline.at_chance.get(shift, []))]
    columns = {"name": "label", baseline.abscissa[shift]: "imagenet", shift: "accuracy"}
    known = models[list(columns)].rename(columns=columns).dropna()
    return known.assign(kind="standard")


def kurtosis_table(encoders: Sequence[StudyEncoder]) -> pd.DataFrame:
    """Return each encoder's kurtosis with the mean, lowest and highest of its null.

    Without many untrained encoders of its backbone, `null` is from the study's untrained encoder.
    """
    rows = {}
    for e in encoders:
        if e.null:
            null = e.null.numbers["kurtosis"]
            level = {"null": fmean(null), "null_low": min(null), "null_high": max(null)}
        else:
            single = untrained_null(e, encoders)
            level = {"null": single.results.kurtosis.kurtosis.value} if single else {}
        rows[e.number] = tables.kurtosis_table(e.results.kurtosis).assign(**level)
    return over_encoders(encoders, rows)


def cka_table(encoders: Sequence[StudyEncoder], comparisons: Sequence[LayerCka]) -> pd.DataFrame:
    """Return CKA of each pair of layers of each comparison."""
    labels = {e.key: e.entry.label for e in encoders}
    parts = [
        tables.cka_table(c).assign(first_label=labels[c.first], second_label=labels[c.second])
        for c in comparisons
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def measure_table(
    own: Sequence[Number], on_shifts: Mapping[str, Result] = MappingProxyType({})
) -> pd.DataFrame:
    """Return the numbers of all measures, with their intervals and their chance levels.

    `on_shifts` are further results, on shifts of the study's own.
    """
    shift_numbers = [
        replace(number, name=f"robustness.{shift}.{number.name}", label=f"{shift}: {number.label}")
        for shift, result in on_shifts.items()
        for number in result.numbers
    ]
    numbers = pd.DataFrame([*own, *shift_numbers]).rename(columns={"label": "number_of_measure"})
    numeric = dict.fromkeys(("value", "low", "high", "chance"), float)
    return numbers.assign(measure=numbers["name"].str.partition(".")[0]).astype(numeric)
