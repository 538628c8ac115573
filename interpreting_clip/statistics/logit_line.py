"""The line in logit space that standard models follow from ImageNet to a shift."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.quantities import Described, Resamples, Seed, StrictStruct
from interpreting_clip.statistics.least_squares import (
    fit_coefficients,
    r_squared,
    resample_coefficients,
)

MIN_MODELS = 3

Models = Float[np.ndarray, " model"]
"""The accuracy of each model, as a fraction."""

ROUNDING = 1e-6
"""Tolerance for accuracies and ranges that were rounded to six decimals in a result."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """Where the standard models come from, and the bootstrap of the lines fitted to them.

    `trained`: classifiers of pixels and edges, trained here; `published`: the testbed's standard
    models, which the package holds. The lines start at ImageNet accuracy on the classes of the
    shift or on all of them (`abscissa`).
    """

    source: Annotated[
        Literal["trained", "published"],
        Described(
            "`trained`: classifiers of pixels and edges, trained here on `imagenet_train`, for "
            "synthetic sets only. `published`: the ImageNet testbed's, for real sets",
            paper="`published`",
        ),
    ] = "published"
    abscissa: Annotated[
        Literal["shift_classes", "all_classes"],
        Described(
            "the ImageNet accuracy that the lines start from. `shift_classes`: on ImageNet's "
            "images of the shift's classes, among these alone, as the testbed compares ImageNet-R, "
            "ImageNet-A and ObjectNet. `all_classes`: on all"
        ),
    ] = "shift_classes"
    seed: Annotated[Seed, Described("of the classifiers and of the resamples")] = 0
    resamples: Annotated[
        Resamples,
        Described(
            "lines drawn for the intervals, which vary as much as the fitted line is uncertain (a "
            "wild bootstrap with Student's tails)",
            "lines",
        ),
    ] = 1000


@dataclass(frozen=True)
class LogitLine:
    """`logit(acc_shift) = slope · logit(acc_ImageNet) + intercept` (Taori et al. 2020).

    A curved line (`curved_line`) has a knee, above which its slope is `slope + bend`.

    Attributes
    ----------
    slope, intercept : in logits (natural logarithm of the odds)
    r_squared : fraction of the variance of the shift's logits that the line explains
    models : how many models the line was fitted to
    low, high : the lowest and the highest ImageNet accuracy among these models, as fractions
    knee : an ImageNet accuracy, as a fraction; None if the line is straight
    bend : the change of the slope at the knee
    """

    slope: float
    intercept: float
    r_squared: float
    models: int
    low: float
    high: float
    knee: float | None = None
    bend: float = 0.0

    def predict(self, imagenet: Models) -> Models:
        """Compute β, the accuracy on the shift that the line predicts, as a fraction."""
        return _predict(self, imagenet)

    def is_extrapolated(self, imagenet: float) -> bool:
        """Return whether an ImageNet accuracy lies outside the range of the fitted models.

        There the line is a guess, and so is every effective robustness read from it. Tables, charts
        and statements all mark such numbers by this rule, which is ours; the paper has none.
        """
        return not self.low - ROUNDING <= imagenet <= self.high + ROUNDING


@dataclass(frozen=True, eq=False)
class ResampledLines:
    """Resamples of one line; their spread is the line's uncertainty.

    Each resample of a curved line has its own knee.
    """

    slope: Float[np.ndarray, " resample"]
    intercept: Float[np.ndarray, " resample"]
    knee: Float[np.ndarray, " resample"] | None = None
    bend: Float[np.ndarray, " resample"] | None = None

    def predict(self, imagenet: Float[np.ndarray, " resample"]) -> Float[np.ndarray, " resample"]:
        """Compute β of each resampled line, each at its own ImageNet accuracy."""
        return _predict(self, imagenet)


def logit(fraction: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Compute the natural logarithm of the odds: -inf at 0, +inf at 1."""
    with np.errstate(divide="ignore"):
        # log1p keeps the digits that 1 − fraction would lose near 0.
        return np.log(fraction) - np.log1p(-fraction)


def expit(log_odds: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Invert `logit` without overflow."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def fit_line(imagenet: Models, shift: Models) -> LogitLine:
    """Fit the line by least squares in logit space, each model counting once.

    A model is left out of this shift's line if one of its accuracies is unknown (NaN), or is 0 or
    1, where the logit is infinite. Clipping the accuracy would invent a point. Among Taori et al.'s
    standard models, five have no accuracy on ImageNet-R, and the ResNet-50 that ImageNet-A was
    selected against scores 0 there by construction.

    Parameters
    ----------
    imagenet, shift : top-1 accuracy of each model, fraction from 0 to 1; NaN where unknown

    Raises
    ------
    ValueError
        Fewer than three models are left, or all of them have the same ImageNet accuracy.
    """
    # Models at 0 or 1 are left out, not clipped: that would invent a point.
    usable = usable_models(imagenet, shift)
    design, y = line_design(imagenet[usable]), logit(shift[usable])
    coefficients = fit_coefficients(design, y)
    return LogitLine(
        *coefficients.tolist(),
        r_squared=r_squared(y, y - design @ coefficients),
        models=len(y),
        low=float(imagenet[usable].min()),
        high=float(imagenet[usable].max()),
    )


def resample_lines(
    imagenet: Models,
    shift: Models,
    resamples: int,
    seed: int,
    families: Int[np.ndarray, " model"] | None = None,
) -> ResampledLines:
    """Draw lines whose spread is the fitted line's uncertainty, with the tails of Student's t.

    The paper has no intervals; these are ours. A line is refitted to its own predictions plus
    `wild_noise`: it is valid even if some models scatter more than others, and percentiles of an
    ordinary bootstrap of few models are too narrow. For a given seed and list of models the numbers
    are the same on every shift, so averages over shifts keep the correlation between their lines.
    Pass unknown accuracies as NaN rather than leaving the model out.

    Parameters
    ----------
    imagenet, shift : as in `fit_line`
    resamples : how many lines
    seed : of the normal numbers
    families : the family of each model, numbered from 0, if models of a family are no independent
        evidence of the line; None if they are

    Raises
    ------
    ValueError
        There are fewer than three families, or the accuracies allow no line (`fit_line`).
    """
    usable = usable_models(imagenet, shift)
    drawn = resample_coefficients(
        line_design(imagenet[usable]),
        logit(shift[usable]),
        resamples,
        seed,
        families,
        fitted=usable,
    )
    return ResampledLines(*drawn.T)


def usable_models(imagenet: Models, shift: Models) -> Bool[np.ndarray, " model"]:
    """Return which models a line is fitted to, as `fit_line` describes."""
    usable = (imagenet > 0) & (imagenet < 1) & (shift > 0) & (shift < 1)
    if np.count_nonzero(usable) < MIN_MODELS:
        raise ValueError(
            f"{np.count_nonzero(usable)} of {len(usable)} models have both accuracies known and "
            f"strictly between 0 and 1: expected at least {MIN_MODELS}; add standard models"
        )
    if np.ptp(imagenet[usable]) == 0:
        raise ValueError(
            "all models have the same ImageNet accuracy, which no line fits: add other models"
        )
    return usable


def line_design(imagenet: Models) -> Float[np.ndarray, "model 2"]:
    """Return the logits of ImageNet accuracies, and a column of ones for the intercept."""
    return np.stack([logit(imagenet), np.ones(len(imagenet))], axis=1)


def _predict(line: LogitLine | ResampledLines, imagenet: Models) -> Models:
    # At an accuracy of 0 or 1 the logit is infinite: take the limit, which a flat line has too.
    with np.errstate(invalid="ignore"):
        log_odds = logit(imagenet)
        rise = np.where(np.equal(line.slope, 0.0), 0.0, line.slope * log_odds)
        if line.knee is not None and line.bend is not None:
            beyond = np.maximum(log_odds - logit(np.atleast_1d(line.knee)), 0.0)
            rise = rise + np.where(beyond > 0, line.bend * beyond, 0.0)
    return expit(rise + line.intercept)
