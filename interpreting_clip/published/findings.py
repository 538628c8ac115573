"""What published models say of finetuning, of averaging weights, and of pretraining data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Settings
from interpreting_clip.measures.intervals import percentile_interval
from interpreting_clip.measures.least_squares import resample_coefficients
from interpreting_clip.measures.rank_correlation import rank_correlation
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, MEANS
from interpreting_clip.published.line_fits import Fit, robustness
from interpreting_clip.published.models import Analysis, intervals, rounded, rounded_interval
from interpreting_clip.published.schema import (
    START,
    Findings,
    Finetuning,
    Regression,
    Scaling,
    Soup,
    Term,
)
from interpreting_clip.published.sources import Published

SOUPS, SCALING = "model_soups", "openclip_scaling"

OUTCOMES = ("all", "natural", "style")
"""The means over shifts that are regressed."""


def published_findings(published: Published, analysis: Analysis, settings: Settings) -> Findings:
    """Compute what the published models say, all on the default's lines."""
    fits = analysis.fits[DEFAULT]
    tuned = finetuning_table(published, fits, settings)
    return Findings(
        confidence=settings.confidence,
        finetuning=finetuning(tuned, settings),
        soups=soups(tuned),
        scaling=scaling(scaling_table(published, fits, settings), settings),
    )


def finetuning(models: pd.DataFrame, settings: Settings) -> Finetuning:
    """Regress the soups' ingredients' effective robustness on how each was finetuned.

    The hyper-parameters come from a random search (Wortsman et al. 2022), so that the variables are
    nearly uncorrelated, and any two models differ in all of them. The intervals are over models,
    each trained once, from one start and on one architecture. What counts of augmentation, mixup
    and label smoothing is whether there was a setting: of augmentation, how many operations it
    applies to an image explains less, and settings with none cost as much as the others. Models
    with equal accuracies count once, and the linear probe, which has no recipe, does not count.
    """
    (start,) = models[models["model"] == START].to_dict("records")
    models = models[(models["source"] == SOUPS) & (models["training"] != "soup")]
    tuned = models[models["learning_rate"] != ""]
    tuned = tuned.drop_duplicates(["imagenet", *TESTBED_SHIFTS], keep="last")
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
    rates, every = variables["learning rate", "factor of ten"], tuned["all"]
    correlation = rank_correlation(
        *(rates.to_numpy(), every.to_numpy()),
        *(settings.resamples, settings.confidence, settings.seed),
    )
    return Finetuning(
        start={name: rounded(start[name]) for name in MEANS},
        models=len(models),
        lowest=rounded(models["all"].min()),
        median=rounded(models["all"].median()),
        highest=rounded(models["all"].max()),
        with_recipe=len(tuned),
        learning_rate=rounded_interval(correlation),
        linear_correlation=rounded(rates.corr(every)),
        regressions=[regression(name, tuned[name], variables, settings) for name in OUTCOMES],
    )


def soups(models: pd.DataFrame) -> list[Soup]:
    """Set the soups against their ingredients (Wortsman et al. 2022)."""
    ingredients = models[(models["source"] == SOUPS) & (models["training"] != "soup")]
    found = []
    for soup in models[models["training"] == "soup"].to_dict("records"):
        less_accurate = ingredients["imagenet"] < soup["imagenet"]
        less_robust = ingredients["all"] < soup["all"]
        found.append(
            Soup(
                name=soup["model"],
                imagenet=soup["imagenet"],
                robustness={name: rounded(soup[name]) for name in MEANS},
                ingredients=len(ingredients),
                less_accurate=int(less_accurate.sum()),
                less_robust=int(less_robust.sum()),
                less_in_both=int((less_accurate & less_robust).sum()),
            )
        )
    return found


def scaling(models: pd.DataFrame, settings: Settings) -> Scaling:
    """Regress effective robustness on samples seen, size and data (Cherti et al. 2023).

    Compute per sample stands for the size of the model. The coefficients of the data sets are
    relative to LAION-400M. Models to which a line is extrapolated are left out.
    """
    models = models[models["data"].str.startswith("LAION")]
    kept = models[~models["extrapolated"]]
    seen, compute = kept["samples_seen"], kept["gmacs_total"]
    variables = pd.DataFrame(
        {
            ("samples seen", "factor of ten"): np.log10(seen),
            ("compute per sample", "factor of ten"): np.log10(compute / seen),
            ("LAION-80M", "in place of LAION-400M"): kept["data"] == "LAION-80M",
            ("LAION-2B", "in place of LAION-400M"): kept["data"] == "LAION-2B",
        }
    )
    return Scaling(
        models=len(kept),
        left_out=models.loc[models["extrapolated"], "model"].tolist(),
        regressions=[regression(name, kept[name], variables, settings) for name in OUTCOMES],
    )


def regression(
    outcome: str, points: pd.Series, variables: pd.DataFrame, settings: Settings
) -> Regression:
    """Regress points of effective robustness on variables, columns of a name and a unit."""
    x, y = variables.to_numpy(float), points.to_numpy()
    fit = LinearRegression().fit(x, y)
    draws = resample_coefficients(
        np.column_stack([x, np.ones(len(y))]), y, settings.resamples, settings.seed
    )
    correlations = np.corrcoef(x, rowvar=False) - np.eye(x.shape[1])
    return Regression(
        outcome=outcome,
        models=len(y),
        r_squared=rounded(fit.score(x, y)),
        largest_correlation=rounded(np.abs(correlations).max()),
        terms=[
            Term(
                name=name,
                unit=unit,
                values=(rounded(x[:, i].min()), rounded(x[:, i].max())),
                estimate=rounded_interval(
                    percentile_interval(fit.coef_[i], draws[:, i], settings.confidence)
                ),
            )
            for i, (name, unit) in enumerate(variables.columns.to_list())
        ],
    )


FINETUNING_COLUMNS = (
    *("model", "training", "learning_rate", "weight_decay", "epochs", "augmentation", "mixup"),
    *("label_smoothing", "imagenet", *TESTBED_SHIFTS, *OUTCOMES),
)
SCALING_COLUMNS = (
    *("model", "architecture", "data", "samples_seen", "gmacs_total", "imagenet", *TESTBED_SHIFTS),
    *(*OUTCOMES, "low", "high", "extrapolated"),
)
"""Columns of `plots/finetuning.csv` and `plots/scaling.csv`.

Accuracies are in percent, means in points. `samples_seen` and `gmacs_total` are numbers; `low` and
`high` are the interval of `all`; `extrapolated` is whether any line is extrapolated to a model.
"""


def finetuning_table(
    published: Published, fits: Mapping[str, Fit], settings: Settings
) -> pd.DataFrame:
    """Return the soups, their ingredients and the zero-shot model that they started from."""
    openclip = published.of("openclip")
    start = openclip[openclip["name"] == START]
    return with_robustness(pd.concat([start, published.of(SOUPS)]), fits, settings)


def scaling_table(
    published: Published, fits: Mapping[str, Fit], settings: Settings
) -> pd.DataFrame:
    """Return the models of the scaling study, and OpenAI's, which it has for comparison."""
    models = with_robustness(published.of(SCALING), fits, settings)
    # In billions of image-text pairs, such as `13B`.
    seen = models["samples_seen"].str.removesuffix("B").astype(float) * 1e9
    return models.assign(samples_seen=seen, gmacs_total=models["gmacs_total"].astype(float))


def with_robustness(
    models: pd.DataFrame, fits: Mapping[str, Fit], settings: Settings
) -> pd.DataFrame:
    """Return models with the means of their effective robustness, and what else the tables have."""
    found = robustness(CHOICES[DEFAULT], fits, models)
    means = {name: found.mean(shifts)[0] for name, shifts in MEANS.items()}
    ends = intervals(*found.mean(MEANS["all"]), settings.confidence)[["low", "high"]]
    models = models.rename(columns={"name": "model"}).join(ends)
    return models.assign(**means, extrapolated=found.extrapolated.any(axis=1))
