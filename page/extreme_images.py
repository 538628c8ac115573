"""The images with the highest and the lowest scores of each direction."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.concept_scores import Vectors, score_parts


@dataclass(frozen=True, eq=False)
class Extremes:
    """The images with the highest and the lowest scores, for each direction.

    Attributes
    ----------
    top : indices of the images with the highest scores, the highest first
    bottom : indices of the images with the lowest scores, the lowest first
    top_scores, bottom_scores : the scores of these images
    """

    top: Int[np.ndarray, "direction place"]
    bottom: Int[np.ndarray, "direction place"]
    top_scores: Float[np.ndarray, "direction place"]
    bottom_scores: Float[np.ndarray, "direction place"]


def direction_extremes(activations: Features, vectors: Vectors | None, count: int) -> Extremes:
    """Find the images at both ends of each direction, or of each feature if `vectors` is None."""
    parts = [extreme_images(scores, count) for _, scores in score_parts(activations, vectors)]
    names = [field.name for field in fields(Extremes)]
    return Extremes(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def extreme_images(scores: Float[np.ndarray, "image direction"], count: int) -> Extremes:
    """Find the images with the highest and the lowest scores of each direction.

    If scores are equal, the image with the lower index comes first. With fewer images than `count`,
    all of them are at both ends. A direction costs a partition, not a sort.

    Parameters
    ----------
    scores : finite
    count : how many images at each end
    """
    columns = np.ascontiguousarray(scores.T)
    bottom = np.stack([_lowest(column, count) for column in columns])
    top = np.stack([_lowest(-column, count) for column in columns])
    return Extremes(
        top=top,
        bottom=bottom,
        top_scores=np.take_along_axis(columns, top, axis=1),
        bottom_scores=np.take_along_axis(columns, bottom, axis=1),
    )


def _lowest(scores: Float[np.ndarray, " image"], count: int) -> Int[np.ndarray, " place"]:
    if count < len(scores):
        # A partition orders equal scores in any way, so keep all that equal the count-th lowest.
        candidates = np.flatnonzero(scores <= np.partition(scores, count - 1)[count - 1])
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(scores[candidates], kind="stable")[:count]]
