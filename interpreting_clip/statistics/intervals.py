"""Intervals: Wilson's of a fraction, and those of a bootstrap or a jackknife."""

from math import sqrt
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Shaped

from interpreting_clip.formats.result import Estimate
from interpreting_clip.statistics.random_numbers import generator

DRAWS_AT_A_TIME = 2**20
"""How many images are drawn at a time: 8 MiB of indices."""


def wilson_interval(fraction: float, images: int, confidence: float) -> Estimate:
    """Compute Wilson's score interval of a fraction of images (Wilson 1927).

    It stays within 0 to 1 and has about the stated coverage for few images and at both ends, where
    a normal approximation has not (Brown, Cai & DasGupta 2001). The paper has no interval.

    Parameters
    ----------
    fraction : 0 to 1, such as an accuracy
    images : how many it was measured on
    confidence : of the interval, above 0 and below 1
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (fraction + z**2 / (2 * images)) / (1 + z**2 / images)
    half = z * sqrt(fraction * (1 - fraction) / images + (z / (2 * images)) ** 2)
    half /= 1 + z**2 / images
    # At 0 and 1 one end is the fraction itself, which the rounding of the other terms would miss.
    low = 0.0 if fraction == 0 else middle - half
    return Estimate(fraction, low, 1.0 if fraction == 1 else middle + half)


def percentile_interval(
    value: float, draws: Float[np.ndarray, " resample"], confidence: float
) -> Estimate:
    """Return Efron's percentile interval, which holds the middle `confidence` of the draws.

    Parameters
    ----------
    value : the estimate itself, from the original data
    draws : the estimate from each resample
    confidence : the fraction of draws inside, above 0 and below 1
    """
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(value), float(low), float(high))


def deviation_interval(
    value: float | int, draws: Shaped[np.ndarray, " draw"], confidence: float
) -> Estimate:
    """Return the value ± t times the standard deviation of its bootstrap draws.

    t is Student's, with one degree of freedom less than draws. For a number whose draws are few or
    lie to one side of it, such as a count at a threshold, this covers better than their
    percentiles, which hold the bias twice. Without two draws there is no interval.

    Parameters
    ----------
    value : the estimate itself, from the original data
    draws : the estimate from each resample
    confidence : of the interval, above 0 and below 1
    """
    if len(draws) < 2:
        return Estimate(value)
    from scipy.special import stdtrit  # takes longer to import than the library

    half = float(stdtrit(len(draws) - 1, (1 + confidence) / 2)) * float(np.std(draws, ddof=1))
    return Estimate(value, value - half, value + half)


def jackknife_interval(
    value: float, without: Float[np.ndarray, " block"], confidence: float
) -> Estimate:
    """Return the value ± z times the jackknife's standard error (Tukey 1958).

    Parameters
    ----------
    value : the estimate itself, from the original data
    without : the estimate without each block of the data, blocks of equal size
    confidence : of the interval, above 0 and below 1
    """
    blocks = len(without)
    variance = (blocks - 1) / blocks * float(np.sum((without - np.mean(without)) ** 2))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * variance**0.5
    return Estimate(value, value - reach, value + reach)


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
    """
    if len(values) == 1:
        return Estimate(float(values[0]))
    rng = generator(seed, "bootstrap of images")
    means = np.empty(resamples)
    step = max(1, DRAWS_AT_A_TIME // len(values))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = rng.integers(len(values), size=(stop - start, len(values)))
        means[start:stop] = values[drawn].mean(axis=1)
    return percentile_interval(float(values.mean()), means, confidence)
