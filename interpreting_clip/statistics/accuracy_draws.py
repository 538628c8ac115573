"""Draws of accuracies from their posterior, given the images that they were measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from interpreting_clip.arrays.head import Head
from interpreting_clip.statistics.intervals import DRAWS_AT_A_TIME
from interpreting_clip.statistics.predictions import (
    Activations,
    correct_predictions,
    images_of_classes,
)
from interpreting_clip.statistics.random_numbers import generator

IMAGENET = 0
"""The place of ImageNet's images among the test sets; the shifts are counted from 1."""


@dataclass(frozen=True)
class MeasuredAccuracy:
    """A top-1 accuracy and how well it is known.

    Attributes
    ----------
    fraction : 0 to 1
    images : how many images it was measured on; None if unknown: the fraction is taken as exact
    classes : how many there are to choose from
    correct : of each image of the test set 1 or 0, or NaN for those that do not count, such as
        ImageNet's images of other classes than a shift's; None if unknown
    """

    fraction: float
    images: int | None
    classes: int
    correct: Float[np.ndarray, " image"] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_images(cls, correct: Float[np.ndarray, " image"], classes: int) -> "MeasuredAccuracy":
        """Return the accuracy on the images that count."""
        counted = correct[~np.isnan(correct)]
        return cls(float(counted.mean()), len(counted), classes, correct)


def measure_accuracy(test: Activations, head: Head) -> MeasuredAccuracy:
    """Return the accuracy on a test set, among its own classes."""
    return MeasuredAccuracy.of_images(_predicted(test, head), len(test.class_indices))


def measure_on_classes(imagenet: Activations, shift: Activations, head: Head) -> MeasuredAccuracy:
    """Return the accuracy on ImageNet's images of a shift's classes, among these."""
    classes = len(head.weight)
    chosen, _ = images_of_classes(imagenet.classes, shift.class_map(classes))
    # Every image keeps its place, so that its weight in the draws is that of the whole set.
    correct = np.full(len(chosen), np.nan)
    correct[chosen] = _predicted(imagenet.of_classes(shift, classes), head)
    return MeasuredAccuracy.of_images(correct, len(shift.class_indices))


def _predicted(test: Activations, head: Head) -> Float[np.ndarray, " image"]:
    """Return 1 for each image whose class is predicted, and 0 for the others."""
    class_map = test.class_map(len(head.weight))
    return correct_predictions(test.values, test.classes, head, class_map).astype(float)


def draw_on_imagenet(
    accuracies: Mapping[str, MeasuredAccuracy], resamples: int, seed: int
) -> dict[str, Float[np.ndarray, " resample"]]:
    """Draw accuracies on ImageNet's images, or on subsets of them, together.

    If it is known which images are right, `weighted_accuracies` pairs the draws. Otherwise they
    are coupled: the k-th lowest draw of one goes with the k-th lowest of every other, and equal
    accuracies share their draws. As subsets of the images that overlap little are less correlated,
    the interval of a mean over shifts is then rather too wide with rising lines.
    """
    known = {
        name: accuracy.correct
        for name, accuracy in accuracies.items()
        if accuracy.correct is not None
    }
    weighted = {}
    if known:
        drawn = weighted_accuracies(np.stack([*known.values()]), resamples, seed, IMAGENET)
        weighted = dict(zip(known, drawn, strict=True))
    return {
        name: weighted[name] if name in weighted else _draw_coupled(accuracy, resamples, seed)
        for name, accuracy in accuracies.items()
    }


def draw_on_shift(
    accuracy: MeasuredAccuracy, resamples: int, seed: int, place: int
) -> Float[np.ndarray, " resample"]:
    """Draw an accuracy on the images of a shift, which counts at a place among the shifts."""
    if accuracy.correct is None:
        return _draw_fractions(accuracy, resamples, generator(seed, "accuracy on a shift", place))
    return weighted_accuracies(accuracy.correct[None], resamples, seed, place)[0]


def weighted_accuracies(
    correct: Float[np.ndarray, "accuracy image"], resamples: int, seed: int, place: int
) -> Float[np.ndarray, "accuracy resample"]:
    """Draw accuracies on one set of images from their posterior, paired by images.

    Each image has a weight from Exp(1) in each draw, the same for every encoder and every subset of
    the images: the Bayesian bootstrap (Rubin 1981). Jeffreys' prior adds an image that is right and
    one that is wrong, with weights from Gamma(1/2). So a draw for k right images of n is from
    Beta(k + 1/2, n - k + 1/2), and the difference of two encoders varies only with the images on
    which they differ. The paper has no interval; the choice is ours.

    Parameters
    ----------
    correct : 1 where an image is right, 0 where it is wrong, NaN where it does not count
    resamples : how many draws
    seed, place : of the weights; each test set has its own place
    """
    counts = ~np.isnan(correct)
    columns = np.concatenate([np.where(counts, correct, 0.0), counts.astype(float)]).T
    rng = generator(seed, "weights of images", place)
    sums = np.empty((resamples, columns.shape[1]))
    step = max(1, DRAWS_AT_A_TIME // len(columns))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        sums[start:stop] = rng.standard_exponential((stop - start, len(columns))) @ columns
    prior = generator(seed, "prior of accuracies", place).standard_gamma(0.5, (2, resamples))
    right, every = np.split(sums.T, 2)
    return (right + prior[0]) / (every + prior.sum(axis=0))


def _draw_fractions(
    accuracy: MeasuredAccuracy, resamples: int, rng: np.random.Generator
) -> Float[np.ndarray, " resample"]:
    if accuracy.images is None:
        return np.full(resamples, accuracy.fraction)
    correct = accuracy.fraction * accuracy.images
    # Jeffreys' prior.
    return rng.beta(correct + 0.5, accuracy.images - correct + 0.5, size=resamples)


def _draw_coupled(
    accuracy: MeasuredAccuracy, resamples: int, seed: int
) -> Float[np.ndarray, " resample"]:
    """Draw in an order that is the same for every accuracy."""
    drawn = _draw_fractions(accuracy, resamples, generator(seed, "accuracy on ImageNet"))
    order = generator(seed, "order of accuracies on ImageNet").permutation(resamples)
    return np.sort(drawn)[order]
