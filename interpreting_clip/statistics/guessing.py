"""Whether an accuracy is above that of guessing."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

LEVEL = 0.05
"""The level of the one-sided test. It is ours: the paper has no such test."""


@dataclass(frozen=True)
class Guessing:
    """Size of a test set and its chance accuracy: its numbers of images and of classes.

    Guessing is right in one of `classes` cases, each image by itself. A set whose classes differ in
    size lets a guesser who always picks the largest do better; this is not taken into account.
    """

    images: int
    classes: int

    @property
    def accuracy(self) -> float:
        """The accuracy that is expected of guessing, as a fraction."""
        return 1 / self.classes

    @property
    def above(self) -> float:
        """The lowest accuracy that is above chance, as a fraction; above 1 if none is."""
        return lowest_above_chance(self.images, self.classes) / self.images


@lru_cache
def lowest_above_chance(images: int, classes: int) -> int:
    """Return how many images must be right to reject guessing by a one-sided binomial test.

    This is the smallest k with `P(X ≥ k) ≤ LEVEL`, X binomial of `images` draws with probability
    `1 / classes`; so an accuracy is above chance if the lower end of its one-sided Clopper-Pearson
    interval of confidence `1 - LEVEL` is. It is one more than there are images if all of them do
    not suffice, as with a single class.
    """
    from scipy.special import bdtrc  # takes longer to import than the library

    # P(X ≥ k) of each k from 0
    tails = bdtrc(np.arange(-1, images), images, 1 / classes)
    return int(np.count_nonzero(tails > LEVEL))


def above_chance(
    accuracy: Float[np.ndarray, " model"], guessing: Guessing
) -> Bool[np.ndarray, " model"]:
    """Return which accuracies are above chance.

    Parameters
    ----------
    accuracy : fractions, which may be rounded; NaN where unknown: not above chance
    """
    # Half an image less, since a rounded accuracy may lie a little below the whole number.
    needed = lowest_above_chance(guessing.images, guessing.classes) - 0.5
    return accuracy * guessing.images > needed
