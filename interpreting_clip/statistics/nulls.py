"""Random rotations, the null for an encoder's own basis, and the p value of a number in a null."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float, Shaped

Progress = Callable[[range], Iterable[int]]
"""Goes through the draws of a null, and may show how many are done, like `tqdm`."""


def random_rotation(size: int, rng: np.random.Generator) -> Float[np.ndarray, "row column"]:
    """Draw an orthogonal matrix of `size` rows, uniform over all (Haar); half of them reflect."""
    return random_frame(size, size, rng).T


def random_frame(rows: int, size: int, rng: np.random.Generator) -> Float[np.ndarray, "row column"]:
    """Draw orthonormal rows, at most `size` of them, uniform over all: rows of a random rotation.

    A few rows take less time than the whole rotation.
    """
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((size, rows)))
    # QR chooses signs by its algorithm, which is not uniform (Mezzadri 2007).
    return (orthogonal * np.sign(np.diagonal(triangle))).T


def rank_p_value(value: float, null: Sequence[float]) -> float:
    """Return `(r + 1) / (N + 1)`, where r of the null's N draws are at least as large as the value.

    One-sided, and valid for every N (Davison and Hinkley 1997, section 4.2): if the value is one
    more draw of the null, the result is at most α in at most a share α of all cases. It is never
    below `1 / (N + 1)`, so at a level of 0.05 fewer than 19 draws decide nothing.

    Parameters
    ----------
    value : what was measured
    null : the same measure of each draw, at least one
    """
    return (int(np.count_nonzero(np.asarray(null) >= value)) + 1) / (len(null) + 1)


def two_sided_p_value(value: float, null: Sequence[float]) -> float:
    """Return twice the smaller of both one-sided p values (`rank_p_value`), at most 1.

    It says whether the value differs from the null, in either direction. It is never below
    `2 / (N + 1)`, so at a level of 0.05 fewer than 39 draws decide nothing.

    Parameters
    ----------
    value, null : as in `rank_p_value`
    """
    below = rank_p_value(-value, [-number for number in null])
    return min(1.0, 2 * min(rank_p_value(value, null), below))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, which holds all errors together (Holm 1979).

    The i-th smallest of m is multiplied by `m - i + 1`; none is below a smaller one's, or above 1.
    At a level α, the probability that any true null is refused is then at most α, whatever their
    dependence. With N rotations, the smallest of m two-sided p values can be `2 m / (N + 1)`.

    Parameters
    ----------
    p_values : of one family of tests, in any order
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(factors * np.asarray(p_values)[order])
    return np.minimum(corrected, 1.0).tolist()


def grouped_p_value(
    value: float | int, null: Shaped[np.ndarray, "group draw"]
) -> tuple[float, float | None]:
    """Return the one-sided p value of a number in a null of independent groups, and its error.

    The p value is `(r + 1) / (N + 1)` if r of all N draws are at least as large as the value. Draws
    of one group may depend on each other, so the error is the standard error of the mean over the
    groups' shares of such draws: `s / √groups` with their standard deviation s. It is at least
    `1 / (N + 1)`, the step of p, and if fewer than two groups have such a draw, at least the step
    over groups, `1 / (groups + 1)`. If the draws of a group are all the same, they count once. With
    few groups `rank_p_value` is the valid test; this one is as exact as its error says.

    Parameters
    ----------
    value : what was measured
    null : the same measure of each draw, at least one

    Returns
    -------
    p, and its standard error; None with a single group, which does not tell
    """
    if (null == null[:, :1]).all():
        null = null[:, :1]
    reached = null >= value
    step = 1 / (null.size + 1)
    p_value = float((reached.sum() + 1) * step)
    if len(null) == 1:
        return p_value, None
    error = reached.mean(axis=1).std(ddof=1) / np.sqrt(len(null))
    if np.count_nonzero(reached.any(axis=1)) < 2:
        step = 1 / (len(null) + 1)
    return p_value, max(float(error), step)
