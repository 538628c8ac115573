"""The table of each kind of result that its chart draws, without columns that identify an encoder.

A notebook's chart, the page and `plots/*.csv` share them: the tables of a study are its encoders'
tables, one below the other. Accuracies are in percent, robustness is in percentage points.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from interpreting_clip.charts.rows import ALL
from interpreting_clip.config.shifts import SHIFT_NAMES
from interpreting_clip.formats.csv_tables import TrainingStep
from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import OnShift
from interpreting_clip.measures.kurtosis import Kurtosis, OutlierFeatures
from interpreting_clip.measures.pruning import Pruning, PruningCurves
from interpreting_clip.statistics.concept_counts import BasisConcepts

HEAD_LABELS = ("head", "other centring", "random head")
"""The head, the head with the centring that is not used, and the mean of random heads."""

COMPONENTS = "principal components"
"""What is pruned in place of the directions of a head."""

MEAN_OF_SHIFTS = "the shifts, mean"
"""The `dataset` of the mean accuracy over the testbed's shifts."""

LEAST_SHARE = 1e-6
"""The lowest share of the largest importance, since a chart draws it on a logarithmic axis."""

COUNTS = {
    "unique": "Int64",
    "low": "float",
    "high": "float",
    "polysemanticity": "float",
    "random": "float",
    "random_low": "Int64",
    "random_high": "Int64",
    "over_all": "Int64",
    "over_all_random": "float",
}
"""The columns of a count of concepts, with its null and the count against all images."""


def kurtosis_table(result: Kurtosis) -> pd.DataFrame:
    """Return one row: the mean kurtosis with its interval, and the number of outlier features."""
    kurtosis = result.kurtosis
    row = {
        "kurtosis": kurtosis.value,
        "low": kurtosis.low,
        "high": kurtosis.high,
        "outlier_features": result.outliers.outlier_features,
    }
    return pd.DataFrame([row]).astype({"low": "float", "high": "float"})


def outlier_table(result: OutlierFeatures) -> pd.DataFrame:
    """Return the share of images in which each feature is extreme, by rank from 1.

    `limit` is the share that makes an outlier feature.
    """
    shares = np.flip(np.sort(result.share_of_every_feature))
    ranks = np.arange(1, len(shares) + 1)
    return pd.DataFrame({"rank": ranks, "share": shares, "limit": result.outlier_share})


def importance_table(result: PrivilegedDirections) -> pd.DataFrame:
    """Return the importance of each direction by rank from 1, of each of `HEAD_LABELS`.

    `share` is a share of the largest importance, `LEAST_SHARE` or more.
    """
    by_head = (result.importance, result.other.importance, result.random_importance)
    tables = [
        pd.DataFrame(
            {
                "head": head,
                "rank": np.arange(1, len(importance) + 1),
                "importance": importance,
                "share": np.maximum(importance / importance.max(), LEAST_SHARE),
            }
        )
        for head, importance in zip(HEAD_LABELS, by_head, strict=True)
        if len(importance)  # a study may draw no random heads
    ]
    return pd.concat(tables, ignore_index=True)


def pruning_table(results: Mapping[str, PruningCurves], names: Mapping[str, str]) -> pd.DataFrame:
    """Return accuracy by the fraction of directions pruned, per dataset and for each of
    `HEAD_LABELS`, and for `COMPONENTS` where these were pruned as well.

    It has the test sets of `names`, in their order; `results` are by key, too. The last rows are
    `MEAN_OF_SHIFTS`, if any of the testbed's shifts was measured.
    """
    curves = {key: _pruning_curves(results[key]) for key in names if key in results}
    if not curves:
        return pd.DataFrame(columns=["dataset", "fraction", "head", "accuracy"])
    shifts = [curves[key] for key in SHIFT_NAMES if key in curves]
    named = {names[key]: curve for key, curve in curves.items()}
    if shifts:
        named[MEAN_OF_SHIFTS] = sum(shifts[1:], shifts[0]) / len(shifts)
    table = pd.concat(named, names=["dataset", "fraction"]).reset_index()
    rows = table.melt(
        ["dataset", "fraction"], var_name="head", value_name="accuracy", ignore_index=False
    )
    # Only ImageNet has random heads. The order is that of `table`.
    return rows.dropna().sort_index(kind="stable", ignore_index=True)


def _pruning_curves(result: PruningCurves) -> pd.DataFrame:
    """Return a row for each fraction, and a column for what was pruned: `HEAD_LABELS`, and
    `COMPONENTS`.
    """
    head, other, random = HEAD_LABELS
    curves = {head: result.accuracy, other: result.other_accuracy}
    if len(result.random_accuracy):
        curves[random] = result.random_accuracy.mean(axis=0)
    if isinstance(result, Pruning):
        curves[COMPONENTS] = result.covariance_accuracy
    return pd.DataFrame(curves, index=result.fractions)


def concept_table(result: Concepts) -> pd.DataFrame:
    """Return the unique concepts of each basis, of `ALL` and of each category.

    Only the count of `ALL` has an interval, a null and a count against all images.
    """
    rows = []
    for basis, counts in result.bases.items():
        rows += [
            {"basis": basis, "category": ALL, **_counts(counts)},
            *(
                {"basis": basis, "category": category, "unique": unique}
                for category, unique in counts.categories.items()
            ),
        ]
    return pd.DataFrame(rows, columns=["basis", "category", *COUNTS]).astype(COUNTS)


def sweep_table(result: Concepts) -> pd.DataFrame:
    """Return the unique concepts of each basis at each threshold of the average precision."""
    rows = [
        {"basis": basis, "threshold": point.threshold, "unique": point.unique}
        for basis, counts in result.bases.items()
        for point in counts.sweep
    ]
    return pd.DataFrame(rows, columns=["basis", "threshold", "unique"])


def _counts(counts: BasisConcepts) -> dict[str, Any]:
    """Return the columns `COUNTS`."""
    random = counts.random or Estimate(np.nan)
    over_all_random = counts.over_all_random or Estimate(np.nan)
    return {
        "unique": counts.unique.value,
        "low": counts.unique.low,
        "high": counts.unique.high,
        "polysemanticity": counts.polysemanticity.value,
        "random": random.value,
        "random_low": random.low,
        "random_high": random.high,
        "over_all": counts.over_all,
        "over_all_random": over_all_random.value,
    }


def cka_table(result: LayerCka) -> pd.DataFrame:
    """Return CKA of each pair of layers; indices count the layers of an encoder from 0."""
    first, second = (index.ravel() for index in np.indices(result.cka.shape))
    return pd.DataFrame(
        {
            "first_layer": np.take(result.first_layers, first),
            "second_layer": np.take(result.second_layers, second),
            "first_index": first,
            "second_index": second,
            "cka": result.cka.ravel(),
            "without_outliers": np.array(result.without_outliers, float).ravel(),
        }
    )


def training_table(steps: Sequence[TrainingStep]) -> pd.DataFrame:
    """Return loss and accuracy per step; no row for an encoder that was not trained here."""
    return pd.DataFrame(map(vars, steps), columns=["step", "loss", "accuracy"])


def robustness_table(shifts: Mapping[str, OnShift], names: Mapping[str, str]) -> pd.DataFrame:
    """Return accuracy and effective robustness on each shift that has one.

    `extrapolated` is ‡ where the line is extrapolated to the encoder.
    """
    rows = [
        {
            "shift": names[shift],
            "imagenet": on_shift.imagenet,
            "accuracy": on_shift.accuracy.value,
            "effective_robustness": on_shift.robustness.value,
            "extrapolated": "‡" if on_shift.extrapolated else "",
        }
        for shift, on_shift in shifts.items()
        if on_shift.robustness is not None
    ]
    columns = ["shift", "imagenet", "accuracy", "effective_robustness", "extrapolated"]
    return pd.DataFrame(rows, columns=columns)
