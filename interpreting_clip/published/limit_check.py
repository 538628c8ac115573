"""How well the limit for one more standard model holds: left-out families, and timm's models."""

from dataclasses import replace
from math import ceil
from statistics import fmean

import msgspec
import numpy as np
import pandas as pd
from jaxtyping import Float

from interpreting_clip.published.analysis import (
    Analysis,
    limits_by_accuracy,
    rounded,
    standard_distances,
    standard_models_by_source,
)
from interpreting_clip.published.figures import Published
from interpreting_clip.published.line_choices import CHOICES, CURVED, DEFAULT, MEANS
from interpreting_clip.published.line_fits import fit_choice
from interpreting_clip.published.schema import Holdout, LimitCheck
from interpreting_clip.statistics.published_accuracies import Settings

MEAN = "without_objectnet"
"""The mean that timm's models have."""

RANGES = ((0.0, 100.0), (0.0, 70.0), (70.0, 75.0), (75.0, 80.0), (80.0, 84.0), (84.0, 100.0))
"""Ranges of ImageNet accuracy in percent; above 84 % the testbed has three standard models."""


def check_limit(published: Published, analysis: Analysis, settings: Settings) -> LimitCheck:
    """Check the limit on models that it was not fitted to."""
    testbed = standard_models_by_source(published)["testbed"]
    return LimitCheck(
        left_out=held_without_family(testbed, settings),
        others=held_by_others(other_models(published, analysis), settings.confidence),
    )


def held_without_family(models: pd.DataFrame, settings: Settings) -> dict[str, float]:
    """Fit lines and limit without each family, and return the share of its models that they hold.

    The share is by mean. Models beyond the others' range count, too.
    """
    choice = CHOICES[CURVED]
    refit = msgspec.structs.replace(settings, resamples=1)  # no interval is asked for
    held: dict[str, list[bool]] = {}
    for _, family in models.groupby("family"):
        others = models.drop(family.index)
        fits = fit_choice(choice, others, refit)
        distances = standard_distances(choice, fits, others)
        left = standard_distances(choice, fits, family)
        limits = limits_by_accuracy(choice, distances, others, settings.confidence)
        for name, limit in limits.items():
            everywhere = replace(limit, low=0.0, high=1.0)
            distance = left.mean(MEANS[name])[0].abs().dropna()
            accuracy = family.loc[distance.index, "imagenet"] / 100
            held.setdefault(name, []).extend(distance <= accuracy.map(everywhere.at))
    return {name: rounded(fmean(inside)) for name, inside in held.items()}


def other_models(published: Published, analysis: Analysis) -> pd.DataFrame:
    """Return timm's supervised models within the lines' range that are no model of the testbed.

    They have `imagenet` and `family`, their `distance` from the curved lines with the `limit`
    there, and whether they lie `within_constant`, the limit of straight lines.
    """
    testbed = published.of("testbed").index
    same = published.same[["first", "other"]]
    repeated = same[same.isin(testbed).any(axis=1)].to_numpy().ravel()
    models = analysis.models
    curved, straight = (analysis.found[key].mean(MEANS[MEAN])[0] for key in (CURVED, DEFAULT))
    limit = analysis.limits[CURVED][MEAN]
    found = models.assign(
        distance=curved.abs(),
        limit=(models["imagenet"] / 100).map(limit.at),
        within_constant=straight.abs() <= analysis.spreads[DEFAULT][MEAN].limit,
    )
    kept = (models["training"] == "supervised") & ~models["index"].isin(repeated)
    return found[kept].dropna(subset=["distance", "limit"])


def held_by_others(models: pd.DataFrame, confidence: float) -> list[Holdout]:
    """Count the `other_models` that lie within the limits, in each of the `RANGES`."""
    found = []
    for low, high in RANGES:
        part = models[(models["imagenet"] > low) & (models["imagenet"] <= high)]
        farthest = part.groupby("family")["distance"].max().to_numpy()
        limit = family_limit(farthest, confidence)
        found.append(
            Holdout(
                low=max(low, rounded(models["imagenet"].min())),
                high=min(high, rounded(models["imagenet"].max())),
                models=len(part),
                families=len(farthest),
                within=int((part["distance"] <= part["limit"]).sum()),
                within_constant=int(part["within_constant"].sum()),
                family_limit=None if limit is None else rounded(limit),
            )
        )
    return found


def family_limit(farthest: Float[np.ndarray, " family"], confidence: float) -> float | None:
    """Return the distance within which all models of one more family lie.

    Conformal (Vovk et al. 2005): of n + 1 families that are exchangeable, the last has its farthest
    model within the `ceil((n + 1) · confidence)`-th smallest distance of the others with at least
    this confidence, however models scatter. The lines were fitted to other models, so no half of
    the families has to be spent on them.

    Parameters
    ----------
    farthest : the largest distance of a model from the lines, of each family
    confidence : above 0 and below 1

    Returns
    -------
    None if there are too few families for this confidence
    """
    place = ceil((len(farthest) + 1) * confidence - 1e-9)
    return float(np.sort(farthest)[place - 1]) if place <= len(farthest) else None
