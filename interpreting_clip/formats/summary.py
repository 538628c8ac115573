"""One encoder's results as the page shows them: its measures, and the series of its plots.

What a study does not have is null: a shift's numbers, and `concepts` if it has no Broden.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from interpreting_clip.config.shifts import SHIFTS

SETS = ("imagenet", *SHIFTS)

BASES = ("directions", "features")

ALL = "all"
"""The category in the counts of all concepts."""

OUTLIERS = ("features", "outlier_sigma", "outlier_share", "hiding_outliers", "sweep")
"""What the page says about an encoder's outlier features besides their number."""


def encoder_metrics(
    robustness: dict, kurtosis: dict, directions: dict, concepts: dict | None
) -> dict[str, Any]:
    """Return an encoder's `measures` in `plots/encoders/<encoder>.json`, the same keys for each.

    `importance_ratio` is the largest importance of a direction over the median one. If a shift is
    absent, or has other classes than its line, `shifts` lists those that the mean effective
    robustness is over.
    """
    kurtosis_mean, importance = kurtosis["kurtosis"], directions["importance"]["head"]
    return {
        "accuracy": {name: robustness["accuracy"].get(name) for name in SETS},
        "images": {name: robustness["images"].get(name) for name in SETS},
        "classes": {name: robustness["classes"].get(name) for name in SETS},
        "effective_robustness": _robustness_metrics(robustness["effective_robustness"]),
        "kurtosis": {
            "mean": kurtosis_mean["value"],
            "low": kurtosis_mean["low"],
            "high": kurtosis_mean["high"],
            "outlier_features": len(kurtosis["outlier_features"]["feature"]),
            "largest_share": kurtosis["largest_share"],
        },
        "directions": {
            "count": len(importance),
            "prunable": directions["prunable"],
            "importance_ratio": importance[0] / median(importance),
        },
        "concepts": _concept_metrics(concepts),
    }


def plot_series(
    robustness: dict,
    kurtosis: dict,
    directions: dict,
    concepts: dict | None,
    *,
    curve: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what `plots/encoders/<encoder>.json` holds besides the measures.

    `curve` holds the points of the training curve, accuracy as a fraction, and is empty for an
    encoder that was not trained here.
    """
    head, random_head = directions["accuracy"]["head"], directions["accuracy"]["random_head"]
    bases = [(basis, concepts[basis]) for basis in BASES] if concepts else []
    return {
        "representation": kurtosis["representation"],
        "outliers": {name: kurtosis[name] for name in OUTLIERS} | _outlier_axes(kurtosis),
        "importance": directions["importance"],
        "pruning": [
            {
                "dataset": dataset,
                "fraction": fraction,
                "accuracy": head[dataset][i],
                "random_head_accuracy": random_head[dataset][i],
            }
            for dataset in head
            for i, fraction in enumerate(directions["fractions"])
        ],
        "concepts": [
            {"basis": basis, "category": category, **_encoded(counts)}
            for basis, encoded in bases
            for category, counts in {ALL: encoded, **encoded["categories"]}.items()
        ],
        "encoded": [
            {"basis": basis, **pair} for basis, encoded in bases for pair in encoded["encoded"]
        ],
        "pairs": {basis: encoded["pairs"] for basis, encoded in bases},
        "sweep": [
            {"basis": basis, "threshold": counts["threshold"], **_encoded(counts)}
            for basis, encoded in bases
            for counts in encoded["sweep"]
        ],
        "concept_names": {basis: encoded["names"] for basis, encoded in bases},
        "training_curve": [{**point, "accuracy": 100 * point["accuracy"]} for point in curve],
        "abscissa": robustness["abscissa"],
        "left_out": robustness["left_out"],
    }


def _robustness_metrics(estimates: dict) -> dict[str, Any]:
    mean = estimates.get("mean", {})
    measured = [shift for shift in SHIFTS if shift in estimates]
    return {
        **{shift: estimates.get(shift, {}).get("value") for shift in SHIFTS},
        "mean": mean.get("value"),
        "mean_low": mean.get("low"),
        "mean_high": mean.get("high"),
        "extrapolated": estimates.get("extrapolated", []),
        **({} if len(measured) == len(SHIFTS) else {"shifts": measured}),
    }


def _outlier_axes(kurtosis: dict) -> dict[str, Any]:
    axes, outliers = kurtosis["axes"], len(kurtosis["outlier_features"]["feature"])
    return {
        "typical_cosine": axes["typical_cosine"],
        "axes": [
            {
                **{
                    name: axes[name][i] for name in ("feature", "share", "cosine", "rank", "within")
                },
                "outlier": i < outliers,
                "costs": {
                    dataset: {end: values[i] for end, values in cost.items()}
                    for dataset, cost in axes["costs"].items()
                },
            }
            for i in range(len(axes["feature"]))
        ],
    }


def _concept_metrics(concepts: dict | None) -> dict[str, Any]:
    found: dict[str, Any] = {"measured": concepts["measured"] if concepts else None}
    for basis in BASES:
        counts = concepts[basis] if concepts else {}
        found[f"unique_{basis}"] = counts.get("unique_concepts")
        found[f"polysemanticity_{basis}"] = counts.get("polysemanticity")
        for end in ("low", "high"):
            found[f"unique_{basis}_{end}"] = counts.get(f"unique_{end}")
            found[f"polysemanticity_{basis}_{end}"] = counts.get(f"polysemanticity_{end}")
    return found


def _encoded(counts: dict) -> dict[str, Any]:
    return {
        "unique": counts["unique_concepts"],
        "low": counts["unique_low"],
        "high": counts["unique_high"],
        "polysemanticity": counts["polysemanticity"],
    }
