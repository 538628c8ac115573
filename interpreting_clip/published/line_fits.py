"""The line of standard models under a choice, and a model's effective robustness under it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import theilslopes

from interpreting_clip.config.shifts import on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import (
    FEWER_CLASSES,
    Settings,
    fractions_above_chance,
)
from interpreting_clip.measures.least_squares import (
    fit_coefficients,
    r_squared,
    resample_coefficients,
)
from interpreting_clip.measures.logit_line import ROUNDING, expit, logit
from interpreting_clip.published.line_choices import Choice

TRANSFORMS = {
    "logit": (logit, expit),
    "probit": (ndtri, ndtr),
    "linear": (lambda x: x, lambda y: np.clip(y, 0.0, 1.0)),
}
"""From a fraction to the space that a line is fitted in, and back."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The line of one shift, or the plane if there is a second abscissa.

    Attributes
    ----------
    coefficients : `slope`, `second_slope` if there is one, and `intercept`, in the choice's space
    draws : resamples of the same, a row each
    r_squared : fraction of the variance that the fit explains, in the choice's space
    fitted : the index of the standard models that it was fitted to
    models, families : how many these are
    lowest, highest : the range of these models' accuracies on each abscissa, as fractions
    """

    coefficients: pd.Series
    draws: pd.DataFrame
    r_squared: float
    fitted: pd.Index
    models: int
    families: int
    lowest: Float[np.ndarray, " abscissa"]
    highest: Float[np.ndarray, " abscissa"]


@dataclass(frozen=True, eq=False)
class Robustness:
    """Effective robustness of several models under one choice, in points; NaN where unknown.

    Attributes
    ----------
    points : a row for each model, a column for each shift
    extrapolated : alike, whether the model was measured and the line is extrapolated to it
    draws : per shift, under each resampled line
    """

    points: pd.DataFrame
    extrapolated: pd.DataFrame
    draws: dict[str, Float[np.ndarray, "resample model"]]

    def mean(self, shifts: Sequence[str]) -> tuple[pd.Series, Float[np.ndarray, "resample model"]]:
        """Return the mean over those shifts that the choice has a line for, and its draws.

        It is NaN for a model that lacks one of them, and is taken draw by draw, which keeps the
        correlation between the lines of the shifts.
        """
        fitted = [shift for shift in shifts if shift in self.draws]
        points = self.points[fitted].mean(axis=1, skipna=False)
        return points, np.mean([self.draws[shift] for shift in fitted], axis=0)


def abscissas(choice: Choice, shift: str) -> list[str]:
    """Return the accuracies that a shift's line or plane starts from."""
    subset = choice.abscissa == "shift_classes" and shift in FEWER_CLASSES
    first = on_classes(shift) if subset else "imagenet"
    return [first, choice.second] if choice.second else [first]


def fit_choice(choice: Choice, models: pd.DataFrame, settings: Settings | None) -> dict[str, Fit]:
    """Fit the standard models under a choice, a line or plane for each of its shifts.

    A model that is not above chance on a shift is no part of that shift's line, as in the study.
    Without settings the fits have no draws.

    Raises
    ------
    InputError
        Too few standard models, or families of them, were measured.
    """
    families, _ = models["family"].factorize()
    forward, _ = TRANSFORMS[choice.transform]
    fits = {}
    for shift in choice.shifts:
        start = models[abscissas(choice, shift)].to_numpy(float) / 100
        end = fractions_above_chance(models, shift)
        usable = ((start > 0) & (start < 1)).all(axis=1) & (end > 0) & (end < 1)
        start = start[usable]
        design = np.column_stack([forward(start), np.ones(len(start))])
        y = forward(end[usable])
        draws = np.empty((0, design.shape[1]))
        try:
            coefficients = fit_coefficients(design, y)
            if settings and choice.method == "theil_sen":
                coefficients, draws = theil_sen(design[:, 0], y, families[usable], settings)
            elif settings:
                draws = resample_coefficients(
                    design, y, settings.resamples, settings.seed, families, fitted=usable
                )
        except (ValueError, np.linalg.LinAlgError) as error:
            raise InputError(
                f"data/published: standard models of {choice.standard} on {shift}: {error}"
            ) from None
        names = ["slope", *(["second_slope"] if choice.second else []), "intercept"]
        fits[shift] = Fit(
            coefficients=pd.Series(coefficients, names),
            draws=pd.DataFrame(draws, columns=names),
            r_squared=r_squared(y, y - design @ coefficients),
            fitted=models.index[usable],
            models=len(y),
            families=len(np.unique(families[usable])),
            lowest=start.min(axis=0),
            highest=start.max(axis=0),
        )
    return fits


def theil_sen(
    x: Float[np.ndarray, " model"],
    y: Float[np.ndarray, " model"],
    families: Int[np.ndarray, " model"],
    settings: Settings,
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "resample 2"]]:
    """Fit the line of Theil (1950) and Sen (1968): the median of the slopes of all pairs.

    The intercept is the median of what is left of `y` (Conover's choice). Draws are fits to
    families drawn with replacement, since the wild bootstrap is not valid for medians.
    """
    _, own = np.unique(families, return_inverse=True)
    count = own.max() + 1
    generator = np.random.default_rng(settings.seed)
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=settings.resamples)
    models = [np.arange(len(x)), *(np.repeat(np.arange(len(x)), times[own]) for times in drawn)]
    fits = np.array([theilslopes(y[m], x[m], method="joint")[:2] for m in models])
    return fits[0], fits[1:]


def robustness(choice: Choice, fits: Mapping[str, Fit], models: pd.DataFrame) -> Robustness:
    """Compute the effective robustness of models under a choice, in points."""
    forward, back = TRANSFORMS[choice.transform]
    points, extrapolated, draws = {}, {}, {}
    for shift, fit in fits.items():
        start = models[abscissas(choice, shift)].to_numpy(float) / 100
        measured = models[shift].to_numpy(float) / 100
        with np.errstate(invalid="ignore"):
            design = np.column_stack([forward(start), np.ones(len(start))])
            points[shift] = 100 * (measured - back(design @ fit.coefficients.to_numpy()))
            draws[shift] = 100 * (measured - back(fit.draws.to_numpy() @ design.T))
        outside = (start < fit.lowest - ROUNDING) | (start > fit.highest + ROUNDING)
        extrapolated[shift] = outside.any(axis=1) & ~np.isnan(measured)
    index = models.index
    return Robustness(pd.DataFrame(points, index), pd.DataFrame(extrapolated, index), draws)
