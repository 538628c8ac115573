"""The table of each kind of result that its chart draws, without columns that identify an encoder.

A notebook's chart, the page and `plots/*.csv` share them: the tables of a study are its encoders'
tables, one below the other. Accuracies are in percent, robustness is in percentage points.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from interpreting_clip.charts.rows import ALL
from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.config.shifts import SHIFT_NAMES
from interpreting_clip.formats.csv_tables import TrainingStep
from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import table_row
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import OnShift, OwnRobustness
from interpreting_clip.measures.encoder_comparison import Comparison, headlines
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.layer_outliers import LayerOutlier
from interpreting_clip.measures.pruning import Pruning, PruningCurves
from interpreting_clip.statistics.logit_line import LogitLine, expit, logit

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


def layer_outlier_table(layers: Sequence[LayerOutlier]) -> pd.DataFrame:
    """Return a row for each layer; `ratio` is missing where a median is 0."""
    rows = [
        {
            "layer": layer.layer,
            "ratio": layer.ratio and layer.ratio.value,
            "low": layer.ratio and layer.ratio.low,
            "high": layer.ratio and layer.ratio.high,
            "chance": layer.isotropic_ratio,
            "massive": layer.massive.value,
            "kurtosis": layer.kurtosis.value,
            "outlier_features": layer.outlier_features,
            "largest_share": layer.largest_share,
        }
        for layer in layers
    ]
    return pd.DataFrame(rows)


def kurtosis_table(result: Kurtosis) -> pd.DataFrame:
    """Return one row: the mean kurtosis with its interval, and the number of outlier features.

    `null` is the kurtosis after a random rotation.
    """
    row = {
        "kurtosis": result.kurtosis.value,
        "low": result.kurtosis.low,
        "high": result.kurtosis.high,
        "null": result.isotropic,
        "outlier_features": result.outliers.outlier_features,
    }
    return pd.DataFrame([row]).astype(dict.fromkeys(("low", "high", "null"), "float"))


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


def pruning_table(result: PruningCurves, dataset: str = "the images") -> pd.DataFrame:
    """Return accuracy by the fraction of directions pruned, for each of `HEAD_LABELS`, and for
    `COMPONENTS` where these were pruned as well.

    Only ImageNet has random heads.
    """
    head, other, random = HEAD_LABELS
    curves = {head: result.accuracy, other: result.other_accuracy}
    if len(result.random_accuracy):
        curves[random] = result.random_accuracy.mean(axis=0)
    if isinstance(result, Pruning):
        curves[COMPONENTS] = result.covariance_accuracy
    table = pd.DataFrame(curves).assign(dataset=dataset, fraction=result.fractions)
    rows = table.melt(
        ["dataset", "fraction"], var_name="head", value_name="accuracy", ignore_index=False
    )
    return rows.sort_index(kind="stable", ignore_index=True)


def concept_table(result: Concepts) -> pd.DataFrame:
    """Return the unique concepts of each basis, of `ALL` and of each category.

    Only the count of `ALL` has an interval, a null and a count against all images.
    """
    rows = []
    for basis, counts in result.bases.items():
        random = counts.random or Estimate(np.nan)
        over_all_random = counts.over_all_random or Estimate(np.nan)
        total = {
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
        rows.append({"basis": basis, "category": ALL, **total})
        for category, unique in counts.categories.items():
            rows.append({"basis": basis, "category": category, "unique": unique})
    return pd.DataFrame(rows, columns=["basis", "category", *COUNTS]).astype(COUNTS)


def sweep_table(result: Concepts) -> pd.DataFrame:
    """Return the unique concepts of each basis at each threshold of the average precision."""
    rows = [
        {"basis": basis, "threshold": point.threshold, "unique": point.unique}
        for basis, counts in result.bases.items()
        for point in counts.sweep
    ]
    return pd.DataFrame(rows, columns=["basis", "threshold", "unique"])


def cka_table(result: LayerCka) -> pd.DataFrame:
    """Return CKA of each pair of layers; indices count the layers of an encoder from 0.

    Encoders are called by their keys.
    """
    first, second = (index.ravel() for index in np.indices(result.cka.shape))
    return pd.DataFrame(
        {
            "first_label": result.first,
            "second_label": result.second,
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


def comparison_table(result: Comparison) -> pd.DataFrame:
    """Return each number of each encoder, with its interval and its chance level.

    `text` is the number as it is written above its mark. Numbers that cannot be subtracted, such
    as p values, are left out.
    """
    drawn = [one.column for one in headlines(result.results) if one.subtracted]
    place = {encoder: number for number, encoder in enumerate(result.encoders, 1)}
    rows = []
    for column, by_encoder in result.rows.items():
        for encoder, number in by_encoder.items() if column in drawn else ():
            label, value, unit, interval, _ = table_row(number)
            rows.append(
                {
                    "measure": f"{label}, {unit}" if unit else label,
                    "number": place[encoder],
                    "label": encoder,
                    "name": encoder,
                    "text": f"{value} {interval}".rstrip(),
                    "value": number.value,
                    "low": number.low,
                    "high": number.high,
                    "chance": number.chance,
                    "chance_low": None,
                    "chance_high": None,
                }
            )
    numbers = ["value", "low", "high", "chance", "chance_low", "chance_high"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))


# --- Robustness


def robustness_table(
    shifts: Mapping[str, OnShift], names: Mapping[str, str] = SHIFT_NAMES
) -> pd.DataFrame:
    """Return accuracy, the line's, and effective robustness on each shift that has one.

    `extrapolated` is ‡ where the line is extrapolated to the encoder.
    """
    rows = [
        {
            "kind": "encoder",
            "shift": names[shift],
            "imagenet": on_shift.imagenet,
            "accuracy": on_shift.accuracy.value,
            "baseline": np.clip(on_shift.accuracy.value - on_shift.robustness.value, *DRAWN_RANGE),
            "effective_robustness": on_shift.robustness.value,
            "extrapolated": "‡" if on_shift.extrapolated else "",
        }
        for shift, on_shift in shifts.items()
        if on_shift.robustness is not None
    ]
    return pd.DataFrame(rows)


def own_robustness_table(result: OwnRobustness) -> pd.DataFrame:
    """Return the same on a user's own shifts, where `imagenet` is the original accuracy."""
    rows = [
        {
            "kind": "encoder",
            "shift": shift,
            "imagenet": result.original.value,
            "accuracy": one.accuracy.value,
            "baseline": np.clip(one.accuracy.value - one.robustness.value, *DRAWN_RANGE),
            "effective_robustness": one.robustness.value,
            "extrapolated": "‡" if one.extrapolated else "",
        }
        for shift, one in result.per_shift.items()
        if one.robustness is not None
    ]
    return pd.DataFrame(rows)


def standard_table(
    name: str, models: pd.DataFrame, line: LogitLine, imagenet: Iterable[float]
) -> pd.DataFrame:
    """Return the standard models on a shift, and their line as far as `imagenet` reaches.

    `models` have a `label`, `imagenet` and `accuracy`.
    """
    line_rows = pd.DataFrame(standard_line_rows(name, line, imagenet))
    return pd.concat([models.dropna().assign(kind="standard", shift=name), line_rows])


def standard_line_rows(
    name: str, line: LogitLine, imagenet: Iterable[float]
) -> list[dict[str, str | float]]:
    """Return the line over the models that it was fitted to, and over all drawn models.

    A steep line leaves the range of the shift's axis before it has crossed ImageNet's; it is cut
    there, at an end of `DRAWN_RANGE`.
    """
    fitted = (100 * line.low, 100 * line.high)
    rows = []
    for kind, span in (("line", fitted), ("extrapolated", (*fitted, *imagenet))):
        low, high = np.clip([min(span), max(span)], *DRAWN_RANGE)
        if line.slope:
            leaves = expit((logit(np.array(DRAWN_RANGE) / 100) - line.intercept) / line.slope)
            low, high = max(low, 100 * leaves.min()), min(high, 100 * leaves.max())
        for x in (low, high) if low <= high else ():
            row = {"kind": kind, "label": "baseline", "shift": name}
            accuracy = 100 * float(line.predict(np.array([x / 100]))[0])
            rows.append(row | {"imagenet": float(x), "accuracy": accuracy})
    return rows
