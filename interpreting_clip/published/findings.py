"""Findings of published models on finetuning, averaging weights and pretraining data."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.analysis import robustness, rounded, rounded_interval
from interpreting_clip.published.figures import Published
from interpreting_clip.published.line_choices import MEANS
from interpreting_clip.published.schema import START
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.intervals import percentile_interval
from interpreting_clip.statistics.least_squares import resample_coefficients
from interpreting_clip.statistics.published_accuracies import Settings

SOUPS = "model_soups"

SCALING_STEPS = {
    "samples": (("3B", "13B"), ("13B", "34B")),
    "architecture": (
        *(("ViT-B-32", "ViT-B-16"), ("ViT-B-16", "ViT-L-14")),
        *(("ViT-L-14", "ViT-H-14"), ("ViT-L-14", "ViT-g-14")),
    ),
    "data": (("LAION-400M", "LAION-80M"), ("LAION-400M", "LAION-2B")),
}
"""The variables of the scaling study, and the steps of each that are compared."""


def published_findings(
    tuned: pd.DataFrame, scaled: pd.DataFrame, settings: Settings
) -> dict[str, Any]:
    """Return the content of `plots/published.json`, all on the default's lines, in points.

    `tuned` and `scaled` are the `finetuning_table` and the `scaling_table`.
    """
    return {
        "confidence": settings.confidence,
        "finetuning": finetuning(tuned, settings),
        "soups": soups(tuned),
        "scaling": scaling(scaled, settings),
    }


def finetuning(models: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Regress the soups' ingredients' effective robustness on how each was finetuned.

    The hyper-parameters come from a random search (Wortsman et al. 2022), so that the variables are
    nearly uncorrelated, and any two models differ in all of them. The intervals are over models,
    each trained once, from one start and on one architecture. Augmentation, mixup and label
    smoothing count as set or not: the number of operations that augmentation applies to an image
    explains less, and settings with none cost as much as the others. Models with equal accuracies
    count once. The linear probe, which the others started from, has no recipe and stands apart.

    Returns
    -------
    findings
        The mean robustness of the `start` and of the `probe`, the spread of the other `models`, and
        the `regression` over the `distinct` ones.
    """
    (start,) = models[models["model"] == START].to_dict("records")
    (probe,) = models.loc[models["training"] == "probed", "all"]
    models = models[(models["source"] == SOUPS) & (models["training"] == "finetuned")]
    tuned = models.drop_duplicates(["imagenet", *TESTBED_SHIFTS], keep="last")
    numbers = ["learning_rate", "epochs", "weight_decay", "mixup", "label_smoothing"]
    recipes = tuned[numbers].replace("", "0").astype(float)
    variables = pd.DataFrame(
        {
            ("learning rate", "factor of ten"): np.log10(recipes["learning_rate"]),
            ("epochs", "epoch"): recipes["epochs"],
            ("weight decay", "factor of ten"): np.log10(recipes["weight_decay"]),
            ("augmentation", "with it"): tuned["augmentation"] != "",
            ("mixup", "with it"): recipes["mixup"] > 0,
            ("label smoothing", "with it"): recipes["label_smoothing"] > 0,
        }
    )
    return {
        "start": {name: rounded(start[name]) for name in MEANS},
        "probe": rounded(probe),
        "models": len(models),
        "distinct": len(tuned),
        "lowest": rounded(models["all"].min()),
        "median": rounded(models["all"].median()),
        "highest": rounded(models["all"].max()),
        "regression": regression(tuned["all"], variables, settings),
    }


def soups(models: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the soups, averages of the ingredients' weights (Wortsman et al. 2022)."""
    return [
        {
            "name": soup["model"],
            "imagenet": soup["imagenet"],
            "robustness": {name: rounded(soup[name]) for name in MEANS},
        }
        for soup in models[models["training"] == "soup"].to_dict("records")
    ]


def scaling(models: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Compare models that differ in one of samples seen, architecture and data.

    The models are from Cherti et al. (2023), without models to which a line is extrapolated.
    A regression over them would hide that later steps are worth less than earlier ones, and
    its interval would take models of one architecture for independent.
    """
    models = models[models["data"].str.startswith("LAION")]
    kept = models[~models["extrapolated"]]
    seen = (kept["samples_seen"] / 1e9).map("{:g}B".format)
    return {
        "models": len(kept),
        "left_out": models.loc[models["extrapolated"], "model"].tolist(),
        "contrasts": [
            contrast(kept.assign(samples=seen), variable, step, settings)
            for variable, steps in SCALING_STEPS.items()
            for step in steps
        ],
    }


def contrast(
    models: pd.DataFrame, variable: str, step: tuple[str, str], settings: Settings
) -> dict[str, Any]:
    """Compare each model at a step's beginning with the otherwise equal model at its end.

    Samples and architectures change compute, so the change is per factor of ten in compute. At one
    architecture this is the factor of samples seen, which their names round: "3B" are 2.4 to 2.6
    billion. The interval is over architectures, from the same bootstrap as the lines' intervals,
    and has the tails of Student's t.
    """
    others = [name for name in SCALING_STEPS if name != variable]
    before, after = (models[models[variable] == value].set_index(others) for value in step)
    change = after["all"] - before["all"]
    if variable != "data":
        change = change / np.log10(after["gmacs_total"] / before["gmacs_total"])
    # A model without a partner has no change.
    change = change.dropna()
    interval = None
    if variable != "architecture":
        architectures, names = change.index.get_level_values("architecture").factorize()
        if len(names) > 2:  # with two, an interval is so wide that it says nothing
            draws = resample_coefficients(
                np.ones((len(change), 1)),
                change.to_numpy(),
                settings.resamples,
                settings.seed,
                architectures,
            )
            estimate = percentile_interval(change.mean(), draws[:, 0], settings.confidence)
            interval = rounded_interval(estimate)
    return {
        "variable": variable,
        "first": step[0],
        "second": step[1],
        "mean": rounded(change.mean()),
        "interval": interval,
        "changes": dict(zip(change.index.map(", ".join), change.map(rounded), strict=True)),
    }


def regression(points: pd.Series, variables: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Regress points of effective robustness on variables, columns of a name and a unit."""
    x, y = variables.to_numpy(float), points.to_numpy()
    fit = LinearRegression().fit(x, y)
    draws = resample_coefficients(
        np.column_stack([x, np.ones(len(y))]), y, settings.resamples, settings.seed
    )
    terms = []
    for i, (name, unit) in enumerate(variables.columns.to_list()):
        estimate = percentile_interval(fit.coef_[i], draws[:, i], settings.confidence)
        terms.append({"name": name, "unit": unit, "estimate": rounded_interval(estimate)})
    return {"r_squared": rounded(fit.score(x, y)), "terms": terms}


def finetuning_table(published: Published, lines: ShiftLines) -> pd.DataFrame:
    """Return the soups, their ingredients and the zero-shot model that they started from."""
    openclip = published.of("openclip")
    start = openclip[openclip["name"] == START]
    return with_robustness(pd.concat([start, published.of(SOUPS)]), lines)


def scaling_table(published: Published, lines: ShiftLines) -> pd.DataFrame:
    """Return the models of the scaling study, and OpenAI's, which it has for comparison."""
    models = with_robustness(published.of("openclip_scaling"), lines)
    # In billions of image-text pairs, such as `13B`.
    seen = models["samples_seen"].str.removesuffix("B").astype(float) * 1e9
    return models.assign(samples_seen=seen, gmacs_total=models["gmacs_total"].astype(float))


def with_robustness(models: pd.DataFrame, lines: ShiftLines) -> pd.DataFrame:
    """Return models with the means of their effective robustness and the tables' other columns."""
    placed = robustness(lines, models)
    means = {name: placed.mean(shifts)[0] for name, shifts in MEANS.items()}
    return models.rename(columns={"name": "model"}).assign(
        **means, extrapolated=placed.extrapolated.any(axis=1)
    )
