"""The line of standard models under a choice, and a model's effective robustness under it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from interpreting_clip.errors import InputError
from interpreting_clip.published.line_choices import Choice
from interpreting_clip.statistics.curved_line import fit_curve
from interpreting_clip.statistics.least_squares import (
    fit_coefficients,
    r_squared,
    resample_coefficients,
)
from interpreting_clip.statistics.logit_line import ROUNDING, expit, logit
from interpreting_clip.statistics.published_accuracies import Settings, fractions_above_chance


@dataclass(frozen=True, eq=False)
class Fits:
    """The line of each shift of a choice, or the plane if there is a second abscissa.

    Attributes
    ----------
    lines : by shift, the columns of `plots/published_lines.csv`
    draws : by shift, resamples of the coefficients, a row each; with the `knee`, in percent, and
        the `bend` where the line is curved
    """

    lines: pd.DataFrame
    draws: dict[str, pd.DataFrame]

    @property
    def knees(self) -> list[str]:
        """The shifts whose line has a knee."""
        return [shift for shift, drawn in self.draws.items() if "knee" in drawn]

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the draws, which have the tails of Student's t.

        These are the families less the coefficients that `wild_noise` counts, a knee's bend but not
        its place among them; of the shift that has fewest.
        """
        families = self.lines["families"]
        return min(
            int(families[shift]) - len(drawn.columns.difference(["knee"]))
            for shift, drawn in self.draws.items()
        )


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
        """Return the mean over the shifts that the choice has a line for, and its draws.

        It is NaN for a model that lacks one of them, and is taken draw by draw, which keeps the
        correlation between the lines of the shifts.
        """
        fitted = [shift for shift in shifts if shift in self.draws]
        points = self.points[fitted].mean(axis=1, skipna=False)
        return points, np.mean([self.draws[shift] for shift in fitted], axis=0)


def coefficients(choice: Choice) -> list[str]:
    """Return the names of a line's or plane's coefficients."""
    return ["slope", "second_slope", "intercept"] if choice.second else ["slope", "intercept"]


def abscissas(choice: Choice) -> list[str]:
    """Return the accuracies that lines or planes start from."""
    return ["imagenet", choice.second] if choice.second else ["imagenet"]


def fit_choice(choice: Choice, models: pd.DataFrame, settings: Settings) -> Fits:
    """Fit the standard models under a choice, a line or plane for each of its shifts.

    A model that is not above chance on a shift is not part of that shift's line, as in the study.

    Raises
    ------
    InputError
        Too few standard models, or families of them, were measured.
    """
    families, _ = models["family"].factorize()
    names = coefficients(choice)
    lines, draws = {}, {}
    for shift in choice.shifts:
        start = models[abscissas(choice)].to_numpy(float) / 100
        end = fractions_above_chance(models, shift)
        usable = ((start > 0) & (start < 1)).all(axis=1) & (end > 0) & (end < 1)
        start, y = start[usable], logit(end[usable])
        design = np.column_stack([logit(start), np.ones(len(y))])
        try:
            fit = fit_coefficients(design, y)
            drawn = resample_coefficients(
                design, y, settings.resamples, settings.seed, families, fitted=usable
            )
        except (ValueError, np.linalg.LinAlgError) as error:
            raise InputError(
                f"data/published: standard models of {choice.standard} on {shift}: {error}"
            ) from None
        line = dict(zip(names, fit, strict=True))
        line |= {"r_squared": r_squared(y, y - design @ fit), "models": len(y)}
        line |= {"families": len(np.unique(families[usable]))}
        for name, fractions in zip(("imagenet", "second"), start.T, strict=False):
            ends = 100 * fractions
            line |= {f"lowest_{name}": ends.min(), f"highest_{name}": ends.max()}
        lines[shift], draws[shift] = line, pd.DataFrame(drawn, columns=names)
        if choice.curved:
            curve, drawn = _curve(models, end, families, settings)
            lines[shift], draws[shift] = line | curve, draws[shift] if drawn is None else drawn
    return Fits(pd.DataFrame.from_dict(lines, orient="index"), draws)


def _curve(
    models: pd.DataFrame,
    shift: Float[np.ndarray, " model"],
    families: Int[np.ndarray, " model"],
    settings: Settings,
) -> tuple[dict[str, float], pd.DataFrame | None]:
    """Return what a knee changes of a line, and its resamples; nothing without a knee."""
    imagenet = models["imagenet"].to_numpy(float) / 100
    fit = fit_curve(imagenet, shift, settings.resamples, settings.seed, families)
    if fit is None:
        return {}, None
    names = ["slope", "intercept", "knee", "bend"]
    line = {name: getattr(fit[0], name) for name in [*names, "r_squared"]}
    drawn = pd.DataFrame({name: getattr(fit[1], name) for name in names})
    return line | {"knee": 100 * line["knee"]}, drawn.assign(knee=100 * drawn["knee"])


def robustness(choice: Choice, fits: Fits, models: pd.DataFrame) -> Robustness:
    """Compute the effective robustness of models under a choice, in points."""
    points, extrapolated, draws = {}, {}, {}
    for shift, drawn in fits.draws.items():
        start = models[abscissas(choice)].to_numpy(float)
        measured = models[shift].to_numpy(float) / 100
        line = fits.lines.loc[[shift]]
        with np.errstate(invalid="ignore"):
            design = np.column_stack([logit(start / 100), np.ones(len(start))])
            points[shift] = 100 * (measured - expit(_log_odds(line[drawn.columns], design)[0]))
            draws[shift] = 100 * (measured - expit(_log_odds(drawn, design)))
        ends = (line.filter(like=end).dropna(axis=1).to_numpy() for end in ("low", "high"))
        low, high = ends
        outside = (start < low - 100 * ROUNDING) | (start > high + 100 * ROUNDING)
        extrapolated[shift] = outside.any(axis=1) & ~np.isnan(measured)
    index = models.index
    return Robustness(pd.DataFrame(points, index), pd.DataFrame(extrapolated, index), draws)


def _log_odds(
    lines: pd.DataFrame, design: Float[np.ndarray, "model coefficient"]
) -> Float[np.ndarray, "line model"]:
    """Return the log odds that lines, a row each, predict of models."""
    if "knee" not in lines:
        return lines.to_numpy() @ design.T
    straight = lines[["slope", "intercept"]].to_numpy() @ design.T
    knee, bend = logit(lines["knee"].to_numpy() / 100), lines["bend"].to_numpy()
    return straight + bend[:, None] * np.maximum(design[:, 0] - knee[:, None], 0)
