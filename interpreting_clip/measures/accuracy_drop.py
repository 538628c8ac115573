"""The drop in accuracy on the same images, before and after a change such as blur."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    HeadLike,
    as_matrix,
    as_value,
    require_shape,
)
from interpreting_clip.formats.result import Estimate, Label, Result, beside
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.quantities import Resamples, Seed
from interpreting_clip.statistics.intervals import bootstrap_mean

FEW_CHANGED = 10
"""Below so many images whose prediction is right only once, resamples miss what could change."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class AccuracyDrop(Result):
    """Accuracy on the same images before and after a change, in percent, and its drop in points.

    Attributes
    ----------
    before, after : with Wilson's score interval (`wilson_interval`)
    drop : `before - after`, with the bootstrap interval of its mean over images (`bootstrap_mean`)
    became_wrong, became_right : the images on which only one of the two predictions is right
    sign_test : the two-sided p-value of no change (`exact_sign_test`)
    images, classes : how many images there are, and classes to choose from
    guessing, guessing_after : the accuracies that are expected of guessing, in percent
    no_drop : the drop by chance
    correct_before, correct_after : whether each image's prediction is right
    """

    CAPTION: ClassVar[str] = (
        "Interval: Wilson's of the accuracies; bootstrap over images, paired, of the drop. "
        "Chance: guessing; no drop."
    )

    before: Annotated[Estimate, Label("accuracy before", 1, unit="%", chance="guessing")]
    after: Annotated[Estimate, Label("accuracy after", 1, unit="%", chance="guessing_after")]
    drop: Annotated[
        Estimate, Label("drop in accuracy", 1, unit="points", chance="no_drop", headline="drop")
    ]
    became_wrong: Annotated[int, Label("images that became wrong", 0)]
    became_right: Annotated[int, Label("images that became right", 0)]
    sign_test: Annotated[float, Label("p of no change, exact sign test", 4)]
    images: Annotated[int, Label("images", 0)]
    classes: Annotated[int, Label("classes to choose from", 0)]
    guessing: float
    guessing_after: float
    no_drop: float = 0.0
    correct_before: Bool[np.ndarray, " _image"] = beside()
    correct_after: Bool[np.ndarray, " _image"] = beside()

    @property
    def notes(self) -> list[str]:
        """What the intervals are, and whether too few images changed for one of the drop."""
        changed = self.became_wrong + self.became_right
        few = f"The prediction of {changed} images changed: the drop's interval is too narrow."
        return [*super().notes, *([few] if changed < FEW_CHANGED else [])]


def accuracy_drop(
    activations: ArrayLike,
    shifted: ArrayLike,
    *,
    head: HeadLike,
    classes: ArrayLike,
    bias: ArrayLike | None = None,
    normalize_features: bool = False,
    among: ArrayLike | None = None,
    aliases: Mapping[int, int] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> AccuracyDrop:
    """Measure how much accuracy falls on the same images after a change, such as blur.

    Accuracy before minus accuracy after, in percentage points (ours). The interval resamples
    images, each with both of its predictions. McNemar's exact test, two-sided, compares how many
    became wrong with how many became right. Less can be lost where the accuracy before is low.

    Parameters
    ----------
    activations, shifted : one row per image, before L2 normalisation: the same images in the same
        order, before and after the change
    head, bias, normalize_features, classes, among, aliases : as in `accuracy`, for both
    resamples : of the images, for the interval of the drop
    seed : of the resamples
    confidence : of the intervals, above 0 and below 1

    Raises
    ------
    TypeError, ValueError
        `shifted` has not the shape of `activations`; or as `accuracy`.
    """
    activations = as_matrix(activations, "activations")
    shifted = as_matrix(shifted, "shifted")
    expected = f"the shape {activations.shape} of activations"
    advice = "; pass the same images in the same order, through the same encoder"
    require_shape(shifted.shape == activations.shape, "shifted", expected, shifted, advice)
    resamples, seed = as_value(resamples, Resamples, "resamples"), as_value(seed, Seed, "seed")
    before, after = (
        accuracy(
            images,
            head=head,
            classes=classes,
            bias=bias,
            normalize_features=normalize_features,
            among=among,
            aliases=aliases,
            confidence=confidence,
        )
        for images in (activations, shifted)
    )
    lost = before.correct.astype(float) - after.correct
    wrong, right = int(np.sum(lost > 0)), int(np.sum(lost < 0))
    return AccuracyDrop(
        before=before.accuracy,
        after=after.accuracy,
        drop=bootstrap_mean(100 * lost, resamples, confidence, seed),
        became_wrong=wrong,
        became_right=right,
        sign_test=exact_sign_test(wrong, right),
        images=before.images,
        classes=before.classes,
        guessing=before.guessing,
        guessing_after=after.guessing,
        correct_before=before.correct,
        correct_after=after.correct,
    )


def exact_sign_test(wrong: int, right: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    By chance, the number that became wrong is binomial with probability 1/2: p is twice the smaller
    tail, at most 1. It is 1 if no image changes.

    Parameters
    ----------
    wrong, right : the numbers of images that became wrong, and right
    """
    from scipy.special import bdtr  # takes longer to import than the library

    # P(X ≤ k) of as many fair tosses
    return min(1.0, 2 * float(bdtr(min(wrong, right), wrong + right, 0.5)))
