"""Outlier features and the head: where their axes point, and what pruning each one costs."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.measures.accuracy import restrict_head
from interpreting_clip.measures.chunks import CHUNK_SIZE, chunks
from interpreting_clip.measures.directions import Directions
from interpreting_clip.measures.head import Head, to_logits
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.pruning import least_important_first
from interpreting_clip.measures.result import Result

TOP = (1, 3, 10, 30, 100)
"""Numbers of most important directions in whose span an axis is looked for."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class OutlierAxis(Result):
    """The axis of a feature among the privileged directions, and what pruning it alone costs.

    Attributes
    ----------
    feature : its index
    share : fraction of images in which it is extreme
    outlier : False for the most extreme feature, which stands here if there is no outlier feature
    cosine, rank, within, within_top : as in `AxisAlignment`
    logit_variance : share of the variance of the logits over classes that runs through it
    costs : points of accuracy lost without it, on each test set
    """

    feature: int
    share: float
    outlier: bool
    cosine: float
    rank: int
    within: float
    within_top: list[float]
    logit_variance: float
    costs: dict[str, Estimate]


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


@dataclass(frozen=True, eq=False)
class AxisAlignment:
    """How the axes of some features align with the privileged directions.

    Attributes
    ----------
    cosine : the largest |cos| of the axis with a direction, 0 to 1
    rank : that direction's place by importance, 1 being the most important
    within : the fraction, 0 to 1, of the axis's squared length in the span of all directions; the
        head that they belong to ignores the rest
    within_top : the same of the span of the most important directions alone, as many as each entry
        of `tops`; an axis that has nothing to do with k directions of n features has k / n there
    """

    cosine: Float[np.ndarray, " outlier"]
    rank: Int[np.ndarray, " outlier"]
    within: Float[np.ndarray, " outlier"]
    within_top: Float[np.ndarray, "outlier top"]


@dataclass(frozen=True, eq=False)
class PruningCosts:
    """Top-1 accuracy, as a fraction, lost by pruning each feature alone, with an interval."""

    value: Float[np.ndarray, " outlier"]
    low: Float[np.ndarray, " outlier"]
    high: Float[np.ndarray, " outlier"]


def tops(directions: int) -> list[int]:
    """Return the numbers of directions in `TOP` that an encoder has."""
    return [count for count in TOP if count <= directions]


def align_axes(
    features: Int[np.ndarray, " outlier"],
    directions: Directions,
    importance: Float[np.ndarray, " direction"],
) -> AxisAlignment:
    """Compare the axis of each feature with each privileged direction.

    Axis and direction have length one, so `cos(e_i, v)` is `v`'s coordinate i; signs mean nothing.
    Crabbé et al. (2024) link outlier features to privileged directions; measuring the link by the
    direction nearest to the axis is our choice. Of equally near ones, the most important counts. An
    axis between several important directions is near to none of them, but it lies in their span:
    `within_top`.

    Parameters
    ----------
    features : indices of features, such as those of `most_extreme_first`
    directions, importance : of a head of the same encoder

    Raises
    ------
    ValueError
        A feature does not exist, or there is not one importance per direction.
    """
    count, width = directions.vectors.shape
    if len(importance) != count:
        raise ValueError(f"{len(importance)} importances of {count} directions: expected one each")
    _require_features(features, width)
    # The most important first, so that argmax takes it among directions that are equally near.
    order = least_important_first(importance)[::-1]
    cosines = np.abs(directions.vectors[np.ix_(order, features)])
    nearest = np.argmax(cosines, axis=0)
    spanned = np.cumsum(cosines**2, axis=0)
    return AxisAlignment(
        cosine=cosines[nearest, np.arange(len(features))],
        rank=nearest + 1,
        within=np.sum(cosines**2, axis=0),
        within_top=spanned[np.array(tops(count)) - 1].T,
    )


def pruning_costs(
    activations: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    head: Head,
    features: Int[np.ndarray, " outlier"],
    *,
    confidence: float,
    class_map: Int[np.ndarray, " class_"] | None = None,
    chunk_size: int = CHUNK_SIZE,
) -> PruningCosts:
    """Compute the top-1 accuracy that is lost when one feature is pruned and all others are kept.

    A feature is pruned as a direction is: `h - h_i e_i`, followed by the unchanged head, which
    normalises what is left if it normalises features. The product with W is `W h - h_i W e_i`, so
    all features share `W h`.

    The interval is that of Agresti & Min (2005) for the difference of two fractions of the same
    images: normal, with half an image added to each of the four outcomes, so that it has a width
    even if no image's outcome changes.

    Parameters
    ----------
    activations, classes, head, class_map, chunk_size : as in `correct_predictions`
    features : indices of features
    confidence : of the interval, above 0 and below 1

    Raises
    ------
    ValueError
        A feature does not exist, `confidence` is not between 0 and 1, or as `restrict_head`.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a fraction above 0 and below 1")
    _require_features(features, activations.shape[1])
    head, predictions = restrict_head(head, activations, classes, class_map)
    weight = np.asarray(head.weight, np.float64)
    lost, gained = np.zeros((2, len(features)), dtype=np.int64)
    for rows, chunk in chunks(activations, chunk_size):
        product, whole = chunk @ weight.T, np.sum(chunk**2, axis=1)
        # What cancellation leaves of a length that is 0 must not be scaled up to 1.
        rounding = whole * chunk.shape[1] * np.finfo(np.float64).eps
        logits = to_logits(product, np.sqrt(whole), head)
        before = predictions[np.argmax(logits, axis=1)] == classes[rows]
        for i, feature in enumerate(features):
            values = chunk[:, feature]
            squares = whole - values**2
            lengths = np.sqrt(np.where(squares > rounding, squares, 0.0))
            logits = to_logits(product - np.outer(values, weight[:, feature]), lengths, head)
            after = predictions[np.argmax(logits, axis=1)] == classes[rows]
            lost[i] += np.count_nonzero(before & ~after)
            gained[i] += np.count_nonzero(after & ~before)
    # Half an image for each outcome: right both times, lost, gained, wrong both times.
    images = len(classes) + 2
    center = (lost - gained) / images
    error = np.sqrt((lost + gained + 1) / images - center**2) / np.sqrt(images)
    margin = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return PruningCosts((lost - gained) / len(classes), center - margin, center + margin)


def _require_features(features: Int[np.ndarray, " outlier"], width: int) -> None:
    if not np.all((features >= 0) & (features < width)):
        raise ValueError(f"features {features.tolist()}: expected indices from 0 to {width - 1}")
