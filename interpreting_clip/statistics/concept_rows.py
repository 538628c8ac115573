"""Rows for concepts, such as the text embeddings of their names: how well each ranks the images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.formats.result import Estimate, Label, Result
from interpreting_clip.statistics.average_precision import (
    Examples,
    Resample,
    average_precisions,
    encodes_concepts,
)
from interpreting_clip.statistics.chunks import Features
from interpreting_clip.statistics.intervals import deviation_interval

CONFIDENCE = 0.95
"""Of the interval of the count."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RowConcepts(Result):
    """The concepts that their own rows encode: with a zero-shot head, what the text encoder knows.

    A row encodes its concept if the average precision of the projections on it, after the mean row
    is subtracted, is at least the threshold. Chance is the row of another concept.

    Attributes
    ----------
    encoded : concepts that their own row encodes, with the interval of `BasisConcepts.unique`
    by_others : how many the row of another concept would encode, the mean over these
    over_all, over_all_by_others : both if all other images are negatives
    precision, precision_by_others : mean average precision over concepts
    precisions : of each concept's own row
    """

    CAPTION: ClassVar[str] = "Chance of a concept's own row: the mean over the rows of the others."

    encoded: Annotated[
        Estimate, Label("concepts that their own row encodes", 0, chance="by_others")
    ]
    by_others: float
    over_all: Annotated[int, Label("the same against all images", 0, chance="over_all_by_others")]
    over_all_by_others: float
    precision: Annotated[
        float, Label("mean average precision of own rows", 3, chance="precision_by_others")
    ]
    precision_by_others: float
    precisions: Float[np.ndarray, " _concept"]


def row_concepts(
    activations: Features,
    rows: Float[np.ndarray, "row feature"],
    own: Int[np.ndarray, " concept"],
    concepts: Sequence[Examples],
    threshold: float,
    *,
    resamples: Sequence[Resample] = (),
    workers: int = 1,
) -> RowConcepts:
    """Measure how well the row of each concept ranks the images.

    The mean row is subtracted: CLIP's text embeddings have a large part in common, along which
    images differ for other reasons than what they show. The choice is ours.

    Parameters
    ----------
    activations : one row per image
    rows : a vector for each concept, measured or not, at least two
    own : the row of each measured concept
    concepts, resamples, workers : as in `average_precisions`
    threshold : of the average precision, above 0, at most 1
    """
    rows = np.asarray(rows, np.float64)
    scores = activations @ (rows - rows.mean(axis=0)).T
    every = average_precisions(scores, concepts, workers, resamples=resamples)
    places = np.arange(len(own))
    drawn = every.drawn[:, own, places]
    counts = encodes_concepts(drawn, threshold).sum(axis=1)
    encoded = deviation_interval(int(counts[0]), counts[1:], CONFIDENCE)
    if encoded.low is not None:
        encoded = replace(encoded, low=max(0.0, encoded.low))

    def by_others(values: np.ndarray) -> np.ndarray:
        """Return for each concept the mean over all rows but its own."""
        return (values.sum(axis=0) - values[own, places]) / (len(rows) - 1)

    return RowConcepts(
        encoded=encoded,
        by_others=float(by_others(encodes_concepts(every.drawn[0], threshold)).sum()),
        over_all=int(encodes_concepts(every.over_all[own, places], threshold).sum()),
        over_all_by_others=float(by_others(encodes_concepts(every.over_all, threshold)).sum()),
        precision=float(drawn[0].mean()),
        precision_by_others=float(by_others(every.drawn[0]).mean()),
        precisions=drawn[0],
    )
