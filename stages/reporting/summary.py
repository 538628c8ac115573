"""One encoder's results as its metrics, the same keys for each, and as series for its plots.

What a study does without is null: a shift's numbers, and `concepts` where it has no Broden.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from stages.reporting.names import DATASETS, SHIFTS


def metrics(
    robustness: dict, kurtosis: dict, directions: dict, concepts: dict | None
) -> dict[str, Any]:
    """Return what stands in `metrics/encoders/<encoder>.json`, from the results of the measures."""
    return {
        "accuracy": {name: robustness["accuracy"].get(name) for name in DATASETS},
        "effective_robustness": robustness_metrics(robustness["effective_robustness"]),
        "kurtosis": kurtosis_metrics(kurtosis),
        "directions": direction_metrics(directions),
        "concepts": concept_metrics(concepts),
    }


def series(
    robustness: dict,
    kurtosis: dict,
    directions: dict,
    concepts: dict | None,
    *,
    curve: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what stands in `plots/encoders/<encoder>.json`.

    `curve` holds the points of the training, accuracy as a share; none for an encoder that came
    ready.
    """
    return {
        "representation": kurtosis["representation"],
        "importance": directions["importance"],
        "pruning": pruning_series(directions),
        "concepts": category_series(concepts) if concepts else [],
        "sweep": sweep_series(concepts) if concepts else [],
        "training_curve": [{**point, "accuracy": 100 * point["accuracy"]} for point in curve],
        "robustness": robustness["baseline"],
    }


def robustness_metrics(estimates: dict) -> dict:
    """Return effective robustness per shift and its mean with the interval, in points.

    Where the study does without a shift, `shifts` lists those that the mean is over.
    """
    values = {shift: estimates.get(shift, {}).get("value") for shift in SHIFTS}
    mean = estimates.get("mean", {})
    interval = {"mean_low": mean.get("low"), "mean_high": mean.get("high")}
    measured = [shift for shift in SHIFTS if shift in estimates]
    over = {} if len(measured) == len(SHIFTS) else {"shifts": measured}
    return {**values, "mean": mean.get("value"), **interval, **over}


def kurtosis_metrics(kurtosis: dict) -> dict:
    """Return the mean kurtosis, its interval and the number of outlier features."""
    estimate = kurtosis["kurtosis"]
    outliers = len(kurtosis["outlier_features"]["feature"])
    interval = {"low": estimate["low"], "high": estimate["high"]}
    return {"mean": estimate["value"], **interval, "outlier_features": outliers}


def direction_metrics(directions: dict) -> dict:
    """Return how many directions there are, which share is prunable and how one stands out."""
    importance = directions["importance"]["head"]
    return {
        "count": len(importance),
        "prunable": directions["prunable"],
        "importance_ratio": importance[0] / median(importance),
    }


def concept_metrics(concepts: dict | None) -> dict:
    """Return how many concepts were measured, and how many directions and features encode."""
    values = {"measured": concepts["measured"] if concepts else None}
    for basis in ("directions", "features"):
        counts = shown(concepts[basis]) if concepts else {}
        values[f"unique_{basis}"] = counts.get("unique")
        values[f"polysemanticity_{basis}"] = counts.get("polysemanticity")
    return values


def pruning_series(directions: dict) -> list[dict]:
    """Return accuracy in percent for every test set and pruned share."""
    own, null = directions["accuracy"]["head"], directions["accuracy"]["random_head"]
    return [
        {"dataset": d, "fraction": f, "accuracy": own[d][i], "random_head_accuracy": null[d][i]}
        for d in own
        for i, f in enumerate(directions["fractions"])
    ]


def category_series(concepts: dict) -> list[dict]:
    """Return unique concepts and polysemanticity per Broden category."""
    return [
        {"basis": basis, "category": category, **shown(counts)}
        for basis in ("directions", "features")
        for category, counts in concepts[basis]["categories"].items()
    ]


def sweep_series(concepts: dict) -> list[dict]:
    """Return unique concepts and polysemanticity per threshold of the average precision."""
    return [
        {"basis": basis, "threshold": counts["threshold"], **shown(counts)}
        for basis in ("directions", "features")
        for counts in concepts[basis]["sweep"]
    ]


def shown(counts: dict) -> dict:
    """Return what the report shows of encoded concepts."""
    return {"unique": counts["unique_concepts"], "polysemanticity": counts["polysemanticity"]}
