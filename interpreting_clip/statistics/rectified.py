"""Rectified features: the output of an activation function such as ReLU."""

from typing import Literal

import numpy as np

from interpreting_clip.statistics.chunks import Features, chunks

Representation = Literal["linear", "rectified"]
"""Whether features end in a linear layer or in an activation function."""

FEWEST_ZEROS = 0.01
"""The share of exact zeros from which numbers without a negative one look rectified."""


def zero_share(activations: Features, representation: Representation | None) -> float | None:
    """Return the share of numbers, 0 to 1, that are exactly 0 in rectified features, else None.

    Features that are not known to be `linear` or `rectified` count as rectified if none of them is
    negative and at least a hundredth are exactly 0. The rule is ours. The output of a linear layer
    is negative about as often as it is positive, and hardly ever exactly 0, so both together only
    come from an activation function. The zeros exclude features that are positive for another
    reason, such as probabilities; a hundredth, and not a single zero, excludes a few features that
    are always 0. SiLU and GELU leave negative numbers, so only the record of an encoder shows them.

    Parameters
    ----------
    activations : one row per image
    representation : as recorded, which is believed; None: the numbers decide
    """
    if representation == "linear":
        return None
    zeros = 0
    for _, chunk in chunks(activations):
        if representation is None and (chunk < 0).any():
            return None
        zeros += chunk.size - int(np.count_nonzero(chunk))
    share = zeros / activations.size
    return share if representation or share >= FEWEST_ZEROS else None


def rectified_note(zeros: float) -> str:
    """Return what rectified features are, with the share of their numbers that are exactly 0."""
    return (
        f"Rectified features: {100 * zeros:.0f} % of the numbers are exactly 0. Such features are "
        "sparse and non-negative in their own basis by construction."
    )
