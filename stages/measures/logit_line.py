"""The line in logit space that standard models follow from ImageNet to a shift."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

MIN_MODELS = 3


@dataclass(frozen=True)
class LogitLine:
    """`logit(acc_shift) = slope · logit(acc_ImageNet) + intercept` (Taori et al. 2020).

    Attributes
    ----------
    slope, intercept : in logits (natural logarithm of the odds)
    r_squared : fraction of the variance of the shift's logits that the line explains
    models : how many models the line was fitted to
    """

    slope: float
    intercept: float
    r_squared: float
    models: int

    def predict(self, imagenet: Float[np.ndarray, " model"]) -> Float[np.ndarray, " model"]:
        """Compute β, the accuracy on the shift that the line predicts, as a fraction."""
        return _predict(self.slope, self.intercept, imagenet)


@dataclass(frozen=True, eq=False)
class ResampledLines:
    """The same line refitted to resampled models."""

    slope: Float[np.ndarray, " resample"]
    intercept: Float[np.ndarray, " resample"]

    def predict(self, imagenet: Float[np.ndarray, " resample"]) -> Float[np.ndarray, " resample"]:
        """Compute β of each resampled line at an ImageNet accuracy of its own."""
        return _predict(self.slope, self.intercept, imagenet)


def logit(fraction: Float[np.ndarray, " model"]) -> Float[np.ndarray, " model"]:
    """Compute the natural logarithm of the odds: -inf at 0, +inf at 1."""
    with np.errstate(divide="ignore"):
        return np.log(fraction) - np.log1p(-fraction)


def expit(log_odds: Float[np.ndarray, " model"]) -> Float[np.ndarray, " model"]:
    """Invert `logit`, without overflow anywhere."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def fit_line(
    imagenet: Float[np.ndarray, " model"], shift: Float[np.ndarray, " model"]
) -> LogitLine:
    """Fit the line by least squares in logit space, each model counting once.

    A model is left out of this shift's line if one of its accuracies is unknown (NaN), or is 0 or
    1, where the logit is infinite. Clipping the accuracy would invent a point. Among Taori et al.'s
    standard models only the ResNet-50 that ImageNet-A was selected against is left out: it scores 0
    there by construction.

    Parameters
    ----------
    imagenet, shift : top-1 accuracy of each model, fraction from 0 to 1; NaN where unknown

    Raises
    ------
    ValueError
        An accuracy is outside 0 to 1 (percent, say), fewer than three models are left, or all of
        them have the same ImageNet accuracy.
    """
    usable = _usable_models(imagenet, shift)
    x, y = logit(imagenet[usable]), logit(shift[usable])
    slope, intercept = _least_squares(x, y, np.ones((1, len(x))))
    residual = np.sum((y - slope * x - intercept) ** 2)
    variation = np.sum((y - y.mean()) ** 2)
    # If all models are equal on the shift there is no variance to explain, and the line is exact.
    r_squared = 1.0 if np.all(y == y[0]) else float(1 - residual / variation)
    return LogitLine(float(slope[0]), float(intercept[0]), r_squared, len(x))


def resample_lines(
    imagenet: Float[np.ndarray, " model"],
    shift: Float[np.ndarray, " model"],
    resamples: int,
    seed: int,
) -> ResampledLines:
    """Refit the line with randomly reweighted models (the Bayesian bootstrap, Rubin 1981).

    Every model gets an exponentially distributed weight. Drawing models with replacement is the
    same to first order, but with few models it now and then draws one model only, and no line fits
    that. For a given seed and list of models the weights are the same on every shift, so averages
    over shifts keep the correlation between their lines. Pass unknown accuracies as NaN rather than
    leave the model out.

    Parameters
    ----------
    imagenet, shift : as in `fit_line`
    resamples : how many lines
    seed : of the weights

    Raises
    ------
    ValueError
        As `fit_line`, or `resamples` is less than 1.
    """
    if resamples < 1:
        raise ValueError(f"{resamples} resamples: expected at least one")
    usable = _usable_models(imagenet, shift)
    weights = np.random.default_rng(seed).standard_exponential((resamples, len(imagenet)))
    slope, intercept = _least_squares(
        logit(imagenet[usable]), logit(shift[usable]), weights[:, usable]
    )
    return ResampledLines(slope, intercept)


def baseline_lines(
    imagenet: Float[np.ndarray, " model"],
    shifts: Mapping[str, Float[np.ndarray, " model"]],
    resamples: int,
    seed: int,
) -> tuple[dict[str, LogitLine], dict[str, ResampledLines]]:
    """Fit the line of each shift (Taori et al. 2020) and resample its models.

    Parameters
    ----------
    imagenet, shifts : top-1 accuracy of each model, fraction from 0 to 1; NaN where unknown
    resamples, seed : as in `resample_lines`; a model has the same weight on every shift

    Raises
    ------
    ValueError
        As `fit_line`; names the shift.
    """
    lines, resampled = {}, {}
    for shift, accuracy in shifts.items():
        try:
            lines[shift] = fit_line(imagenet, accuracy)
        except ValueError as error:
            raise ValueError(f"shift {shift}: {error}") from error
        resampled[shift] = resample_lines(imagenet, accuracy, resamples, seed)
    return lines, resampled


def _usable_models(
    imagenet: Float[np.ndarray, " model"], shift: Float[np.ndarray, " model"]
) -> Bool[np.ndarray, " model"]:
    outside = (imagenet < 0) | (imagenet > 1) | (shift < 0) | (shift > 1)
    if outside.any():
        model = int(np.argmax(outside))
        raise ValueError(
            f"model {model}: accuracies {imagenet[model]} and {shift[model]}; expected fractions "
            "from 0 to 1, so divide percentages by 100"
        )
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


def _least_squares(
    x: Float[np.ndarray, " model"],
    y: Float[np.ndarray, " model"],
    weights: Float[np.ndarray, "resample model"],
) -> tuple[Float[np.ndarray, " resample"], Float[np.ndarray, " resample"]]:
    weights = weights / weights.sum(axis=1, keepdims=True)
    x_mean, y_mean = weights @ x, weights @ y
    x_centred, y_centred = x - x_mean[:, None], y - y_mean[:, None]
    slope = np.sum(weights * x_centred * y_centred, axis=1) / np.sum(weights * x_centred**2, axis=1)
    return slope, y_mean - slope * x_mean


def _predict(
    slope: float | Float[np.ndarray, " model"],
    intercept: float | Float[np.ndarray, " model"],
    imagenet: Float[np.ndarray, " model"],
) -> Float[np.ndarray, " model"]:
    # At an accuracy of 0 or 1 the logit is infinite: take the limit, which a flat line has too.
    with np.errstate(invalid="ignore"):
        rise = np.where(np.equal(slope, 0.0), 0.0, slope * logit(imagenet))
    return expit(rise + intercept)
