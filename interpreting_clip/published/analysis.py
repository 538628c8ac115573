"""Every published model on straight and on curved lines: what stage `published` computes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.result import Estimate
from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.published.figures import (
    KINDS,
    Published,
    distinct_models,
    timm_standard_models,
)
from interpreting_clip.published.line_choices import CURVED, DEFAULT, MEANS
from interpreting_clip.published.schema import Interval
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.published_accuracies import (
    Settings,
    models_on_lines,
    published_lines,
    standard_models,
    without_guessing,
)
from interpreting_clip.statistics.standard_limit import StandardModels

DIGITS = 3
"""Decimals of accuracies and of effective robustness, both in percent, as in the sources."""

STARTS = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
"""The accuracy that each shift's line starts from: over all of ImageNet's classes."""


@dataclass(frozen=True, eq=False)
class Robustness:
    """Effective robustness of several models on one kind of line, in points; NaN where unknown.

    Attributes
    ----------
    points : a row for each model, a column for each shift
    extrapolated : alike, whether the model was measured and the line is extrapolated to it
    draws : per shift, on each resampled line
    """

    points: pd.DataFrame
    extrapolated: pd.DataFrame
    draws: dict[str, Float[np.ndarray, "resample model"]]

    def mean(self, shifts: Sequence[str]) -> tuple[pd.Series, Float[np.ndarray, "resample model"]]:
        """Return the mean over some shifts, NaN for a model that lacks one, and its draws.

        It is taken draw by draw, which keeps the correlation between the lines of the shifts.
        """
        points = self.points[list(shifts)].mean(axis=1, skipna=False)
        return points, np.mean([self.draws[shift] for shift in shifts], axis=0)


@dataclass(frozen=True, eq=False)
class Analysis:
    """The numbers that stage `published` computes before it writes.

    Attributes
    ----------
    models : the models of the table, numbered from 0, with their `index` in `Published.models`,
        and whether each is `compared` on curved lines, too
    aliases : other names of the same weights in OpenCLIP's table, by this index
    lines : by kind of line
    families : of the standard models that each shift's line was fitted to
    standard : the standard models with their distances from the lines
    found : by kind of line
    means : by kind of line and the name of the mean, as `intervals`
    """

    models: pd.DataFrame
    aliases: dict[int, list[str]]
    lines: dict[str, ShiftLines]
    families: dict[str, int]
    standard: StandardModels
    found: dict[str, Robustness]
    means: dict[tuple[str, str], pd.DataFrame]

    def freedom(self, choice: str) -> int:
        """Return the degrees of freedom of the draws, which have the tails of Student's t.

        These are the families less the coefficients that `wild_noise` counts, a knee's bend but not
        its place among them; of the shift that has fewest.
        """
        lines = self.lines[choice].lines
        return min(self.families[s] - (2 if line.knee is None else 3) for s, line in lines.items())


def analyse(published: Published, settings: Settings) -> Analysis:
    """Place every model that the table shows on straight and on curved lines."""
    models, aliases = shown_models(published)
    straight = published_lines(STARTS, resamples=settings.resamples, seed=settings.seed)
    lines = {DEFAULT: straight, CURVED: straight.curved}
    # A shift's line was not fitted to models that are at chance on the shift.
    standard = without_guessing(standard_models())
    found = {key: robustness(each, models) for key, each in lines.items()}
    return Analysis(
        models,
        aliases,
        lines,
        {s: standard.loc[standard[s].notna(), "family"].nunique() for s in TESTBED_SHIFTS},
        models_on_lines(standard, STARTS, straight),
        found,
        {
            (key, name): intervals(*one.mean(shifts), settings.confidence)
            for key, one in found.items()
            for name, shifts in MEANS.items()
        },
    )


def robustness(lines: ShiftLines, models: pd.DataFrame) -> Robustness:
    """Compute the effective robustness of models, whose accuracies are in percent, in points."""
    imagenet = models["imagenet"].to_numpy(float) / 100
    points, extrapolated, draws = {}, {}, {}
    for shift, line in lines.lines.items():
        measured = models[shift].to_numpy(float) / 100
        points[shift] = above_line(imagenet, measured, line)
        outside = np.array([line.is_extrapolated(x) for x in imagenet], bool)
        extrapolated[shift] = outside & ~np.isnan(measured)
        each = zip(imagenet.tolist(), measured.tolist(), strict=True)
        draws[shift] = np.stack([above_line(*one, lines.resampled[shift]) for one in each], axis=1)
    index = models.index
    return Robustness(pd.DataFrame(points, index), pd.DataFrame(extrapolated, index), draws)


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
    # Counterparts are compared with their backbone's CLIPs on both kinds of lines.
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
