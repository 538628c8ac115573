"""How robust one more standard model may be: a limit that depends on its accuracy on ImageNet.

Accurate standard models lie farther from their lines than others, on ImageNet-A above all, so that
a constant limit (`standard_spread`) is too wide for most models and too narrow for the accurate
ones. The paper has no such limit; the choice is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.statistics.logit_line import ROUNDING, Models, logit
from interpreting_clip.statistics.standard_spread import StandardSpread, standard_spread

LEAST_SHIFTS = 4
"""A limit is for means over at least so many shifts: distances on one are not log-linear."""

LEAST_FAMILIES = 3
"""Fewer families leave Student's t no degree of freedom."""

NEWTON_STEPS = 50


@dataclass(frozen=True)
class StandardLimit:
    """The limit for one more standard model, `exp(level + rise · logit(accuracy))` points.

    Attributes
    ----------
    level, rise : of the logarithm of the limit, in points
    models, families : that it was fitted to
    low, high : the lowest and the highest ImageNet accuracy among these models, as fractions
    """

    level: float
    rise: float
    models: int
    families: int
    low: float
    high: float

    def at(self, imagenet: float) -> float | None:
        """Return the limit at an ImageNet accuracy, a fraction; None outside the models' range."""
        if not self.low - ROUNDING <= imagenet <= self.high + ROUNDING:
            return None
        return float(np.exp(self.level + self.rise * logit(np.array([imagenet]))[0]))


@dataclass(frozen=True, eq=False)
class StandardModels:
    """Standard models' own effective robustness, with which an encoder's is compared.

    Attributes
    ----------
    imagenet : their accuracy on all of ImageNet's classes, as fractions
    residuals : on each shift, from the straight line (`line_residuals`)
    curved_residuals : alike, from the curved line
    families : the family of each model, numbered from 0; None if all are independent
    """

    imagenet: Models
    residuals: Mapping[str, Models]
    curved_residuals: Mapping[str, Models]
    families: Int[np.ndarray, " model"] | None = None

    def spread(self, shifts: Sequence[str], confidence: float) -> StandardSpread | None:
        """Return the spread around the straight lines of some shifts; None where unknown."""
        known = [self.residuals[shift] for shift in shifts if shift in self.residuals]
        return standard_spread(known, confidence) if len(known) == len(shifts) else None

    def limit(self, shifts: Sequence[str], confidence: float) -> StandardLimit | None:
        """Return the limit around the curved lines of some shifts; None where unknown."""
        known = [self.curved_residuals[s] for s in shifts if s in self.curved_residuals]
        if len(known) < max(LEAST_SHIFTS, len(shifts)):
            return None
        return standard_limit(self.imagenet, np.mean(known, axis=0), confidence, self.families)


def standard_limit(
    imagenet: Models,
    residuals: Models,
    confidence: float,
    families: Int[np.ndarray, " model"] | None = None,
) -> StandardLimit | None:
    """Fit the limit within which one more standard model lies with some confidence.

    A residual is normal with mean 0 and a standard deviation whose logarithm is linear in the logit
    of ImageNet accuracy (Harvey 1976), fitted by maximum likelihood. With F families, the variance
    is enlarged by F / (F - 2) for the two coefficients and by 1 + 1 / F for the line's own error,
    and the quantile is that of Student's t with F - 2 degrees of freedom: models of a family are no
    independent evidence of how far one of another family lies.

    Parameters
    ----------
    imagenet : accuracy on ImageNet, fractions from 0 to 1
    residuals : means over shifts from the curved lines, in points; NaN where unknown
    confidence : of the limit, above 0 and below 1
    families : as in `StandardModels`

    Returns
    -------
    None if fewer than three families are known
    """
    known = ~np.isnan(residuals)
    groups = np.arange(len(residuals)) if families is None else families
    count = len(np.unique(groups[known]))
    if count < LEAST_FAMILIES:
        return None
    from scipy.special import stdtrit  # takes longer to import than the library

    level, rise = _log_deviation(logit(imagenet[known]), residuals[known])
    factor = float(stdtrit(count - 2, (1 + confidence) / 2))
    factor *= np.sqrt(count / (count - 2) * (1 + 1 / count))
    return StandardLimit(
        level=level + float(np.log(factor)),
        rise=rise,
        models=int(known.sum()),
        families=count,
        low=float(imagenet[known].min()),
        high=float(imagenet[known].max()),
    )


def _log_deviation(
    x: Float[np.ndarray, " model"], residuals: Float[np.ndarray, " model"]
) -> tuple[float, float]:
    """Fit `log SD = level + rise · x` by Newton's method; the likelihood is concave."""
    design = np.stack([np.ones(len(x)), x - x.mean()], axis=1)
    squares = np.maximum(residuals**2, np.finfo(float).tiny)
    coefficients = np.array([np.log(squares.mean()) / 2, 0.0])
    for _ in range(NEWTON_STEPS):
        # Squares in units of the fitted variance: their mean is 1.
        scaled = squares * np.exp(-2 * design @ coefficients)
        curvature = (design * (2 * scaled)[:, None]).T @ design
        step = np.linalg.pinv(curvature) @ (design.T @ (scaled - 1))
        coefficients += step
        if np.abs(step).max() < 1e-12:
            break
    level, rise = coefficients.tolist()
    return level - rise * float(x.mean()), rise
