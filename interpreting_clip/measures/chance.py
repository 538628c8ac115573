"""Chance levels: the probability of an average precision, and the fewest images of a concept.

Under chance the ranking of the images has nothing to do with the concept: each order of k positives
and m negatives is equally probable, and no two scores are equal. The paper has no chance level; all
of this is ours.
"""

import math
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.measures.average_precision import ROUNDING
from interpreting_clip.measures.intervals import Estimate

ENUMERATED = 2**20
"""The most rankings that are enumerated: some tens of MiB, and a fraction of a second."""

LARGEST = 256
"""Positives, or negatives if there are more, from which on probabilities are extrapolated."""

NEAR = 0.05
"""Where chance expects one concept give or take this, the approximation does not decide."""

TILTS = np.concatenate([np.linspace(-2, -0.1, 6), np.linspace(0.1, 14, 42)])
"""The points at which the saddle point is computed, in standard deviations of the tilt at chance.

None is at 0, where the formula is 0 / 0.
"""


def chance_level(counts: Int[np.ndarray, "*draw"]) -> Estimate | None:
    """Return the mean of the counts that the draws of a null gave, and the middle 90 % of them.

    The ends are counts that were drawn, not values between two of them. None without draws.
    """
    if not counts.size:
        return None
    low, high = np.quantile(counts, [0.05, 0.95], method="inverted_cdf").tolist()
    return Estimate(float(counts.mean()), low, high)


def exact_chance(precision: float, positives: int, negatives: int) -> float:
    """Compute the probability that a random ranking reaches an average precision, exactly.

    The rankings that reach it are counted. If n_j negatives come before the j-th positive, then
    `AP = Σ_j j / (j + n_j) / k` with 0 ≤ n_1 ≤ … ≤ n_k ≤ m, and each such sequence is one of the
    `(k + m)! / (k! m!)` rankings. Sequences are extended positive by positive; one is dropped as
    soon as it falls short of the precision even without any further negative.

    Parameters
    ----------
    precision : average precision as scikit-learn defines it, above 0, at most 1; reached also by
        what is below it by rounding alone (`encodes_concepts`)
    positives, negatives : k and m, at least one of each
    """
    # What precisions may lack in all, of k perfect ones.
    allowed = positives * (1 - precision + ROUNDING)
    before, lost = np.zeros(1, np.int64), np.zeros(1)
    counts = np.arange(negatives + 1)
    for place in range(1, positives + 1):
        # n negatives before this positive are before all later ones, too.
        least = (counts / (np.arange(place, positives + 1)[:, None] + counts)).sum(axis=0)
        most = np.searchsorted(least, allowed - lost, side="right")
        branches = np.maximum(most - before, 0)
        total = int(branches.sum())
        parent = np.repeat(np.arange(len(before)), branches)
        offset = np.arange(total) - np.repeat(np.cumsum(branches) - branches, branches)
        before = before[parent] + offset
        lost = lost[parent] + before / (place + before)
    return len(before) / math.comb(positives + negatives, positives)


def chance_of_precision(precision: float, positives: int, negatives: int) -> float:
    """Compute the probability that a random ranking reaches an average precision.

    It is exact where at most 2^20 rankings reach it. Elsewhere it is a saddle-point approximation
    (Barndorff-Nielsen 1986, `r* = r + ln(u / r) / r`, from the exact cumulants of the tilted
    rankings), which was within 3 % of the exact probability for 11 positives and 1.5 % for 20.
    Beyond 256 positives or negatives it is extrapolated from 256 at the same ratio, by `r* ∝ √k`;
    that is too high, by a factor of 3 for 1,024 positives and an average precision of 0.55, since
    the mean of the average precision falls towards the share of positives. Near a perfect ranking
    it is either exact or so small, below 1e-12, that its error does not matter.

    Parameters
    ----------
    precision, positives, negatives : as in `exact_chance`
    """
    total = (
        math.comb(positives + negatives, positives) if positives + negatives < 1000 else math.inf
    )
    if total <= ENUMERATED:
        return exact_chance(precision, positives, negatives)
    scale = max(1.0, max(positives, negatives) / LARGEST)
    precisions, roots = _saddle_points(
        max(1, round(positives / scale)), max(1, round(negatives / scale))
    )
    root = float(np.interp(precision, precisions, roots)) * math.sqrt(scale)
    approximate = math.erfc(root / math.sqrt(2)) / 2
    if approximate * total <= ENUMERATED / 2:
        return exact_chance(precision, positives, negatives)
    return approximate


@cache
def _saddle_points(
    positives: int, negatives: int
) -> tuple[Float[np.ndarray, " tilt"], Float[np.ndarray, " tilt"]]:
    """Return average precisions, ascending, and `r*` at each: P(AP ≥ t) is about Φ(-r*(t)).

    Rankings are weighted by exp(-θ D) with the loss D = Σ_j n_j / (j + n_j). The sum of the weights
    and its derivatives follow from a recursion over positives: the state is the number of negatives
    before the j-th, which is at least that before the one before.
    """
    _, _, variance = _tilted(np.zeros(1), positives, negatives)
    tilts = TILTS / math.sqrt(variance[0])
    logarithm, mean, variance = _tilted(tilts, positives, negatives)
    # Near a perfect ranking nothing varies any more; the sums there are rounding errors.
    kept = variance > 1e-9
    tilts, logarithm, mean, variance = (
        values[kept] for values in (tilts, logarithm, mean, variance)
    )
    root = np.sign(tilts) * np.sqrt(np.maximum(-2 * (tilts * mean + logarithm), 1e-12))
    corrected = root + np.log(tilts * np.sqrt(variance) / root) / root
    # The most extreme points are those of almost perfect rankings, few and far between, where the
    # correction is no longer monotone.
    return 1 - mean / positives, np.maximum.accumulate(corrected)


def _tilted(
    tilts: Float[np.ndarray, " tilt"], positives: int, negatives: int
) -> tuple[Float[np.ndarray, " tilt"], Float[np.ndarray, " tilt"], Float[np.ndarray, " tilt"]]:
    """Return ln E[exp(-θ D)] over random rankings, and mean and variance of D under each tilt."""
    counts = np.arange(negatives + 1)
    # Weights of the states, and their first and second moments of D; before the first positive
    # there is one state.
    sums = np.zeros((3, len(tilts), negatives + 1))
    sums[0, :, 0] = 1
    logarithm = np.zeros(len(tilts))
    for place in range(1, positives + 1):
        loss = counts / (place + counts)
        weight, first, second = np.cumsum(sums, axis=2)
        factor = np.exp(-tilts[:, None] * loss)
        sums[0] = weight * factor
        sums[1] = (first + loss * weight) * factor
        sums[2] = (second + 2 * loss * first + loss**2 * weight) * factor
        # Kept near one, since products of k factors leave the range of doubles.
        total = sums[0].sum(axis=1)
        sums /= total[:, None]
        logarithm += np.log(total)
    _, mean, square = sums.sum(axis=2)
    rankings = math.lgamma(positives + negatives + 1)
    rankings -= math.lgamma(positives + 1) + math.lgamma(negatives + 1)
    return logarithm - rankings, mean, square - mean**2


def chance_bounds(
    precision: float, positives: int, negatives: int, steps: int
) -> tuple[float, float]:
    """Bound the probability that a random ranking reaches an average precision from both sides.

    `exact_chance` counts every sequence. Here, sequences that lack about as much are counted
    together: what each positive lacks is rounded to one of `steps` equal parts of what all together
    may lack, up for the lower bound and down for the upper one.

    Parameters
    ----------
    precision, positives, negatives : as in `exact_chance`; the precision is below 1
    steps : more take longer, and bring the bounds closer
    """
    allowed = positives * (1 - precision + ROUNDING)
    counts, bounds = np.arange(negatives + 1), []
    for rounded in (np.ceil, np.floor):
        # Sequences by the negatives before the last positive, and by how much they lack.
        ways = np.zeros((negatives + 1, steps + 1))
        ways[0, 0] = 1
        for place in range(1, positives + 1):
            lost = rounded(counts / (place + counts) / allowed * steps).astype(np.int64)
            ways = np.cumsum(ways, axis=0)
            for row, step in zip(ways, np.minimum(lost, steps + 1).tolist(), strict=True):
                row[step:] = row[: steps + 1 - step]
                row[:step] = 0
        bounds.append(float(ways.sum() / math.comb(positives + negatives, positives)))
    low, high = bounds
    return low, high


def fewest_images(threshold: float, directions: int, concepts: int, *, sides: int = 1) -> int:
    """Return the fewest images of a concept with which chance expects less than one unique concept.

    That many random rankings, one for each direction, side and concept, are expected to reach the
    threshold less than once, whatever their dependence; `concepts.minimum_images` should not be
    lower. All concepts are taken to have no more images than that, with as many negatives; those
    with more are less likely to be found by chance.

    Parameters
    ----------
    threshold : of the average precision, above 0, at most 1
    directions : how many are probed, of the encoder and the basis that have most
    concepts : how many are probed
    sides : 2 where the negative side of a direction counts, too

    Raises
    ------
    ValueError
        Even with 256 images chance expects a concept: the threshold is near the average precision
        of a random ranking.
    """
    rankings = directions * concepts * sides

    def are_enough(images: int) -> bool:
        chance = chance_of_precision(threshold, images, images)
        low = high = chance
        # Where the approximation is too near to decide, count more and more precisely.
        for steps in (2**10, 2**13, 2**16) if abs(rankings * chance - 1) < NEAR else ():
            low, high = chance_bounds(threshold, images, images, steps)
            if rankings * high < 1 or rankings * low >= 1:
                break
        return rankings * high < 1

    if not are_enough(LARGEST):
        raise ValueError(
            f"a threshold of {threshold:g} for {rankings:,} pairs: chance reaches it even with "
            f"{LARGEST} images per concept; raise the threshold"
        )
    return next(images for images in range(1, LARGEST + 1) if are_enough(images))
