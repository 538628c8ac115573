"""A curved line: two straight pieces in logit space with one knee, where models support it.

Standard models follow a straight line in logit space on most shifts (Taori et al. 2020). On
ImageNet-A they do not: they rise slowly up to an ImageNet accuracy of about 75 % and steeply above
it, so that a straight line is too low for accurate models. A quadratic curve would fall on one
side. The choice of two rising pieces is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.statistics.least_squares import (
    fit_coefficients,
    r_squared,
    wild_noise,
)
from interpreting_clip.statistics.logit_line import (
    LogitLine,
    Models,
    ResampledLines,
    fit_line,
    line_design,
    logit,
    resample_lines,
    usable_models,
)
from interpreting_clip.statistics.nulls import rank_p_value

KNEE_LEVEL = 0.01
"""A line has a knee if the p-value of the straight line is at most this: .05 over five shifts."""

KNEE_RESAMPLES = 999
"""How many draws of a straight line's models the p-value of a knee is from."""

LEAST_SHARE, LEAST_FAMILIES = 0.1, 3
"""A knee has this share of the models, from this many families, below it and above it."""


@dataclass(frozen=True, eq=False)
class ShiftLines:
    """The line of each shift and its resamples, straight and curved.

    Attributes
    ----------
    lines, resampled : straight, of each shift
    curves, resampled_curves : curved, of the shifts whose models support a knee
    """

    lines: dict[str, LogitLine]
    resampled: dict[str, ResampledLines]
    curves: dict[str, LogitLine]
    resampled_curves: dict[str, ResampledLines]

    @property
    def curved(self) -> "ShiftLines":
        """The curved lines in place of the straight ones, which stay where there is no knee."""
        return replace(
            self,
            lines={**self.lines, **self.curves},
            resampled={**self.resampled, **self.resampled_curves},
        )


def baseline_lines(
    imagenet: Mapping[str, Models],
    shifts: Mapping[str, Models],
    resamples: int,
    seed: int,
    families: Int[np.ndarray, " model"] | None = None,
) -> ShiftLines:
    """Fit the line of each shift (Taori et al. 2020), straight and curved, and resample its models.

    Parameters
    ----------
    imagenet, shifts : top-1 accuracy of each model, fraction from 0 to 1; NaN where unknown. On
        ImageNet it is over all classes or, for each shift, over the shift's
    resamples, seed, families : as in `resample_lines`; a model has the same numbers on every shift
    """
    lines, resampled, curves, resampled_curves = {}, {}, {}, {}
    for shift, accuracy in shifts.items():
        x = imagenet[shift]
        try:
            lines[shift] = fit_line(x, accuracy)
        except ValueError as error:
            raise ValueError(f"shift {shift}: {error}") from error
        resampled[shift] = resample_lines(x, accuracy, resamples, seed, families)
        if curve := fit_curve(x, accuracy, resamples, seed, families):
            curves[shift], resampled_curves[shift] = curve
    return ShiftLines(lines, resampled, curves, resampled_curves)


def fit_curve(
    imagenet: Models,
    shift: Models,
    resamples: int,
    seed: int,
    families: Int[np.ndarray, " model"] | None = None,
) -> tuple[LogitLine, ResampledLines] | None:
    """Fit two straight pieces that meet at a knee and both rise, and resample their models.

    The knee is the model's ImageNet accuracy at which the sum of squared residuals is least. The
    models support it if the straight line is rejected: the sum falls by a share that is as large in
    at most `KNEE_LEVEL` of `KNEE_RESAMPLES` sets of accuracies, drawn around the straight line by
    the wild bootstrap and fitted in the same way. (The knee has no meaning under the straight line,
    which rules out tables of F; Hansen 1996.) Each resample has a knee of its own, so the spread
    covers where it is, but not whether there is one.

    Parameters
    ----------
    imagenet, shift, resamples, seed, families : as in `resample_lines`

    Returns
    -------
    the line and its resamples; None if the models do not support a knee
    """
    usable = usable_models(imagenet, shift)
    x, y = imagenet[usable], logit(shift[usable])
    groups = np.arange(len(imagenet)) if families is None else families
    hinges = _possible_hinges(x, groups[usable])
    if hinges is None:
        return None
    design = line_design(x)
    predicted = design @ fit_coefficients(design, y)
    fit = hinges.fit(y[None])
    noise = wild_noise(
        design, y - predicted, usable, resamples=KNEE_RESAMPLES, seed=seed, families=families
    )
    explained = hinges.fit(predicted + noise).explained
    if rank_p_value(float(fit.explained[0]), explained.tolist()) > KNEE_LEVEL:
        return None
    knee, bend = float(fit.knee[0]), float(fit.bend[0])
    hinge = np.maximum(logit(x) - logit(np.array([knee])), 0.0)
    bent = np.column_stack([design, hinge])
    fitted = bent @ [fit.slope[0], fit.intercept[0], bend]
    noise = wild_noise(bent, y - fitted, usable, resamples=resamples, seed=seed, families=families)
    line = replace(
        fit_line(imagenet, shift),
        slope=float(fit.slope[0]),
        intercept=float(fit.intercept[0]),
        r_squared=r_squared(y, y - fitted),
        knee=knee,
        bend=bend,
    )
    drawn = hinges.fit(fitted + noise)
    return line, ResampledLines(drawn.slope, drawn.intercept, drawn.knee, drawn.bend)


@dataclass(frozen=True, eq=False)
class _Fits:
    """The best knee of each set of accuracies, and the share of the residuals it explains."""

    slope: Float[np.ndarray, " draw"]
    intercept: Float[np.ndarray, " draw"]
    knee: Float[np.ndarray, " draw"]
    bend: Float[np.ndarray, " draw"]
    explained: Float[np.ndarray, " draw"]


@dataclass(frozen=True, eq=False)
class _Hinges:
    """The possible knees of some models, and what fits all of them to many sets of accuracies.

    Attributes
    ----------
    design : of the straight line
    knees : ImageNet accuracies, as fractions
    on_line : the coefficients of each hinge `max(x - knee, 0)` fitted by the straight line
    rest : each hinge less that fit
    """

    design: Float[np.ndarray, "model 2"]
    knees: Float[np.ndarray, " knee"]
    on_line: Float[np.ndarray, "2 knee"]
    rest: Float[np.ndarray, "model knee"]

    def fit(self, y: Float[np.ndarray, "draw model"]) -> _Fits:
        """Find the best knee of each draw, among those at which both pieces rise."""
        inverse = np.linalg.pinv(self.design)
        straight = y @ inverse.T
        residuals = y - straight @ self.design.T
        lengths = np.sum(self.rest**2, axis=0)
        # Frisch-Waugh-Lovell: a hinge's coefficient is that of its rest.
        bends = residuals @ self.rest / lengths
        slopes = straight[:, :1] - bends * self.on_line[0]
        rising = (slopes > 0) & (slopes + bends > 0)
        gains = np.where(rising, bends**2 * lengths, 0.0)
        best = gains.argmax(axis=1)
        rows = np.arange(len(y))
        # Without a rising pair the line stays straight.
        bend = np.where(rising[rows, best], bends[rows, best], 0.0)
        coefficients = straight - bend[:, None] * self.on_line.T[best]
        left = np.sum(residuals**2, axis=1) - gains[rows, best]
        return _Fits(
            slope=coefficients[:, 0],
            intercept=coefficients[:, 1],
            knee=self.knees[best],
            bend=bend,
            explained=gains[rows, best] / left,
        )


def _possible_hinges(imagenet: Models, families: Int[np.ndarray, " model"]) -> _Hinges | None:
    """Return the hinges at the models' accuracies; None if too few models are on both sides."""
    least = max(float(LEAST_FAMILIES), LEAST_SHARE * len(imagenet))
    knees = [
        knee
        for knee in np.unique(imagenet)
        if all(_is_enough(side, families, least) for side in (imagenet < knee, imagenet > knee))
    ]
    if not knees or len(np.unique(families)) <= LEAST_FAMILIES:
        return None
    design = line_design(imagenet)
    hinges = np.maximum(logit(imagenet)[:, None] - logit(np.array(knees)), 0.0)
    on_line = np.linalg.pinv(design) @ hinges
    return _Hinges(design, np.array(knees), on_line, hinges - design @ on_line)


def _is_enough(
    side: Bool[np.ndarray, " model"], families: Int[np.ndarray, " model"], least: float
) -> bool:
    return bool(side.sum() >= least) and len(np.unique(families[side])) >= LEAST_FAMILIES
