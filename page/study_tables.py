"""The table of each CSV under `plots/` that a study's results make."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Any

import pandas as pd

from interpreting_clip.charts import tables
from interpreting_clip.formats.baseline import Baseline
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.result import Result
from page.across_encoders import CORRELATION_COLUMNS, correlation_table
from page.families import untrained_null
from page.names import DATASETS
from page.results import ENCODER_COLUMNS, StudyEncoder, over_encoders
from page.robustness_tables import ROBUSTNESS_COLUMNS, robustness_table

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "effective_robustness": ROBUSTNESS_COLUMNS,
    "kurtosis": (
        *ENCODER_COLUMNS,
        *("representation", "kurtosis", "low", "high", "null", "null_low", "null_high"),
        "outlier_features",
    ),
    "importance": (*ENCODER_COLUMNS, "head", "rank", "importance", "share"),
    "pruning": (*ENCODER_COLUMNS, "dataset", "head", "fraction", "accuracy"),
    "concepts": (*ENCODER_COLUMNS, "representation", "basis", "category", *tables.COUNTS),
    "sweep": (*ENCODER_COLUMNS, "basis", "threshold", *tables.COUNTS),
    "correlation": CORRELATION_COLUMNS,
    "cka": (
        *("first_label", "second_label", "first_layer", "second_layer"),
        *("first_index", "second_index", "cka", "without_outliers"),
    ),
    "training": (*ENCODER_COLUMNS, "step", "loss", "accuracy"),
    "measures": (
        *ENCODER_COLUMNS,
        *("measure", "number_of_measure", "unit", "value", "low", "high", "chance"),
    ),
    "planted_outliers": ("features", "size", "found", "arithmetic"),
}
"""Columns of `plots/<name>.csv`, by name; accuracies in percent, robustness in points.

Of the planted outliers, shares are in percent.
"""


def study_tables(
    encoders: Sequence[StudyEncoder],
    comparisons: Sequence[LayerCka],
    baseline: Baseline,
    controls: Mapping[str, Any],
    names: Mapping[str, str] = MappingProxyType(DATASETS),
) -> dict[str, pd.DataFrame]:
    """Return the table of every CSV of the study by its name in `COLUMNS`.

    Parameters
    ----------
    encoders, comparisons, baseline, controls
        The study's results; the controls as `plots/controls.json` has them.
    names
        The names of the test sets, and of the study's own shifts.
    """
    results = {e.number: e.results for e in encoders}
    concepts = {number: one.concepts for number, one in results.items() if one.concepts}
    by_encoder = {
        "importance": {n: tables.importance_table(one.directions) for n, one in results.items()},
        "pruning": {n: tables.pruning_table(one.pruning, names) for n, one in results.items()},
        "concepts": {n: tables.concept_table(one) for n, one in concepts.items()},
        "sweep": {n: tables.sweep_table(one) for n, one in concepts.items()},
        "training": {n: tables.training_table(one.training) for n, one in results.items()},
        "measures": {n: measure_table(one) for n, one in results.items()},
    }
    found = {
        "effective_robustness": robustness_table(encoders, baseline, names),
        "kurtosis": kurtosis_table(encoders),
        "correlation": correlation_table(encoders),
        "cka": cka_table(encoders, comparisons),
        "planted_outliers": planted_table(controls),
        **{name: over_encoders(encoders, by_number) for name, by_number in by_encoder.items()},
    }
    return {name: found[name].reindex(columns=columns) for name, columns in COLUMNS.items()}


def kurtosis_table(encoders: Sequence[StudyEncoder]) -> pd.DataFrame:
    """Return each encoder's kurtosis beside the mean, lowest and highest of its null.

    Without many untrained encoders of its backbone, `null` is that of the study's own one.
    """
    found = {}
    for e in encoders:
        if e.null:
            null = e.null.numbers["kurtosis"]
            level = {"null": fmean(null), "null_low": min(null), "null_high": max(null)}
        else:
            single = untrained_null(e, encoders)
            level = {"null": single.results.kurtosis.kurtosis.value} if single else {}
        found[e.number] = tables.kurtosis_table(e.results.kurtosis).assign(**level)
    return over_encoders(encoders, found)


def cka_table(encoders: Sequence[StudyEncoder], comparisons: Sequence[LayerCka]) -> pd.DataFrame:
    """Return CKA of each pair of layers of each comparison."""
    labels = {e.key: e.entry.label for e in encoders}
    found = [
        tables.cka_table(c).assign(first_label=labels[c.first], second_label=labels[c.second])
        for c in comparisons
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def measure_table(results: Result) -> pd.DataFrame:
    """Return every number of every measure, with its interval and its chance level."""
    numbers = pd.DataFrame(results.numbers).rename(columns={"label": "number_of_measure"})
    numeric = dict.fromkeys(("value", "low", "high", "chance"), float)
    return numbers.assign(measure=numbers["name"].str.partition(".")[0]).astype(numeric)


def planted_table(controls: Mapping[str, Any]) -> pd.DataFrame:
    """Return the percentage of images in which raised features are outliers, by number and size."""
    curve = pd.DataFrame(controls["outlier_features"]["curve"])
    return curve.assign(
        features=curve["axes"].astype(str) + " raised",
        found=100 * curve["found"],
        arithmetic=100 * curve["arithmetic"],
    )
