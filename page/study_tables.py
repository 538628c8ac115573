"""The table of each CSV under `plots/` that a study's results make."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from types import MappingProxyType

import pandas as pd

from interpreting_clip.charts import series as tables
from interpreting_clip.config.shifts import SHIFT_NAMES
from interpreting_clip.formats.result import Number, Result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.pruning import PruningCurves
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
    "layer_outliers": (
        *(*ENCODER_COLUMNS, "layer", "ratio", "low", "high", "chance", "massive", "kurtosis"),
        *("outlier_features", "largest_share"),
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
        "kurtosis": {e.number: kurtosis_table(e, encoders) for e in encoders},
        "layer_outliers": {
            n: tables.layer_outlier_table(r.layer_outliers)
            for n, r in results.items()
            if r.layer_outliers
        },
        "importance": {n: tables.importance_table(r.directions) for n, r in results.items()},
        "pruning": {n: pruning_table(r.pruning, names) for n, r in results.items()},
        "concepts": {n: tables.concept_table(c) for n, c in concepts.items()},
        "sweep": {n: tables.sweep_table(c) for n, c in concepts.items()},
        "training": {n: tables.training_table(r.training) for n, r in results.items()},
        "measures": {e.number: measure_table(e.results.numbers, e.own) for e in encoders},
    }
    joined = {name: over_encoders(encoders, by_number) for name, by_number in by_encoder.items()}
    joined["effective_robustness"] = robustness_table(encoders, baseline, names)
    labels = {e.key: e.entry.label for e in encoders}
    layers = [tables.cka_table(comparison) for comparison in comparisons]
    joined["cka"] = pd.concat([pd.DataFrame(), *layers], ignore_index=True).replace(
        {"first_label": labels, "second_label": labels}
    )
    return {name: joined[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def robustness_table(
    encoders: Sequence[StudyEncoder], baseline: Baseline, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and encoders.

    Standard models that are not above chance on a shift are left out, as they are of its line.
    Untrained encoders are left out: at chance, their distance to the line means nothing. So are
    shifts that the study does not have, and its own shifts without a line. ImageNet accuracy
    is over the classes that the baseline's `abscissa` names.
    """
    baselines = dict.fromkeys(measured_shifts(encoders) if encoders else (), baseline)
    baselines |= {shift: results.baseline for shift, results in own_shifts(encoders).items()}
    by_number = {
        e.number: tables.robustness_table(
            e.results.robustness.per_shift | {shift: e.own[shift].robustness for shift in e.own},
            names,
        )
        for e in encoders
        if e.entry.training != "untrained"
    }
    accuracies = over_encoders(encoders, by_number).reindex(columns=COLUMNS["effective_robustness"])
    parts = [accuracies.head(0)]
    for shift, of_shift in baselines.items():
        if shift in of_shift.lines:
            models = pd.DataFrame(of_shift.models)
            models = models[~models["name"].isin(of_shift.at_chance.get(shift, []))]
            models = models[["name", of_shift.abscissa[shift], shift]]
            models = models.set_axis(["label", "imagenet", "accuracy"], axis="columns")
            points = accuracies[accuracies["shift"] == names[shift]]
            line = of_shift.lines[shift]
            parts += [tables.standard_table(names[shift], models, line, points["imagenet"]), points]
    return pd.concat(parts).astype({"number": "Int64"})


def kurtosis_table(encoder: StudyEncoder, encoders: Sequence[StudyEncoder]) -> pd.DataFrame:
    """Return an encoder's kurtosis with the mean, lowest and highest of its null.

    Without many untrained encoders of its backbone, `null` is from the study's untrained encoder.
    """
    table = tables.kurtosis_table(encoder.results.kurtosis)
    if encoder.null:
        null = encoder.null.numbers["kurtosis"]
        return table.assign(null=fmean(null), null_low=min(null), null_high=max(null))
    single = untrained_null(encoder, encoders)
    return table.assign(null=single.results.kurtosis.kurtosis.value if single else None)


def pruning_table(results: Mapping[str, PruningCurves], names: Mapping[str, str]) -> pd.DataFrame:
    """Return the curves of pruning on the test sets of `names`, in their order.

    The last are of `MEAN_OF_SHIFTS`, if any of the testbed's shifts was measured.
    """
    curves = {k: tables.pruning_table(results[k], names[k]) for k in names if k in results}
    shifts = [curves[key] for key in SHIFT_NAMES if key in curves]
    if shifts:
        mean = pd.concat(shifts).groupby(level=0)["accuracy"].mean()
        curves["mean"] = shifts[0].assign(dataset=tables.MEAN_OF_SHIFTS, accuracy=mean)
    return pd.concat([pd.DataFrame(), *curves.values()])


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
