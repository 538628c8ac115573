"""The spread of standard models around their lines: how robust a standard model is by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from interpreting_clip.formats.result import Estimate, Label, Result
from interpreting_clip.statistics.logit_line import MIN_MODELS, LogitLine, Models


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class StandardSpread(Result):
    """How far standard models lie from their line, or on average from several, in points.

    An interval of effective robustness covers the line and the images, and narrows with their
    number. It does not say how far a standard model may lie from the line; this does.

    Attributes
    ----------
    deviation : the standard deviation from the line, with n - 2 degrees of freedom
    limit : one more standard model lies within ± this with the confidence of the intervals
    largest : the largest distance of these models, above or below
    models : how many have all of these shifts
    """

    deviation: Annotated[float, Label("SD", 1, unit="points")]
    limit: Annotated[float, Label("limit for one more", 1, unit="points")]
    largest: float
    models: int

    def is_exceeded_by(self, robustness: Estimate | None) -> bool:
        """Return whether an interval lies above the limit: more robust than standard models."""
        return robustness is not None and robustness.ends[0] > self.limit


def line_residuals(imagenet: Models, shift: Models, line: LogitLine) -> Models:
    """Compute each standard model's effective robustness, NaN if it is not part of the line.

    Parameters
    ----------
    imagenet, shift : as in `fit_line`: fractions from 0 to 1, NaN where unknown
    line : fitted to them
    """
    fitted = (imagenet > 0) & (imagenet < 1) & (shift > 0) & (shift < 1)
    at = np.where(fitted, imagenet, 0.5)
    return np.where(fitted, 100 * (shift - line.predict(at)), np.nan)


def standard_spread(residuals: Sequence[Models], confidence: float) -> StandardSpread | None:
    """Compute the spread of the mean over shifts of the standard models' effective robustness.

    The limit is that of a regression's prediction interval at the models' mean accuracy,
    `t · SD · sqrt(1 + 1 / n)` with Student's t of n - 2 degrees of freedom; far from that mean it
    is a little too narrow. It takes models as independent and their distances as equally wide
    everywhere, in points. The paper has no such spread; the choice is ours.

    Parameters
    ----------
    residuals : of the same models on each shift (`line_residuals`)
    confidence : of the limit, above 0 and below 1

    Returns
    -------
    None if there is no shift, or if fewer than three models have all of them
    """
    means = np.mean(residuals, axis=0) if residuals else np.empty(0)
    means = means[~np.isnan(means)]
    models = len(means)
    if models < MIN_MODELS:
        return None
    from scipy.special import stdtrit  # takes longer to import than the library

    # Around the line and not around their mean, which the fit in logits leaves near 0.
    deviation = float(np.sqrt(np.sum(means**2) / (models - 2)))
    quantile = float(stdtrit(models - 2, (1 + confidence) / 2))
    return StandardSpread(
        deviation=deviation,
        limit=quantile * deviation * float(np.sqrt(1 + 1 / models)),
        largest=float(np.abs(means).max()),
        models=models,
    )
