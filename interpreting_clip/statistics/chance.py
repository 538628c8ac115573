"""The fewest images of a concept with which chance finds none.

Under chance the ranking of the images has nothing to do with the concept: each order of k positives
and m negatives is equally probable, and no two scores are equal. The paper has no chance level; all
of this is ours.
"""

import bisect
import math

import numpy as np

from interpreting_clip.statistics.average_precision import ROUNDING

MOST_IMAGES = 256
"""The most images that a concept may need; a threshold that needs more is near random precision."""

STEPS = (2**10, 2**12)
"""How finely the probability is bounded, in turn, until the bounds decide."""


def chance_bounds(
    precision: float, positives: int, negatives: int, steps: int
) -> tuple[float, float]:
    """Bound the probability that a random ranking reaches an average precision from both sides.

    If n_j negatives come before the j-th positive, then `AP = Σ_j j / (j + n_j) / k` with
    0 ≤ n_1 ≤ … ≤ n_k ≤ m, and each such sequence is one of the `(k + m)! / (k! m!)` rankings. Those
    that reach the precision are counted positive by positive. Sequences that lack about as much of
    a perfect ranking are counted together: what each positive lacks is rounded to one of `steps`
    equal parts of what all together may lack, up for the lower bound and down for the upper one.

    Parameters
    ----------
    precision : average precision as scikit-learn defines it, above 0, at most 1; values
        that only rounding puts below it reach it, too (`encodes_concepts`)
    positives, negatives : k and m, at least one of each
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
    lower. All concepts are taken to have no more images than that, with as many negatives;
    concepts on more images are less likely to be found by chance.

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
        for steps in STEPS:
            low, high = chance_bounds(threshold, images, images, steps)
            if rankings * high < 1 or rankings * low >= 1:
                return rankings * high < 1
        return False

    fewest = 1 + bisect.bisect_left(range(1, MOST_IMAGES + 1), True, key=are_enough)
    if fewest > MOST_IMAGES:
        raise ValueError(
            f"a threshold of {threshold:g} for {rankings:,} pairs: chance reaches it even with "
            f"{MOST_IMAGES} images per concept; raise the threshold"
        )
    return fewest
