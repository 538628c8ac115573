"""Random rotations, the null for an encoder's own basis, and the rank of a value among a null."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def random_rotation(size: int, rng: np.random.Generator) -> Float[np.ndarray, "row column"]:
    """Draw an orthogonal matrix of `size` rows, uniform over all (Haar); half of them reflect."""
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((size, size)))
    # QR chooses signs by its algorithm, which is not uniform (Mezzadri 2007).
    return orthogonal * np.sign(np.diagonal(triangle))


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
