"""Average precision of many score columns at once."""

import numpy as np
from jaxtyping import Bool, Float, Int


def average_precisions(
    scores: Float[np.ndarray, "image direction"], positive: Bool[np.ndarray, " image"]
) -> Float[np.ndarray, " direction"]:
    """Compute for each direction how well its scores separate positives from negatives.

    `AP = Σ_n (R_n - R_{n-1}) P_n` over the distinct scores in descending order, with precision P_n
    and recall R_n of the images that score at least that much: scikit-learn's definition
    (`average_precision_score`), which takes equal scores as one step. Hence AP is the mean over
    positives of the precision at that positive's score.

    Parameters
    ----------
    scores : higher means more likely positive
    positive : which images are positives

    Returns
    -------
    above 0 up to 1

    Raises
    ------
    ValueError
        There is no positive or no negative, or a score is not finite (it is named).
    """
    if positive.all() or not positive.any():
        raise ValueError(
            f"{np.count_nonzero(positive)} positives among {len(positive)} images: expected at "
            "least one positive and one negative"
        )
    return precision_against_all(descending_ranks(scores)[:, positive])


def descending_ranks(
    scores: Float[np.ndarray, "image direction"],
) -> Int[np.ndarray, "direction image"]:
    """Count for each image the images that score at least as high, itself included.

    The highest score has rank 1 and equal scores have the same rank: that of the last of them.

    Raises
    ------
    ValueError
        A score is not finite (it is named).
    """
    columns = np.ascontiguousarray(scores.T)
    if not np.isfinite(columns).all():
        direction, image = np.argwhere(~np.isfinite(columns))[0]
        raise ValueError(f"image {image}, direction {direction}: its score is not a finite number")
    order = np.argsort(columns, axis=1)
    ascending = np.take_along_axis(columns, order, axis=1)
    first = np.broadcast_to(np.arange(columns.shape[1], dtype=np.int32), columns.shape).copy()
    first[:, 1:][ascending[:, 1:] == ascending[:, :-1]] = 0
    np.maximum.accumulate(first, axis=1, out=first)
    ranks = np.empty_like(first)
    np.put_along_axis(ranks, order, columns.shape[1] - first, axis=1)
    return ranks


def precision_against_all(
    positives: Int[np.ndarray, "direction positive"],
) -> Float[np.ndarray, " direction"]:
    """Compute AP from the ranks of the positives when all other images are negatives."""
    ranks = np.sort(positives, axis=1)
    return np.mean(_last_of_equals(ranks) / ranks, axis=1)


def precision_against_sample(
    positives: Int[np.ndarray, "direction positive"],
    negatives: Int[np.ndarray, "direction negative"],
) -> Float[np.ndarray, " direction"]:
    """Compute AP from the ranks of the positives and of some negatives, other images left out.

    Ranks and labels are sorted as one integer, `2 · rank + label`, which costs a third of sorting
    scores with their positions, and puts negatives before positives of the same rank.
    """
    keys = np.sort(np.concatenate([2 * negatives, 2 * positives + 1], axis=1), axis=1)
    rows, columns = np.nonzero(keys & 1)
    ranks = (keys[rows, columns] >> 1).reshape(positives.shape)
    negatives_above = columns.reshape(positives.shape) - np.arange(positives.shape[1])
    positives_above = _last_of_equals(ranks)
    return np.mean(positives_above / (positives_above + negatives_above), axis=1)


def _last_of_equals(
    ranks: Int[np.ndarray, "direction positive"],
) -> Int[np.ndarray, "direction positive"]:
    """Count for each sorted rank the ranks up to it, with all that equal it."""
    count = ranks.shape[1]
    last = np.broadcast_to(np.arange(1, count + 1), ranks.shape).copy()
    last[:, :-1][ranks[:, :-1] == ranks[:, 1:]] = count
    return np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
