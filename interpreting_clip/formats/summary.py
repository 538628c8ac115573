"""One encoder's results as the page shows them: its measures, and the series of its plots.

What a study does not have is null: a shift's numbers, and `concepts` if it has no Broden.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from interpreting_clip.config.shifts import TESTBED_SHIFTS, own_shifts

SETS = ("imagenet", *TESTBED_SHIFTS)
"""The test sets that every study's results name; what a study does not have is null."""

BASES = ("directions", "features")

ALL = "all"
"""The category in the counts of all concepts."""

OUTLIERS = ("features", "outlier_sigma", "outlier_share", "hiding_outliers", "sweep")
"""What the page says about an encoder's outlier features besides their number."""


AXIS = ("feature", "share", "cosine", "rank", "within", "within_top", "logit_variance")
"""What the page says about the axis of an outlier feature besides its costs."""


def encoder_metrics(
    robustness: dict, kurtosis: dict, directions: dict, concepts: dict | None
) -> dict[str, Any]:
    """Return an encoder's `measures` in `plots/encoders/<encoder>.json`, the same keys for each.

    `importance_ratio` is the largest importance of a direction over the median one. If a shift of
    the testbed's is absent, or has other classes than its line, `shifts` lists those that the mean
    effective robustness is over. `not_given` lists those that an encoder's folder of activations
    lacks. `own_shifts` has the numbers of each of the study's own shifts, and is left out if there
    is none.
    """
    kurtosis_mean = kurtosis["kurtosis"]
    own = robustness.get("own", {})
    return {
        **{
            name: {one: robustness[name].get(one) for one in (*SETS, *own)}
            for name in ("accuracy", "images", "classes")
        },
        **({"own_shifts": own} if own else {}),
        "effective_robustness": _robustness_metrics(
            robustness["effective_robustness"], robustness.get("not_given", [])
        ),
        "kurtosis": {
            "mean": kurtosis_mean["value"],
            "low": kurtosis_mean["low"],
            "high": kurtosis_mean["high"],
            "outlier_features": len(kurtosis["outlier_features"]["feature"]),
            "largest_share": kurtosis["largest_share"],
        },
        "directions": _direction_metrics(directions, robustness["pruned"]),
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
    own, other = _own_and_other(directions)
    random = directions["random_heads"]
    bases = [(basis, concepts[basis]) for basis in BASES] if concepts else []
    return {
        "representation": kurtosis["representation"],
        "outliers": {name: kurtosis[name] for name in OUTLIERS} | _outlier_axes(kurtosis),
        "importance": {
            "head": own["importance"],
            "other": other["importance"],
            "random_head": random["importance"],
        },
        "logit_variance": own["logit_variance"],
        "pruning": [
            {
                "dataset": dataset,
                "fraction": fraction,
                "accuracy": own["accuracy"][dataset][i],
                "other_accuracy": other["accuracy"][dataset][i],
                "random_head_accuracy": fmean(one[dataset][i] for one in random["accuracy"]),
            }
            for dataset in (*SETS, *own_shifts(robustness["accuracy"]))
            if dataset in own["accuracy"]
            for i, fraction in enumerate(directions["fractions"])
        ],
        "pruned_robustness": _pruned_robustness(robustness["pruned"]),
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


def _own_and_other(directions: dict) -> tuple[dict, dict]:
    """Return the directions with the study's centring, and those with the other one."""
    heads, centre = directions["heads"], directions["centre"]
    (other,) = (name for name in heads if name != centre)
    return heads[centre], heads[other]


def _direction_metrics(directions: dict, pruned: dict) -> dict[str, Any]:
    own, _ = _own_and_other(directions)
    return {
        "centre": directions["centre"],
        "count": len(own["importance"]),
        "importance_ratio": own["importance_ratio"],
        **pruned["head"],
        "extrapolated": pruned["extrapolated"],
        "random_heads": {
            name: _spread([one[name] for one in pruned["random_heads"]]) for name in pruned["head"]
        },
        "mean_row": directions["mean_row"],
        "heads": {
            name: {
                "count": len(one["importance"]),
                "importance_ratio": one["importance_ratio"],
                "spectrum": one["spectrum"],
                "first_logit_variance": one["logit_variance"][0],
                "by_accuracy": one["prunable"],
            }
            for name, one in directions["heads"].items()
        },
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Return the mean over random heads and the quantiles of 5 and 95 %; None without values."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    low, high = np.quantile(known, (0.05, 0.95)).tolist()
    return {"mean": fmean(known), "low": low, "high": high}


def _pruned_robustness(pruned: dict) -> list[dict[str, Any]]:
    robust, random = pruned["robustness"], pruned["random_robustness"]
    return [
        {
            "fraction": fraction,
            "robustness": robust[i],
            "random_head_robustness": random[i],
            "extrapolated": fraction in pruned["extrapolated"],
        }
        for i, fraction in enumerate(pruned["fractions"])
        if robust is not None
    ]


def _robustness_metrics(estimates: dict, not_given: list[str]) -> dict[str, Any]:
    mean = estimates.get("mean", {})
    measured = [shift for shift in TESTBED_SHIFTS if shift in estimates]
    return {
        **{shift: estimates.get(shift, {}).get("value") for shift in TESTBED_SHIFTS},
        "mean": mean.get("value"),
        "mean_low": mean.get("low"),
        "mean_high": mean.get("high"),
        "natural": estimates.get("natural"),
        "style": estimates.get("style"),
        "extrapolated": estimates.get("extrapolated", []),
        **({} if len(measured) == len(TESTBED_SHIFTS) else {"shifts": measured}),
        **({"not_given": not_given} if not_given else {}),
    }


def _outlier_axes(kurtosis: dict) -> dict[str, Any]:
    axes, outliers = kurtosis["axes"], len(kurtosis["outlier_features"]["feature"])
    return {
        "typical_cosine": axes["typical_cosine"],
        "typical_logit_variance": axes["typical_logit_variance"],
        "tops": axes["tops"],
        "axes": [
            {
                **{name: axes[name][i] for name in AXIS},
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
    shared = ("measured", "minimum_images", "left_out", "null_draws", "false_discovery_rate")
    found: dict[str, Any] = {name: (concepts or {}).get(name) for name in shared}
    for basis in BASES:
        counts = concepts[basis] if concepts else {}
        found[f"unique_{basis}"] = counts.get("unique_concepts")
        found[f"polysemanticity_{basis}"] = counts.get("polysemanticity")
        for end in ("low", "high"):
            found[f"unique_{basis}_{end}"] = counts.get(f"unique_{end}")
            found[f"polysemanticity_{basis}_{end}"] = counts.get(f"polysemanticity_{end}")
        found[f"chance_{basis}"] = _by_chance(counts) if concepts else None
        found[f"discovered_{basis}"] = counts.get("discovered")
    return found


def _encoded(counts: dict) -> dict[str, Any]:
    return {
        "unique": counts["unique_concepts"],
        "low": counts["unique_low"],
        "high": counts["unique_high"],
        "polysemanticity": counts["polysemanticity"],
        **_by_chance(counts),
    }


def _by_chance(counts: dict) -> dict[str, Any]:
    """Return the count against all images, and what both nulls give for it and for the other."""
    nulls = {
        f"{null}{suffix}": counts[null][key]
        for null in ("permuted", "random")
        for suffix, key in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }
    return nulls | {
        "over_all": counts["over_all"],
        "over_all_permuted": counts["over_all_permuted"]["mean"],
        "over_all_random": counts["over_all_random"]["mean"],
    }
