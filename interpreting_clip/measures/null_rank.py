"""The rank of a value among those that a null has drawn."""

from collections.abc import Sequence

import numpy as np


def rank_p_value(value: float, null: Sequence[float]) -> float:
    """Return `(r + 1) / (N + 1)`, where r of the null's N draws are at least as large as the value.

    One-sided, and valid for every N (Davison and Hinkley 1997, section 4.2): if the value is one
    more draw of the null, the result is at most α in at most a share α of all cases. It is never
    below `1 / (N + 1)`, so at a level of 0.05 fewer than 19 draws decide nothing.

    Parameters
    ----------
    value : what was measured
    null : the same measure of each draw

    Raises
    ------
    ValueError
        The null has no draw.
    """
    if not len(null):
        raise ValueError("a null without draws: expected at least one")
    return (int(np.count_nonzero(np.asarray(null) >= value)) + 1) / (len(null) + 1)
