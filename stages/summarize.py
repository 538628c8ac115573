"""Stage `summarize`: one encoder's metrics and the series of its plots, in git."""

from pathlib import Path
from statistics import median

from stages.storage.curves import read_curve
from stages.storage.launch import launch
from stages.storage.results import read_json, write_json

DATA = Path("data")


def main(key: str) -> None:
    """Write encoder `key`'s metrics, with the same keys for every encoder, and its series."""
    robustness = read_json(DATA / "robustness" / f"{key}.json")
    kurtosis = read_json(DATA / "kurtosis" / key / "kurtosis.json")
    directions = read_json(DATA / "directions" / key / "directions.json")
    concepts = read_json(DATA / "concepts" / key / "concepts.json")
    metrics = {
        "accuracy": robustness["accuracy"],
        "effective_robustness": robustness_metrics(robustness["effective_robustness"]),
        "kurtosis": kurtosis_metrics(kurtosis),
        "directions": direction_metrics(directions),
        "concepts": concept_metrics(concepts),
    }
    write_json(Path("metrics/encoders") / f"{key}.json", metrics, digits=4)
    series = {
        "representation": kurtosis["representation"],
        "importance": directions["importance"],
        "pruning": pruning_series(directions),
        "concepts": category_series(concepts),
        "sweep": sweep_series(concepts),
        "training_curve": curve_series(DATA / "training" / key),
        "robustness": robustness["baseline"],
    }
    write_json(Path("plots/encoders") / f"{key}.json", series)


def robustness_metrics(estimates: dict) -> dict:
    """Return effective robustness per shift and its mean with the interval, in points."""
    values = {name: estimate["value"] for name, estimate in estimates.items()}
    return {**values, "mean_low": estimates["mean"]["low"], "mean_high": estimates["mean"]["high"]}


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


def concept_metrics(concepts: dict) -> dict:
    """Return unique concepts and polysemanticity of the directions and of the features."""
    values = {}
    for basis in ("directions", "features"):
        values[f"unique_{basis}"] = concepts[basis]["unique_concepts"]
        values[f"polysemanticity_{basis}"] = concepts[basis]["polysemanticity"]
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


def curve_series(directory: Path) -> list[dict]:
    """Return the training curve, its accuracy in percent; empty when the encoder came ready."""
    return [{**point, "accuracy": 100 * point["accuracy"]} for point in read_curve(directory)]


if __name__ == "__main__":
    launch(main)
