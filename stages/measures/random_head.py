"""Heads that have learnt nothing: of untrained encoders, and the null of the directions."""

import numpy as np
from jaxtyping import Float


def random_head(
    weight: Float[np.ndarray, "class_ feature"], seed: int
) -> Float[np.ndarray, "class_ feature"]:
    """Draw a Gaussian head of the shape and the Frobenius norm of a given one.

    Its singular directions are privileged by nothing. Their importance beside that of the head's
    own directions, and the accuracy of the head when it is pruned along them, tell what comes from
    the head and what from the width of the space. The equal norm makes importances comparable.

    Parameters
    ----------
    weight : the head to imitate
    seed : of the draw

    Returns
    -------
    float64, whatever the precision of `weight`
    """
    drawn = np.random.default_rng(seed).standard_normal(weight.shape)
    return drawn * (np.linalg.norm(np.asarray(weight, np.float64)) / np.linalg.norm(drawn))


def random_unit_rows(classes: int, width: int, seed: int) -> Float[np.ndarray, "class_ feature"]:
    """Return a head of rows of unit length in random directions, for an encoder that has none."""
    rows = np.random.default_rng(seed).standard_normal((classes, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
