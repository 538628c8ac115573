"""Least squares with an interval: the wild bootstrap, for independent points or for families."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int


def fit_coefficients(
    design: Float[np.ndarray, "point coefficient"], y: Float[np.ndarray, " point"]
) -> Float[np.ndarray, " coefficient"]:
    """Fit `design @ coefficients` to `y` by ordinary least squares."""
    return np.linalg.pinv(design) @ y


def r_squared(y: Float[np.ndarray, " point"], residuals: Float[np.ndarray, " point"]) -> float:
    """Return the fraction of the variance of `y` that a fit explains; 1 if `y` does not vary."""
    if np.all(y == y[0]):
        return 1.0
    return float(1 - np.sum(residuals**2) / np.sum((y - y.mean()) ** 2))


def resample_coefficients(
    design: Float[np.ndarray, "fitted coefficient"],
    y: Float[np.ndarray, " fitted"],
    resamples: int,
    seed: int,
    families: Int[np.ndarray, " point"] | None = None,
    *,
    fitted: Bool[np.ndarray, " point"] | None = None,
) -> Float[np.ndarray, "resample coefficient"]:
    """Draw coefficients whose spread is their uncertainty: `fit_coefficients` of `wild_noise`.

    Parameters
    ----------
    design, y : as in `fit_coefficients`
    resamples, seed : how many draws, and the seed of their numbers
    families : as in `wild_noise`; without them every point is independent
    fitted : as in `wild_noise`; without it all points were fitted
    """
    coefficients = fit_coefficients(design, y)
    fitted = np.ones(len(y), bool) if fitted is None else fitted
    residuals = y - design @ coefficients
    noise = wild_noise(design, residuals, fitted, resamples=resamples, seed=seed, families=families)
    # Least squares is linear in y: fitting the noise and adding it is refitting.
    return coefficients + noise @ np.linalg.pinv(design).T


def standard_errors(
    draws: Float[np.ndarray, "resample quantity"], freedom: int
) -> Float[np.ndarray, " quantity"]:
    """Return the standard errors behind draws that have the tails of Student's t (`wild_noise`).

    Such draws have `sqrt(freedom / (freedom - 2))` times the standard error as their deviation.

    Parameters
    ----------
    draws : of coefficients, or of what is linear in them
    freedom : the degrees of freedom, 3 or more
    """
    return draws.std(axis=0) * np.sqrt((freedom - 2) / freedom)


def wild_noise(
    design: Float[np.ndarray, "fitted coefficient"],
    residuals: Float[np.ndarray, " fitted"],
    fitted: Bool[np.ndarray, " point"],
    *,
    resamples: int,
    seed: int,
    families: Int[np.ndarray, " point"] | None = None,
) -> Float[np.ndarray, "resample fitted"]:
    """Draw the noise of a fit's points, with the tails of Student's t.

    Each residual is multiplied by a standard normal number (the wild bootstrap, Wu 1986), which is
    the same for all points of a family (Cameron, Gelbach & Miller 2008): models of one family are
    no independent evidence. Residuals are first enlarged for their leverage, since points far out
    pull the fit towards them: by `(I − H)⁻¹` of the family's part of the hat matrix H (CR3), which
    for independent points is division by one minus the leverage (HC3, MacKinnon & White 1985). The
    noise is then divided by `sqrt(χ²/ν)`, ν the number of families minus that of coefficients, so
    that quantiles are Student's: few residuals say little about how far points scatter.

    For a given seed and `families`, a family has the same numbers in every call, whichever points
    were fitted.

    Parameters
    ----------
    design : of the fitted points
    residuals : of the fitted points
    fitted : which points were fitted
    resamples, seed : how many draws, and the seed of their numbers
    families : the family of each point, numbered from 0; None for points that are independent

    Raises
    ------
    ValueError
        There are fewer families than coefficients and one more.
    """
    groups = np.arange(len(fitted)) if families is None else families
    mine = groups[fitted]
    count = len(np.unique(mine))
    freedom = count - design.shape[1]
    if freedom < 1:
        raise ValueError(
            f"{count} families of models for {design.shape[1]} coefficients: expected "
            f"{design.shape[1] + 1} or more"
        )
    enlarged = _for_leverage(residuals, design, None if families is None else mine)
    normal, others = _standard_normal(resamples, int(groups.max()) + 1, seed)
    # The mean of ν squared normal numbers is χ²/ν. They are not those of the residuals, since
    # Student's t needs both to be independent.
    squares = others[:, :freedom] ** 2
    return normal[:, mine] * enlarged / np.sqrt(squares.mean(axis=1, keepdims=True))


def _for_leverage(
    residuals: Float[np.ndarray, " fitted"],
    design: Float[np.ndarray, "fitted coefficient"],
    families: Int[np.ndarray, " fitted"] | None,
) -> Float[np.ndarray, " fitted"]:
    """Enlarge residuals for their leverage, by families (CR3) or one by one (HC3)."""
    hat = design @ np.linalg.pinv(design)
    if families is None:
        leverage = hat.diagonal()
        # A fit goes through a point of leverage 1, wherever it is.
        return residuals / np.where(leverage < 1 - 1e-9, 1 - leverage, np.inf)
    enlarged = np.empty_like(residuals)
    for family in np.unique(families):
        members = families == family
        block = np.eye(int(members.sum())) - hat[np.ix_(members, members)]
        # The pseudo-inverse does the same where a family by itself determines a coefficient.
        enlarged[members] = np.linalg.pinv(block, rcond=1e-9, hermitian=True) @ residuals[members]
    return enlarged


@lru_cache(maxsize=2)
def _standard_normal(
    resamples: int, families: int, seed: int
) -> tuple[Float[np.ndarray, "resample family"], Float[np.ndarray, "resample family"]]:
    """Return two sets of numbers, cached for all shifts: drawing them takes most of the time."""
    # Not of `random_numbers`, whose streams are newer than the published models' intervals.
    generator = np.random.default_rng(seed)
    drawn = [generator.standard_normal((resamples, families)) for _ in range(2)]
    for numbers in drawn:
        # All shifts share these arrays through the cache.
        numbers.flags.writeable = False
    return drawn[0], drawn[1]
