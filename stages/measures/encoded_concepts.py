"""What the directions encode: how many concepts, and how many each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-12
"""An average precision this little below the threshold is at the threshold: sums are rounded."""


@dataclass(frozen=True)
class EncodedConcepts:
    """The concepts that a set of directions encodes.

    Attributes
    ----------
    unique_concepts : number of concepts that some direction encodes
    encoding_directions : number of directions that encode some concept
    polysemanticity : mean number of concepts per direction that encodes any; 0 where none does
    """

    unique_concepts: int
    encoding_directions: int
    polysemanticity: float


def encoded_concepts(
    precisions: Float[np.ndarray, "direction concept"], threshold: float
) -> EncodedConcepts:
    """Count the concepts that directions encode.

    A direction encodes a concept if its average precision is at least the threshold (0.9 in Crabbé
    et al. 2024).

    Parameters
    ----------
    precisions : average precision, 0 to 1 (`average_precisions`)
    threshold : above 0, at most 1

    Raises
    ------
    ValueError
        The threshold is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold}: expected a precision above 0, at most 1")
    encodes = precisions >= threshold - ROUNDING
    per_direction = np.count_nonzero(encodes, axis=1)
    encoding = int(np.count_nonzero(per_direction))
    return EncodedConcepts(
        unique_concepts=int(np.count_nonzero(encodes.any(axis=0))),
        encoding_directions=encoding,
        polysemanticity=float(per_direction.sum() / encoding) if encoding else 0.0,
    )


def encoded_by_category(
    precisions: Float[np.ndarray, "direction concept"], categories: Sequence[str], threshold: float
) -> dict[str, EncodedConcepts]:
    """Count the encoded concepts of each category alone.

    Parameters
    ----------
    precisions : average precision, 0 to 1
    categories : of each concept; the result is in alphabetical order of them
    threshold : above 0, at most 1

    Raises
    ------
    ValueError
        There is not one category per concept, or the threshold is out of range.
    """
    if len(categories) != precisions.shape[1]:
        raise ValueError(
            f"{len(categories)} categories for {precisions.shape[1]} concepts: expected one each"
        )
    of_concept = np.array(categories)
    return {
        category: encoded_concepts(precisions[:, of_concept == category], threshold)
        for category in sorted(set(categories))
    }


def sweep_thresholds(
    precisions: Float[np.ndarray, "direction concept"], thresholds: Sequence[float]
) -> list[EncodedConcepts]:
    """Count the encoded concepts at each of several thresholds, in their order.

    Raises
    ------
    ValueError
        A threshold is not above 0 and at most 1.
    """
    return [encoded_concepts(precisions, threshold) for threshold in thresholds]
