"""Every published model on every line: the numbers behind the results of stage `published`."""

import math
from dataclasses import dataclass

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
from interpreting_clip.published.line_choices import CHOICES, MEANS, Choice
from interpreting_clip.published.line_fits import Fits, Robustness, fit_choice, robustness
from interpreting_clip.published.schema import Interval, Spread
from interpreting_clip.statistics.published_accuracies import (
    Settings,
    fractions_above_chance,
    standard_models,
)
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
    means : by choice and the name of the mean, as `intervals`
    """

    models: pd.DataFrame
    aliases: dict[int, list[str]]
    fits: dict[str, Fits]
    found: dict[str, Robustness]
    spreads: dict[str, dict[str, Spread]]
    means: dict[tuple[str, str], pd.DataFrame]


def analyse(published: Published, settings: Settings) -> Analysis:
    """Fit the line under every choice, and place every model that the table shows."""
    models, aliases = shown_models(published)
    standard = standard_models_by_source(published)
    fits, robustness_by_choice, spreads, means = {}, {}, {}, {}
    for key, choice in CHOICES.items():
        fitted = standard[choice.standard]
        fits[key] = fit_choice(choice, fitted, settings)
        robustness_by_choice[key] = robustness(choice, fits[key], models)
        spreads[key] = spreads_of_standard_models(choice, fits[key], fitted, settings.confidence)
        for name, shifts in MEANS.items():
            values, draws = robustness_by_choice[key].mean(shifts)
            means[key, name] = intervals(values, draws, settings.confidence)
    return Analysis(models, aliases, fits, robustness_by_choice, spreads, means)


def spreads_of_standard_models(
    choice: Choice, fits: Fits, models: pd.DataFrame, confidence: float
) -> dict[str, Spread]:
    """Compute how far standard models lie from the lines that were fitted to them.

    The result is by each of the `MEANS` and each shift, over the models that all lines of it were
    fitted to.
    """
    # A shift's line was not fitted to models that are at chance on the shift.
    above = {s: models[s].where(~np.isnan(fractions_above_chance(models, s))) for s in fits.draws}
    distances = robustness(choice, fits, models.assign(**above))
    spreads = {}
    for name, shifts in {**MEANS, **{shift: (shift,) for shift in fits.draws}}.items():
        over = [distances.points[shift].to_numpy() for shift in shifts if shift in fits.draws]
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
