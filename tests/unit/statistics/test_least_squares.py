import numpy as np
import pytest

from interpreting_clip.statistics.least_squares import (
    fit_coefficients,
    r_squared,
    resample_coefficients,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=40)
DESIGN = np.stack([X, np.ones(40)], axis=1)
Y = 1.2 * X - 1 + RNG.normal(scale=0.3, size=40)
FAMILIES = np.repeat(np.arange(10), 4)


def test_finds_the_plane_that_points_lie_on():
    design = np.column_stack([DESIGN, RNG.normal(size=40)])
    exact = design @ [2.0, -1.0, 0.5]
    assert fit_coefficients(design, exact) == pytest.approx([2.0, -1.0, 0.5])
    assert r_squared(exact, np.zeros(40)) == 1.0 == r_squared(np.full(40, 3.0), np.zeros(40))
    drawn = resample_coefficients(design, exact, resamples=5, seed=0, families=FAMILIES)
    np.testing.assert_allclose(drawn, np.tile([2.0, -1.0, 0.5], (5, 1)), atol=1e-12)


def test_copies_of_a_model_in_its_family_say_nothing_new():
    """Every model three times: the same line, and the same uncertainty."""
    copies = np.repeat(np.arange(40), 3)
    drawn = resample_coefficients(DESIGN[copies], Y[copies], 50, 3, copies)
    np.testing.assert_allclose(drawn, resample_coefficients(DESIGN, Y, 50, 3), rtol=1e-9)
    as_if_new = resample_coefficients(DESIGN[copies], Y[copies], 2000, 3)
    assert as_if_new[:, 0].std() < 0.7 * resample_coefficients(DESIGN, Y, 2000, 3)[:, 0].std()


def test_the_spread_is_that_of_leaving_out_each_family():
    """CR3's variance is the jackknife's; Student's tails widen it by ν/(ν − 2)."""
    whole, moved = fit_coefficients(DESIGN, Y), []
    for family in range(10):
        kept = family != FAMILIES
        moved.append(fit_coefficients(DESIGN[kept], Y[kept]) - whole)
    expected = np.sqrt(np.sum(np.square(moved), axis=0) * 8 / 6)
    drawn = resample_coefficients(DESIGN, Y, 100_000, 0, FAMILIES)
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.03)


KINDS = np.repeat(np.arange(12), 2)


def coverage(correlation, families):
    """Return how often 95 % intervals cover the true line at a few points, in 1,000 draws.

    Two models of each of twelve kinds are about equally accurate; `correlation` is that of their
    distances from the line.
    """
    rng, covered = np.random.default_rng(1), []
    points = np.stack([[-1.0, 0.5, 1.5, 2.5], np.ones(4)], axis=1)
    for _ in range(1000):
        x = rng.normal(size=12)[KINDS] + rng.normal(scale=0.3, size=24)
        shared, own = rng.normal(size=12)[KINDS], rng.normal(size=24)
        y = 0.6 * x - 1 + np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
        design = np.stack([x, np.ones(24)], axis=1)
        drawn = resample_coefficients(design, y, 500, 0, families) @ points.T
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        true = points @ [0.6, -1.0]
        covered.append((low <= true) & (true <= high))
    return np.mean(covered, axis=0)


def test_intervals_cover_the_line_of_models_that_come_in_kinds():
    by_kind, one_by_one = coverage(0.8, KINDS), coverage(0.8, None)
    assert by_kind.min() > 0.92 and by_kind.max() < 0.98
    assert one_by_one.max() < 0.9
    # Nothing is lost where models of a kind have no more in common than others.
    unrelated = coverage(0.0, KINDS)
    assert unrelated.min() > 0.92 and unrelated.max() < 0.98


def test_refuses_fewer_families_than_a_fit_needs():
    with pytest.raises(ValueError, match="2 families"):
        resample_coefficients(DESIGN, Y, 5, 0, np.repeat([0, 1], 20))
