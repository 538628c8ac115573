"""Outlier features and the head: where their axes point, and what pruning each one costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Int

from interpreting_clip.arrays.head import Head, to_logits
from interpreting_clip.formats.result import Estimate, Result
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import OutlierFeatures
from interpreting_clip.statistics.chunks import chunks
from interpreting_clip.statistics.outliers import most_extreme_first
from interpreting_clip.statistics.predictions import Activations, are_right, restrict_head

TOP = (1, 3, 10, 30, 100)
"""Numbers of most important directions in whose span an axis is looked for."""

MOST_AXES = 100
"""The most outlier features that are examined. At most 56 of 1,024 features can be beyond 6 σ in
half of the images, but with a lower σ there are hundreds, and each costs a pass over all logits."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutlierAxis(Result):
    """The axis of a feature among the privileged directions, and what pruning it alone costs.

    Attributes
    ----------
    feature : its index
    share : fraction of images in which it is extreme
    outlier : False for the most extreme feature, which stands here if there is no outlier feature
    energy, constant : its share of the energy, and how much of that is the same in every image
    cosine : the largest |cos| of the axis with a direction, 0 to 1
    rank : that direction's place by importance, 1 being the most important
    within : the fraction, 0 to 1, of the axis's squared length in the span of all directions; the
        head that they belong to ignores the rest
    within_top : the same of the span of the most important directions alone, as many as each entry
        of `tops`; an axis that has nothing to do with k directions of n features has k / n there
    logit_variance : share of the variance of the logits over classes that runs through it
    costs : points of accuracy lost on each test set if it is 0
    costs_at_mean : the same if it is its mean over the images of the set. It is less than `costs`
        for a constant that the head reads as a bias, which is then kept
    """

    feature: int
    share: float
    outlier: bool
    energy: float
    constant: float
    cosine: float
    rank: int
    within: float
    within_top: list[float]
    logit_variance: float
    costs: dict[str, Estimate]
    costs_at_mean: dict[str, Estimate]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutlierAxes(Result):
    """What outlier features mean to the head.

    Attributes
    ----------
    axes : of the outlier features, the one that is extreme in most images first
    typical_cosine, typical_logit_variance : the medians over all features
    tops : the numbers of most important directions of each axis's `within_top`
    """

    axes: list[OutlierAxis]
    typical_cosine: float
    typical_logit_variance: float
    tops: list[int]


def outlier_axes(
    tests: Mapping[str, Activations],
    *,
    head: Head,
    directions: PrivilegedDirections,
    outliers: OutlierFeatures,
    confidence: float = 0.95,
) -> OutlierAxes:
    """Compare the axes of outlier features with the privileged directions, and prune each feature.

    Axis and direction have length one, so `cos(e_i, v)` is `v`'s coordinate i; signs mean nothing.
    Crabbé et al. (2024) link outlier features to privileged directions; measuring the link by the
    direction nearest to the axis is our choice. An axis between several important directions is
    near to none of them, but it lies in their span: `within_top`. What a feature costs is the
    accuracy lost without it (`pruning_costs`), and with its mean in place of it: the head may use
    how it varies, or only its constant. The `MOST_AXES` most extreme outlier features are examined;
    if there is no outlier feature, the most extreme feature is.

    Parameters
    ----------
    tests : the activations of each test set
    head, directions, outliers : of the same encoder, with their arrays
    confidence : of the costs' intervals, above 0 and below 1
    """
    examined = examined_features(outliers)
    cosines = np.abs(directions.vectors)
    nearest, spans = np.argmax(cosines, axis=0), np.cumsum(cosines**2, axis=0)
    tops = [top for top in TOP if top <= len(cosines)]
    costs = {name: pruning_costs(test, head, examined, confidence) for name, test in tests.items()}
    costs_at_mean = {
        name: pruning_costs(test, head, examined, confidence, at_mean=True)
        for name, test in tests.items()
    }
    axes = [
        OutlierAxis(
            feature=feature,
            share=float(outliers.share_of_every_feature[feature]),
            outlier=bool(len(outliers.feature)),
            energy=float(outliers.energy_of_every_feature[feature]),
            constant=float(outliers.constant_of_every_feature[feature]),
            cosine=float(cosines[nearest[feature], feature]),
            rank=int(nearest[feature]) + 1,
            within=float(spans[-1, feature]),
            within_top=[float(spans[top - 1, feature]) for top in tops],
            logit_variance=float(directions.feature_logit_variance[feature]),
            costs={name: lost[place] for name, lost in costs.items()},
            costs_at_mean={name: lost[place] for name, lost in costs_at_mean.items()},
        )
        for place, feature in enumerate(examined.tolist())
    ]
    return OutlierAxes(
        axes=axes,
        typical_cosine=float(np.median(cosines.max(axis=0))),
        typical_logit_variance=float(np.median(directions.feature_logit_variance)),
        tops=tops,
    )


def examined_features(outliers: OutlierFeatures) -> Int[np.ndarray, " examined"]:
    """Return the `MOST_AXES` most extreme outlier features, or the most extreme feature."""
    if len(outliers.feature):
        return outliers.feature[:MOST_AXES]
    return most_extreme_first(
        outliers.share_of_every_feature, outliers.mean_abs_z_of_every_feature
    )[:1]


def pruning_costs(
    test: Activations,
    head: Head,
    features: Int[np.ndarray, " pruned"],
    confidence: float,
    *,
    at_mean: bool = False,
) -> list[Estimate]:
    """Compute the points of top-1 accuracy lost when one feature is pruned and all others are kept.

    A feature is pruned as a direction is: `h - h_i e_i`, followed by the unchanged head, which
    normalises what is left if it normalises features. The product with W is `W h - h_i W e_i`, so
    all features share `W h`. With `at_mean`, the feature is its mean m over the images and not 0:
    `h - (h_i - m) e_i`.

    The interval is that of Agresti & Min (2005) for the difference of two fractions of the same
    images: normal, with half an image added to each of the four outcomes, so that it has a width
    even if no image's outcome changes.

    Parameters
    ----------
    test : the head chooses among its classes
    features : indices of the features that are pruned
    confidence : of the interval, above 0 and below 1
    at_mean : keep the feature's mean
    """
    class_map = test.class_map(len(head.weight))
    head, predictions = restrict_head(head, test.classes, class_map)
    weight, images = np.asarray(head.weight, np.float64), len(test.classes)
    lost, gained = np.zeros((2, len(features)), dtype=np.int64)
    levels = np.zeros(len(features))
    if at_mean:
        for _, chunk in chunks(test.values):
            levels += chunk[:, features].sum(axis=0) / images
    for rows, chunk in chunks(test.values):
        product, whole = chunk @ weight.T, np.sum(chunk**2, axis=1)
        # What cancellation leaves of a length that is 0 must not be scaled up to 1.
        rounding = whole * chunk.shape[1] * np.finfo(np.float64).eps
        logits = to_logits(product, np.sqrt(whole), head)
        before = are_right(predictions[np.argmax(logits, axis=1)], test.classes[rows])
        for i, feature in enumerate(features):
            values, level = chunk[:, feature], levels[i]
            squares = whole - values**2 + level**2
            lengths = np.sqrt(np.where(squares > rounding, squares, 0.0))
            removed = np.outer(values - level, weight[:, feature])
            logits = to_logits(product - removed, lengths, head)
            after = are_right(predictions[np.argmax(logits, axis=1)], test.classes[rows])
            lost[i] += np.count_nonzero(before & ~after)
            gained[i] += np.count_nonzero(after & ~before)
    # Half an image for each outcome: right both times, lost, gained, wrong both times.
    outcomes = images + 2
    center = (lost - gained) / outcomes
    error = np.sqrt((lost + gained + 1) / outcomes - center**2) / np.sqrt(outcomes)
    margin = NormalDist().inv_cdf((1 + confidence) / 2) * error
    ends = (lost - gained) / images, center - margin, center + margin
    return [Estimate(*found) for found in (100 * np.array(ends)).T.tolist()]
