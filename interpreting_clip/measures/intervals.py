"""Bootstrap percentile intervals."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

DRAWS_AT_A_TIME = 2**20
"""How many images are drawn at a time: 8 MiB of indices."""


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its interval, all in the value's unit; None without an interval."""

    value: int | float
    low: int | float | None = None
    high: int | float | None = None

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The ends of the interval, both the value itself if there is none."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high


def percentile_interval(
    value: float, draws: Float[np.ndarray, " resample"], confidence: float
) -> Estimate:
    """Return Efron's percentile interval, which holds the middle `confidence` of the draws.

    Parameters
    ----------
    value : the estimate itself, from the original data
    draws : the estimate from each resample
    confidence : the fraction of draws inside, above 0 and below 1

    Raises
    ------
    ValueError
        `confidence` is not strictly between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a fraction above 0 and below 1")
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(value), float(low), float(high))


def bootstrap_mean(
    values: Float[np.ndarray, " image"], resamples: int, confidence: float, seed: int
) -> Estimate:
    """Compute the mean over images with its bootstrap percentile interval.

    A resample has as many values, drawn with replacement. About a million values are drawn at a
    time, so memory does not grow with `resamples`. A single value has no interval.

    Parameters
    ----------
    values : one per image
    resamples : how many resamples
    confidence : as in `percentile_interval`
    seed : of the draws

    Raises
    ------
    ValueError
        There are no values, `resamples` is less than one, or as `percentile_interval`.
    """
    if len(values) == 0 or resamples < 1:
        raise ValueError(
            f"{len(values)} values and {resamples} resamples: expected at least one of each"
        )
    if len(values) == 1:
        return Estimate(float(values[0]))
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, DRAWS_AT_A_TIME // len(values))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = generator.integers(len(values), size=(stop - start, len(values)))
        means[start:stop] = values[drawn].mean(axis=1)
    return percentile_interval(float(values.mean()), means, confidence)
