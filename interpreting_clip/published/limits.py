"""The limit for one more standard model, and how well it holds on models it was not fitted to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import log
from statistics import fmean

import numpy as np
import pandas as pd

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.analysis import STARTS, Analysis, robustness, rounded
from interpreting_clip.published.figures import Published
from interpreting_clip.published.line_choices import CURVED, MEANS
from interpreting_clip.published.schema import LimitCheck, over
from interpreting_clip.statistics.published_accuracies import (
    GUESSING,
    Settings,
    lines_above_chance,
    models_on_lines,
    standard_models,
    without_guessing,
)
from interpreting_clip.statistics.standard_limit import StandardLimit, StandardModels

TIMM_MEAN = "without_objectnet"
"""The mean that timm's models have."""


def limits(choice: str, standard: StandardModels, confidence: float) -> dict[str, StandardLimit]:
    """Return the limit of the mean over each set of shifts (`over`) that has one."""
    find = standard.limit if choice == CURVED else partial(constant_limit, standard)
    known = {over(shifts): find(shifts, confidence) for shifts in sets_of_shifts()}
    return {shifts: limit for shifts, limit in known.items() if limit}


def sets_of_shifts() -> Iterator[tuple[str, ...]]:
    """Yield all sets of one or more of the testbed's shifts."""
    for size in range(1, len(TESTBED_SHIFTS) + 1):
        yield from combinations(TESTBED_SHIFTS, size)


def constant_limit(
    standard: StandardModels, shifts: Sequence[str], confidence: float
) -> StandardLimit | None:
    """Return the limit around straight lines, which is equal at all accuracies."""
    spread = standard.spread(shifts, confidence)
    if spread is None or standard.families is None:
        return None
    known = ~np.isnan(np.mean([standard.residuals[shift] for shift in shifts], axis=0))
    families = len(np.unique(standard.families[known]))
    return StandardLimit(log(spread.limit), 0.0, spread.models, families, low=0.0, high=1.0)


def check_limit(published: Published, analysis: Analysis, settings: Settings) -> LimitCheck:
    """Check the limit around curved lines on families that were left out, and on timm's models."""
    timm = timm_models(published, analysis, settings.confidence)
    return LimitCheck(
        left_out=held_without_family(settings),
        timm=len(timm),
        timm_within=int((timm["distance"] <= timm["limit"]).sum()),
    )


def held_without_family(settings: Settings) -> dict[str, float]:
    """Fit lines and limit without each family, and return the share of its models that they hold.

    The share is by mean. Models beyond the others' range count, too.
    """
    models = without_guessing(standard_models())
    held: dict[str, list[bool]] = {name: [] for name in MEANS}
    for _, family in models.groupby("family"):
        others = models.drop(family.index)
        # No interval is asked for, so one resample is enough.
        lines = lines_above_chance(others, GUESSING, STARTS, resamples=1, seed=settings.seed)
        standard, left = models_on_lines(others, STARTS, lines), robustness(lines.curved, family)
        for name, shifts in MEANS.items():
            if limit := standard.limit(shifts, settings.confidence):
                everywhere = replace(limit, low=0.0, high=1.0)
                distance = left.mean(shifts)[0].abs().dropna()
                accuracy = family.loc[distance.index, "imagenet"] / 100
                held[name].extend(distance <= accuracy.map(everywhere.at))
    return {name: rounded(fmean(inside)) for name, inside in held.items()}


def timm_models(published: Published, analysis: Analysis, confidence: float) -> pd.DataFrame:
    """Return timm's supervised models within the lines' range that are no model of the testbed.

    They have their `distance` from the curved lines, and the `limit` there.
    """
    testbed = published.of("testbed").index
    same = published.same[["first", "other"]]
    repeated = same[same.isin(testbed).any(axis=1)].to_numpy().ravel()
    models, shifts = analysis.models, MEANS[TIMM_MEAN]
    limit = analysis.standard.limit(shifts, confidence)
    if limit is None:
        return models[:0].assign(distance=[], limit=[])
    found = models.assign(
        distance=analysis.found[CURVED].mean(shifts)[0].abs(),
        limit=(models["imagenet"] / 100).map(limit.at),
    )
    kept = (models["training"] == "supervised") & ~models["index"].isin(repeated)
    return found[kept].dropna(subset=["distance", "limit"])
