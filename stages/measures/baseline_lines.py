"""The baseline of every shift: one logit-linear line through the standard models."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from stages.measures.logit_line import LogitLine, ResampledLines, fit_line, resample_lines


def baseline_lines(
    imagenet: Float[np.ndarray, " model"],
    shifts: Mapping[str, Float[np.ndarray, " model"]],
    resamples: int,
    seed: int,
) -> tuple[dict[str, LogitLine], dict[str, ResampledLines]]:
    """Fit the line of each shift (Taori et al. 2020) and resample its models.

    Parameters
    ----------
    imagenet, shifts : top-1 accuracy of each model, share from 0 to 1; NaN where unknown
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
