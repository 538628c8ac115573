"""The order of published models: who leads, and how far it depends on the line."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from interpreting_clip.formats.published_accuracies import Settings
from interpreting_clip.measures.intervals import percentile_interval
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.rank_correlation import MIN_ENCODERS, spearman
from interpreting_clip.published.analysis import as_tuples, intervals, rounded, rounded_interval
from interpreting_clip.published.line_choices import MEANS, Choice
from interpreting_clip.published.line_fits import Robustness
from interpreting_clip.published.schema import (
    COMPARED,
    GROUPS,
    START,
    Comparison,
    Group,
    Interval,
    Order,
)


def leaders(
    choice: Choice, found: Robustness, models: pd.DataFrame, confidence: float
) -> list[str]:
    """Return the names of the zero-shot models that may be the most robust, the highest first.

    These are the one with the highest mean effective robustness over all shifts of the choice, and
    those whose difference from it has an interval that includes 0. The difference is taken on each
    resampled line, so an error of the line that is common to both models cancels; the intervals of
    the two means would overlap because of it. Models to which a line is extrapolated, or that lack
    a shift, are left out.
    """
    values, draws = found.mean(choice.shifts)
    within = values.notna() & ~found.extrapolated.any(axis=1)
    judged = models.assign(mean=values)[within & (models["training"] == "zero_shot")]
    judged = judged.sort_values(["mean", "name"], ascending=[False, True])
    behind = draws[:, judged.index[:1]] - draws[:, judged.index]
    low = np.quantile(behind, (1 - confidence) / 2, axis=0)
    return judged.loc[low <= 0, "name"].tolist()


def comparisons(models: pd.DataFrame, found: Robustness, confidence: float) -> list[Comparison]:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    Each difference is taken on each resampled line, so an error of the line that is common to both
    models cancels. If a backbone has several models of a kind, the most robust one counts.
    """
    values, draws = found.mean(MEANS["without_objectnet"])
    known = models.assign(mean=values)[values.notna() & (models["counterpart_of"] != "")]
    known = known[known["training"].isin(COMPARED)].sort_values(
        "mean", ascending=False, kind="stable"
    )
    compared = []
    for backbone, group in known.groupby("counterpart_of"):
        supervised = group["training"] == "supervised"
        for data in sorted(group.loc[group["training"] == "zero_shot", "data"].unique()):
            best = group[supervised | (group["data"] == data)].drop_duplicates("training")
            best = best.sort_values("training", key=lambda one: one.map(COMPARED.index))
            first, second = best.index[:-1], best.index[1:]
            if len(first):
                # Row by row the difference of a model and the next.
                between = values[first] - values[second].to_numpy()
                table = intervals(between, draws[:, first] - draws[:, second], confidence)
                compared.append(
                    Comparison(
                        backbone=str(backbone),
                        data=data,
                        models=best["name"].tolist(),
                        differences=[one for one in as_tuples(table) if one],
                    )
                )
    return compared


def model_order(
    models: pd.DataFrame,
    values: pd.Series,
    default: pd.Series,
    in_range: pd.Series,
    settings: Settings,
) -> Order:
    """Compare the order of models on the lines of a choice with that on the default's lines.

    Groups of models stand far apart, so a correlation over all models would be high whatever
    happens within a group: each group has its own, and the gap says how far apart they are. The
    intervals are over models and resample starts, since versions of one start are no independent
    evidence.

    Parameters
    ----------
    models : those that the table shows, of which standard models are left out
    values, default : their mean effective robustness under the choice and under the default, NaN
        where unknown
    in_range : whether no line of the default is extrapolated to the model
    settings : of the intervals
    """
    table = models.assign(value=values, default=default, in_range=in_range)
    table["group"] = models["training"].map(GROUPS)
    table = table.dropna(subset=["value", "default", "group"])
    # A soup is an average of models that were finetuned from one start; what was not finetuned is
    # its own.
    start = table["start"].mask(table["training"] == "soup", START)
    table["start"] = start.where(start != "", table["name"])
    best = table["value"].nlargest(10).index.intersection(table["default"].nlargest(10).index)
    groups = {str(k): group_order(own, settings) for k, own in table.groupby("group", sort=False)}
    gap = None
    if len(groups) > 1:
        zero_shot = table["group"] == "zero_shot"
        gap = over_starts(median_gap, table["value"], zero_shot, table["start"], settings)
    return Order(groups=groups, gap=gap, first=len(best))


def group_order(models: pd.DataFrame, settings: Settings) -> Group:
    """Return the median of a group's models, and the correlation of their ranks."""
    value, default, start = (models[name] for name in ("value", "default", "start"))
    within = models["in_range"]
    correlation = within_range = None
    if len(models) >= MIN_ENCODERS:
        correlation = over_starts(spearman, value, default, start, settings)
    if within.sum() >= MIN_ENCODERS:
        within_range = rounded(spearman(value[within].to_numpy(), default[within].to_numpy()))
    return Group(
        models=len(models),
        starts=start.nunique(),
        median=rounded(value.median()),
        rank_correlation=correlation,
        in_range=int(within.sum()),
        in_range_correlation=within_range,
    )


def median_gap(values: Float[np.ndarray, " model"], zero_shot: Bool[np.ndarray, " model"]) -> float:
    """Return how far the median of the zero-shot models lies above that of the others."""
    return float(np.median(values[zero_shot]) - np.median(values[~zero_shot]))


def over_starts(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: pd.Series,
    second: pd.Series,
    starts: pd.Series,
    settings: Settings,
) -> Interval:
    """Return a statistic of two columns with its interval: starts are drawn with their models.

    A resample is redrawn if all values of a column are equal.
    """
    columns = first.to_numpy(), second.to_numpy()
    codes, _ = starts.factorize()
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    numbers = generator(settings.seed, "bootstrap of starts")
    draws: list[float] = []
    while len(draws) < settings.resamples:
        picked = numbers.integers(len(members), size=len(members))
        models = np.concatenate([members[start] for start in picked])
        drawn = [column[models] for column in columns]
        if all((column != column[0]).any() for column in drawn):
            draws.append(statistic(*drawn))
    estimate = percentile_interval(statistic(*columns), np.array(draws), settings.confidence)
    return rounded_interval(estimate)
