"""Every published model on every line: the numbers behind the results of stage `published`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
from jaxtyping import Float

from interpreting_clip.formats.result import Estimate
from interpreting_clip.published.figures import (
    KINDS,
    Published,
    distinct_models,
    timm_standard_models,
)
from interpreting_clip.published.line_choices import CHOICES, CURVED, MEANS, Choice
from interpreting_clip.published.line_fits import Fits, Robustness, fit_choice, robustness
from interpreting_clip.published.schema import Interval, Spread
from interpreting_clip.statistics.published_accuracies import (
    GUESSING,
    Settings,
    family_numbers,
    standard_models,
    without_guessing,
)
from interpreting_clip.statistics.standard_limit import StandardLimit, StandardModels
from interpreting_clip.statistics.standard_spread import standard_spread

DIGITS = 3
"""Decimals of accuracies and of effective robustness, both in percent, as in the sources."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """The numbers that stage `published` computes before it writes.

    Attributes
    ----------
    models : the models of the table, numbered from 0, with their `index` in `Published.models`,
        and whether each is `compared` under all choices
    aliases : other names of the same weights in OpenCLIP's table, by this index
    fits : by choice
    found : by choice
    spreads : how far the standard models lie from their lines, by choice and mean or shift
    limits : for one more standard model, by choice and mean; for curved lines
    means : by choice and the name of the mean, as `intervals`
    """

    models: pd.DataFrame
    aliases: dict[int, list[str]]
    fits: dict[str, Fits]
    found: dict[str, Robustness]
    spreads: dict[str, dict[str, Spread]]
    limits: dict[str, dict[str, StandardLimit]]
    means: dict[tuple[str, str], pd.DataFrame]


def analyse(published: Published, settings: Settings) -> Analysis:
    """Fit the line under every choice, and place every model that the table shows."""
    models, aliases = shown_models(published)
    standard = standard_models_by_source(published)
    fits = {
        key: fit_choice(choice, standard[choice.standard], settings)
        for key, choice in CHOICES.items()
    }
    robustness_by_choice, spreads, limits, means = {}, {}, {}, {}
    for key, choice in CHOICES.items():
        fitted = standard[choice.standard]
        distances = standard_distances(choice, fits[key], fitted)
        robustness_by_choice[key] = robustness(choice, fits[key], models)
        spreads[key] = spreads_of_standard_models(distances, fitted, settings.confidence)
        spreads[key] |= without_limits(spreads[key], choice, fits[CURVED].knees)
        limits[key] = limits_by_accuracy(choice, distances, fitted, settings.confidence)
        for name, shifts in MEANS.items():
            values, draws = robustness_by_choice[key].mean(shifts)
            means[key, name] = intervals(values, draws, settings.confidence)
    return Analysis(models, aliases, fits, robustness_by_choice, spreads, limits, means)


def standard_distances(choice: Choice, fits: Fits, models: pd.DataFrame) -> Robustness:
    """Compute how far standard models lie from the lines that were fitted to them."""
    # A shift's line was not fitted to models that are at chance on the shift.
    guessing = {shift: GUESSING[shift] for shift in fits.draws}
    return robustness(choice, fits, without_guessing(models, guessing))


def spreads_of_standard_models(
    distances: Robustness, models: pd.DataFrame, confidence: float
) -> dict[str, Spread]:
    """Summarise how far standard models lie from their lines, by each of `MEANS` and each shift.

    Each spread is over the models that all of its lines were fitted to.
    """
    spreads = {}
    for name, shifts in {**MEANS, **{shift: (shift,) for shift in distances.draws}}.items():
        over = [distances.points[s].to_numpy() for s in shifts if s in distances.draws]
        if spread := standard_spread(over, confidence):
            ends = intervals(*distances.mean(shifts), confidence)
            spreads[name] = Spread(
                models=spread.models,
                families=models.loc[ends["mean"].notna(), "family"].nunique(),
                deviation=rounded(spread.deviation),
                limit=rounded(spread.limit),
                largest=rounded(spread.largest),
                off_the_line=int(((ends["low"] > 0) | (ends["high"] < 0)).sum()),
            )
    return spreads


def without_limits(
    spreads: dict[str, Spread], choice: Choice, knees: Sequence[str]
) -> dict[str, Spread]:
    """Return the spreads that lose their constant limit, as `Spread` says."""
    bent = [name for name in spreads if name in knees]
    if choice.curved:
        bent += [name for name, shifts in MEANS.items() if not set(shifts).isdisjoint(knees)]
    return {name: msgspec.structs.replace(spreads[name], limit=None) for name in bent}


def limits_by_accuracy(
    choice: Choice, distances: Robustness, models: pd.DataFrame, confidence: float
) -> dict[str, StandardLimit]:
    """Return the limit of each mean over enough shifts around curved lines, else nothing."""
    if not choice.curved:
        return {}
    standard = StandardModels(
        imagenet=models["imagenet"].to_numpy(float) / 100,
        residuals={},
        curved_residuals={shift: distances.points[shift].to_numpy() for shift in distances.draws},
        families=family_numbers(models),
    )
    found = {name: standard.limit(shifts, confidence) for name, shifts in MEANS.items()}
    return {name: limit for name, limit in found.items() if limit}


def standard_models_by_source(published: Published) -> dict[str, pd.DataFrame]:
    """Return the standard models of each source that a line is fitted to."""
    return {"testbed": standard_models(), "timm": timm_standard_models(published.of("timm"))}


def shown_models(published: Published) -> tuple[pd.DataFrame, dict[int, list[str]]]:
    """Return the models of the table, each set of weights once, and `Analysis.aliases`.

    A model that several sources measured is shown as its first source in `same_models.csv` has it.
    The testbed's models only support its line.
    """
    timm, openclip = published.of("timm"), published.of("openclip")
    larger = timm[timm["training"] == "standard"].index.difference(timm_standard_models(timm).index)
    distinct, aliases = distinct_models(openclip)
    models = published.models.drop(larger).drop(openclip.index.difference(distinct.index))
    models = models[models["training"].isin(list(KINDS)) & (models["source"] != "testbed")]
    repeated = published.same.loc[published.same["first"].isin(models.index), "other"]
    models = models[~models.index.isin(repeated)].reset_index()
    models["training"] = models["training"].replace("standard", "supervised")
    # Lines other than the default's are fitted to supervised models; counterparts are compared
    # with their backbone's CLIPs under each choice.
    models["compared"] = (models["training"] != "supervised") | (models["counterpart_of"] != "")
    return models, aliases


def intervals(
    values: pd.Series, draws: Float[np.ndarray, "resample model"], confidence: float
) -> pd.DataFrame:
    """Return each model's value and the ends of its percentile interval; NaN where unknown."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return pd.DataFrame({"mean": values, "low": low, "high": high}).map(rounded)


def as_tuples(table: pd.DataFrame) -> list[Interval | None]:
    """Return the rows of `intervals`, None where unknown."""
    rows = table.itertuples(index=False, name=None)
    return [None if math.isnan(row[0]) else row for row in rows]


def rounded_interval(estimate: Estimate) -> Interval:
    """Return an estimate as value, low and high."""
    low, high = estimate.ends
    return rounded(estimate.value), rounded(low), rounded(high)


def rounded(number: float) -> float:
    """Return a number of a result, NumPy's or Python's, with `DIGITS` decimals."""
    return round(float(number), DIGITS)
