"""Spearman's rank correlation, with an interval from a bootstrap over encoders."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate, percentile_interval
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.quantities import Confidence, Described, Resamples, Seed, StrictStruct

MIN_ENCODERS = 4
"""With three encoders, chance alone gives a correlation of 1 or -1 in one of three cases."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The bootstrap over encoders."""

    resamples: Annotated[Resamples, Described("bootstrap resamples of the encoders", "resamples")]
    seed: Annotated[Seed, Described("of the resamples")]
    confidence: Annotated[Confidence, Described("of the interval", "probability")]


def rank_correlation(
    first: Float[np.ndarray, " encoder"],
    second: Float[np.ndarray, " encoder"],
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Compute how alike two measures rank the same encoders, -1 to 1.

    Spearman's coefficient is Pearson's coefficient of the ranks, where equal values share the mean
    of their ranks. The paper compares encoders by eye; coefficient and interval are ours. A
    resample has as many encoders, drawn with replacement and ranked again; it is redrawn if all
    values of a measure are equal. With few encoders the interval is rough, and encoders that share
    images or a backbone are not an independent sample.

    Parameters
    ----------
    first, second : one value per encoder, in the same order
    resamples, confidence, seed : of the bootstrap

    Raises
    ------
    ValueError
        There are fewer than four encoders, a value is not finite, all values of a measure are
        equal, or as `percentile_interval`.
    """
    if len(first) < MIN_ENCODERS:
        raise ValueError(f"{len(first)} encoders: expected at least {MIN_ENCODERS} to correlate")
    pairs = np.stack([first, second])
    if not np.isfinite(pairs).all() or np.any(pairs.min(axis=1) == pairs.max(axis=1)):
        raise ValueError("expected finite values of each measure that are not all equal")
    rng = generator(seed, "bootstrap of encoders")
    draws: list[float] = []
    while len(draws) < resamples:
        drawn = pairs[:, rng.integers(len(first), size=len(first))]
        if np.all(drawn.min(axis=1) < drawn.max(axis=1)):
            draws.append(spearman(*drawn))
    return percentile_interval(spearman(first, second), np.array(draws), confidence)


def spearman(first: Float[np.ndarray, " encoder"], second: Float[np.ndarray, " encoder"]) -> float:
    """Return Spearman's coefficient of values that are not all equal."""
    first, second = _ranks(first), _ranks(second)
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _ranks(values: Float[np.ndarray, " encoder"]) -> Float[np.ndarray, " encoder"]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Equal values share the mean of their ranks: the last of them, less half of the others.
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
