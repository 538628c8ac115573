"""What published models say of finetuning, of averaging weights, and of pretraining data."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Model, Settings
from interpreting_clip.measures.intervals import percentile_interval
from interpreting_clip.measures.least_squares import (
    fit_coefficients,
    r_squared,
    resample_coefficients,
)
from interpreting_clip.measures.rank_correlation import rank_correlation
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, MEANS, Fit, robustness
from interpreting_clip.published.models import (
    DIGITS,
    Analysis,
    Interval,
    intervals,
    rounded_interval,
)
from interpreting_clip.published.sources import Published

SOUPS, SCALING = "model_soups", "openclip_scaling"

START = "ViT-B-32/openai"
"""The zero-shot CLIP that the ingredients of the soups were finetuned from."""

NUMBERS = ("learning_rate", "epochs", "weight_decay", "mixup", "label_smoothing")
OUTCOMES = ("all", "natural", "style")
"""The means over shifts that are regressed."""


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A coefficient of a regression, in points, and its interval.

    `unit` says what it is points per. `values` are the lowest and the highest of the variable among
    the models.
    """

    name: str
    unit: str
    values: tuple[float, float]
    estimate: Interval


class Regression(msgspec.Struct, frozen=True, kw_only=True):
    """A least-squares regression of effective robustness over models.

    `largest_correlation` is that between any two of its variables, in absolute value: where it is
    high, their coefficients cannot be told apart.
    """

    outcome: str
    models: int
    r_squared: float
    largest_correlation: float
    terms: list[Term]


class Finetuning(msgspec.Struct, frozen=True, kw_only=True):
    """What finetuning costs, over the ingredients of the soups.

    `start` is the zero-shot model's effective robustness, by the means; `lowest`, `median` and
    `highest` are those of the finetuned models' mean over all shifts. `with_recipe` models have
    hyper-parameters. `learning_rate` is the rank correlation of the learning rate with this mean,
    `linear_correlation` Pearson's correlation of its logarithm.
    """

    start: dict[str, float]
    models: int
    lowest: float
    median: float
    highest: float
    with_recipe: int
    learning_rate: Interval
    linear_correlation: float
    regressions: list[Regression]


class Soup(msgspec.Struct, frozen=True, kw_only=True):
    """An average of finetuned weights beside its ingredients.

    `robustness` has its effective robustness, by the means. Of the `ingredients`, so many are less
    accurate on ImageNet, less robust in the mean of all shifts, and both.
    """

    name: str
    imagenet: float
    robustness: dict[str, float]
    ingredients: int
    less_accurate: int
    less_robust: int
    less_in_both: int


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """Effective robustness over pretraining data and compute, where no line is extrapolated."""

    models: int
    left_out: list[str]
    regressions: list[Regression]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `plots/published.json`."""

    confidence: float
    finetuning: Finetuning
    soups: list[Soup]
    scaling: Scaling


def published_findings(published: Published, analysis: Analysis, settings: Settings) -> Findings:
    """Compute what the published models say, all on the default's lines."""
    fits = analysis.fits[DEFAULT]
    return Findings(
        confidence=settings.confidence,
        finetuning=finetuning(published, fits, settings),
        soups=soups(published.of(SOUPS), fits),
        scaling=scaling(published.of(SCALING), fits, settings),
    )


def finetuning(published: Published, fits: Mapping[str, Fit], settings: Settings) -> Finetuning:
    """Regress the soups' ingredients' effective robustness on how each was finetuned.

    The hyper-parameters come from a random search (Wortsman et al. 2022), so that the variables are
    nearly uncorrelated, and any two models differ in all of them. The intervals are over models,
    each trained once, from one start and on one architecture. What counts of augmentation, mixup
    and label smoothing is whether there was a setting: of augmentation, how many operations it
    applies to an image explains less, and settings with none cost as much as the others. Models
    with equal accuracies count once, and the linear probe, which has no recipe, does not count.
    """
    models = [m for m in published.of(SOUPS) if m["training"] != "soup"]
    means, _ = mean_robustness(models, fits)
    tuned = {
        tuple(m[key] for key in ("imagenet", *TESTBED_SHIFTS)): i
        for i, m in enumerate(models)
        if m["learning_rate"]
    }
    kept = sorted(tuned.values())
    numbers = {key: np.array([float(models[i][key] or 0) for i in kept]) for key in NUMBERS}
    variables = {
        ("learning rate", "factor of ten"): np.log10(numbers["learning_rate"]),
        ("epochs", "epoch"): numbers["epochs"],
        ("weight decay", "factor of ten"): np.log10(numbers["weight_decay"]),
        ("augmentation", "with it"): np.array(
            [float(models[i]["augmentation"] != "") for i in kept]
        ),
        ("mixup", "with it"): (numbers["mixup"] > 0).astype(float),
        ("label smoothing", "with it"): (numbers["label_smoothing"] > 0).astype(float),
    }
    rates, every = np.log10(numbers["learning_rate"]), means["all"]
    (start,) = (m for m in published.of("openclip") if m["name"] == START)
    before, _ = mean_robustness([start], fits)
    correlation = rank_correlation(
        rates, every[kept], settings.resamples, settings.confidence, settings.seed
    )
    return Finetuning(
        start={name: round(float(value[0]), DIGITS) for name, value in before.items()},
        models=len(models),
        lowest=round(float(every.min()), DIGITS),
        median=round(float(np.median(every)), DIGITS),
        highest=round(float(every.max()), DIGITS),
        with_recipe=len(kept),
        learning_rate=rounded_interval(correlation),
        linear_correlation=round(float(np.corrcoef(rates, every[kept])[0, 1]), DIGITS),
        regressions=[regression(name, means[name][kept], variables, settings) for name in OUTCOMES],
    )


def soups(models: Sequence[Model], fits: Mapping[str, Fit]) -> list[Soup]:
    """Set the soups against their ingredients (Wortsman et al. 2022)."""
    means, _ = mean_robustness(models, fits)
    single = np.array([m["training"] != "soup" for m in models])
    accuracy, every = np.array([m["imagenet"] for m in models]), means["all"]
    found = []
    for i, model in enumerate(models):
        if model["training"] == "soup":
            accurate, robust = accuracy[single] < accuracy[i], every[single] < every[i]
            found.append(
                Soup(
                    name=model["name"],
                    imagenet=model["imagenet"],
                    robustness={k: round(float(v[i]), DIGITS) for k, v in means.items()},
                    ingredients=int(single.sum()),
                    less_accurate=int(accurate.sum()),
                    less_robust=int(robust.sum()),
                    less_in_both=int((accurate & robust).sum()),
                )
            )
    return found


def scaling(models: Sequence[Model], fits: Mapping[str, Fit], settings: Settings) -> Scaling:
    """Regress effective robustness on samples seen, size and data (Cherti et al. 2023).

    Compute per sample stands for the size of the model. The coefficients of the data sets are
    relative to LAION-400M. Models to which a line is extrapolated are left out.
    """
    models = [m for m in models if m["data"].startswith("LAION")]
    means, beyond = mean_robustness(models, fits)
    kept = np.flatnonzero(~beyond)
    seen = np.array([samples_seen(models[i]) for i in kept])
    compute = np.array([float(models[i]["gmacs_total"]) for i in kept])
    variables = {
        ("samples seen", "factor of ten"): np.log10(seen),
        ("compute per sample", "factor of ten"): np.log10(compute / seen),
    }
    for data in ("LAION-80M", "LAION-2B"):
        chosen = np.array([float(models[i]["data"] == data) for i in kept])
        variables[data, "in place of LAION-400M"] = chosen
    return Scaling(
        models=len(kept),
        left_out=[models[i]["name"] for i in np.flatnonzero(beyond)],
        regressions=[regression(name, means[name][kept], variables, settings) for name in OUTCOMES],
    )


def regression(
    outcome: str,
    y: Float[np.ndarray, " model"],
    variables: Mapping[tuple[str, str], Float[np.ndarray, " model"]],
    settings: Settings,
) -> Regression:
    """Regress points of effective robustness on variables, given by name and unit."""
    columns = np.stack(list(variables.values()), axis=1)
    design = np.column_stack([columns, np.ones(len(y))])
    coefficients = fit_coefficients(design, y)
    draws = resample_coefficients(design, y, settings.resamples, settings.seed)
    correlations = np.corrcoef(columns, rowvar=False) - np.eye(columns.shape[1])
    return Regression(
        outcome=outcome,
        models=len(y),
        r_squared=round(r_squared(y, y - design @ coefficients), DIGITS),
        largest_correlation=round(float(np.abs(correlations).max()), DIGITS),
        terms=[
            Term(
                name=name,
                unit=unit,
                values=(round(float(values.min()), DIGITS), round(float(values.max()), DIGITS)),
                estimate=rounded_interval(
                    percentile_interval(coefficients[i], draws[:, i], settings.confidence)
                ),
            )
            for i, ((name, unit), values) in enumerate(variables.items())
        ],
    )


def mean_robustness(
    models: Sequence[Model], fits: Mapping[str, Fit]
) -> tuple[dict[str, Float[np.ndarray, " model"]], Bool[np.ndarray, " model"]]:
    """Return the mean effective robustness of models, and whether a line is extrapolated."""
    found = robustness(CHOICES[DEFAULT], fits, models)
    means = {name: found.mean(shifts)[0] for name, shifts in MEANS.items()}
    return means, np.any(list(found.extrapolated.values()), axis=0)


def samples_seen(model: Model) -> float:
    """Return how many image-text pairs a model has seen, from text such as `13B`."""
    return float(model["samples_seen"].removesuffix("B")) * 1e9


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
`high` are the interval of `all`.
"""


def finetuning_rows(published: Published, fits: Mapping[str, Fit]) -> list[dict[str, Any]]:
    """Return the soups, their ingredients and the zero-shot model that they started from."""
    start = [m for m in published.of("openclip") if m["name"] == START]
    models = [*start, *published.of(SOUPS)]
    means, _ = mean_robustness(models, fits)
    return [
        {key: m.get(key, "") for key in FINETUNING_COLUMNS}
        | {"model": m["name"]}
        | {name: float(means[name][i]) for name in OUTCOMES}
        for i, m in enumerate(models)
    ]


def scaling_rows(
    models: Sequence[Model], fits: Mapping[str, Fit], settings: Settings
) -> list[dict[str, Any]]:
    """Return the models of the scaling study, and OpenAI's, which it has for comparison."""
    found = robustness(CHOICES[DEFAULT], fits, models)
    means, beyond = mean_robustness(models, fits)
    every = intervals(*found.mean(MEANS["all"]), settings.confidence)
    rows = []
    for i, model in enumerate(models):
        _, low, high = every[i] or (None, None, None)
        rows.append(
            {key: model.get(key, "") for key in SCALING_COLUMNS}
            | {"model": model["name"], "samples_seen": samples_seen(model)}
            | {"gmacs_total": float(model["gmacs_total"])}
            | {name: float(means[name][i]) for name in OUTCOMES}
            | {"low": low, "high": high, "extrapolated": bool(beyond[i])}
        )
    return rows
