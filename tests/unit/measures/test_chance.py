"""The probability of an average precision by chance, and what follows from it."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.measures import chance
from interpreting_clip.measures.chance import (
    best_direction_chance,
    chance_bounds,
    chance_level,
    chance_of_precision,
    discoveries,
    exact_chance,
    fewest_images,
)
from interpreting_clip.measures.intervals import Estimate
from tests.reads import ROOT

# The published probabilities of an average precision of 0.9 with as many negatives as positives.
KNOWN = {5: 0.0317, 8: 0.00435, 10: 0.00135, 15: 7.6e-5}


def enumerated(precision, positives, negatives):
    """Count the rankings by scikit-learn's function, one by one."""
    images = positives + negatives
    scores, reached, total = -np.arange(images), 0, 0
    for some in combinations(range(images), positives):
        found = average_precision_score(np.isin(np.arange(images), some), scores)
        reached += found >= precision - 1e-12
        total += 1
    return reached / total


@pytest.mark.parametrize(("positives", "expected"), KNOWN.items())
def test_the_known_probabilities_of_the_papers_threshold(positives, expected):
    assert exact_chance(0.9, positives, positives) == pytest.approx(expected, rel=6e-3)


@pytest.mark.parametrize("sizes", [(1, 4), (3, 3), (5, 3)])
@pytest.mark.parametrize("precision", [0.2, 0.75, 1.0])
def test_enumeration_agrees_with_scikit_learn_on_every_ranking(sizes, precision):
    assert exact_chance(precision, *sizes) == pytest.approx(enumerated(precision, *sizes))


def test_a_perfect_ranking_is_one_of_all():
    for found in (exact_chance(1.0, 12, 20), chance_of_precision(1.0, 12, 20)):
        assert found == pytest.approx(1 / math.comb(32, 12))
    assert exact_chance(1e-9, 6, 6) == 1


@pytest.mark.parametrize(
    ("positives", "negatives", "precision", "within"),
    [(13, 13, 0.75, 0.02), (20, 20, 0.9, 0.015), (25, 25, 0.7, 0.01), (60, 200, 0.4, 0.02)],
)
def test_the_approximation_is_near_the_bounds(positives, negatives, precision, within):
    low, high = chance_bounds(precision, positives, negatives, 2**13)
    found = chance_of_precision(precision, positives, negatives)
    assert found == pytest.approx(math.sqrt(low * high), rel=within)


def test_beyond_the_largest_table_the_probability_is_rather_too_high(monkeypatch):
    precisions = (0.52, 0.55, 0.58)
    extrapolated = [chance_of_precision(p, 700, 700) for p in precisions]
    monkeypatch.setattr(chance, "LARGEST", 700)
    computed = [chance_of_precision(p, 700, 700) for p in precisions]
    assert all(1 < a / b < 3 for a, b in zip(extrapolated, computed, strict=True))


def test_more_images_and_a_higher_precision_are_less_probable():
    for sizes in (range(2, 60), range(200, 600, 40)):
        by_size = [chance_of_precision(0.8, n, n) for n in sizes]
        assert all(a > b for a, b in pairwise(by_size))
    rising = [chance_of_precision(p, 300, 100) for p in np.linspace(0.7, 1, 40)]
    assert all(a >= b for a, b in pairwise(rising))


@pytest.mark.parametrize(
    ("positives", "negatives", "precision"),
    [(3, 3, 0.75), (5, 3, 0.5), (10, 10, 0.9), (8, 14, 0.7), (15, 15, 0.9)],
)
def test_bounds_hold_the_exact_probability_and_come_closer(positives, negatives, precision):
    exact, widths = exact_chance(precision, positives, negatives), []
    for steps in (2**6, 2**10, 2**14):
        low, high = chance_bounds(precision, positives, negatives, steps)
        assert low <= exact * (1 + 1e-12) and exact <= high * (1 + 1e-12)
        widths.append(high - low)
    assert widths[0] >= widths[1] >= widths[2] and widths[2] < 0.01 * exact


def test_the_fewest_images_are_those_where_chance_expects_less_than_one_concept():
    for threshold, directions, concepts in ((0.9, 24, 50), (0.9, 2048, 1197), (0.8, 128, 50)):
        least = fewest_images(threshold, directions, concepts)
        at, below = (chance_of_precision(threshold, n, n) for n in (least, least - 1))
        assert directions * concepts * at < 1 <= directions * concepts * below
    assert fewest_images(0.9, 24, 50, sides=2) == fewest_images(0.9, 48, 50)
    with pytest.raises(ValueError, match="raise the threshold"):
        fewest_images(0.5, 10, 10)


def test_where_chance_expects_hardly_more_than_one_concept_the_approximation_does_not_decide():
    pairs = 1024 * 1197
    assert pairs * chance_of_precision(0.9, 23, 23) < 1
    assert pairs * chance_bounds(0.9, 23, 23, 2**16)[0] > 1
    assert fewest_images(0.9, 1024, 1197) == 24


@pytest.mark.parametrize(
    ("study", "directions", "concepts"),
    [
        ("params", 128, 50),
        ("studies/replicas", 128, 50),
        ("studies/paper", 1024, 1197),
        *((f"studies/{name}", 2048, 1197) for name in ("acceptance", "claims", "laptop", "local")),
    ],
)
def test_a_study_leaves_out_the_concepts_that_chance_would_find(study, directions, concepts):
    """Compare with its widest encoder and the concepts of its Broden."""
    given = load_tree(ROOT / f"{study}.yaml")["concepts"]
    assert given["minimum_images"] == fewest_images(given["threshold"], directions, concepts)


def test_the_best_direction_is_charged_for_all_of_them():
    precisions = np.array([[0.5, 0.9], [0.8, 0.2], [0.7, 0.1]])
    positives, negatives = np.array([12, 10]), np.array([12, 1000])
    found = best_direction_chance(precisions, positives, negatives)
    plain = [exact_chance(0.8, 12, 12), exact_chance(0.9, 10, 10)]
    np.testing.assert_allclose(found, 3 * np.array(plain))
    both = best_direction_chance(precisions, positives, negatives, sides=2)
    np.testing.assert_allclose(both, 6 * np.array(plain))
    low = best_direction_chance(np.full((500, 1), 0.5), positives[:1], negatives[:1])
    np.testing.assert_array_equal(low, 1)


def test_discoveries_are_those_of_benjamini_and_hochberg():
    # Their example (1995, table 1): four of fifteen at 5 %.
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    values += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    order = np.random.default_rng(0).permutation(15)
    found = discoveries(np.array(values)[order], 0.05)
    np.testing.assert_array_equal(found, np.array([True] * 4 + [False] * 11)[order])
    assert not discoveries(np.full(5, 0.5), 0.05).any()
    assert discoveries(np.empty(0), 0.05).shape == (0,)


def test_discoveries_among_noise_are_rare():
    rng = np.random.default_rng(0)
    some = [discoveries(rng.random(50), 0.05).any() for _ in range(2000)]
    assert np.mean(some) < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 2000)


def test_a_chance_level_is_a_mean_with_counts_that_were_drawn():
    assert chance_level(np.array([[0, 0], [1, 3]])) == Estimate(1.0, 0, 3)
    assert chance_level(np.empty((0, 3), int)) is None
    assert chance_level(np.arange(100)) == Estimate(49.5, 4, 94)


def test_refuses_to_enumerate_too_many_rankings_and_a_rate_that_is_none():
    with pytest.raises(ValueError, match="`chance_of_precision`"):
        exact_chance(0.6, 30, 30)
    for compute in (exact_chance, chance_of_precision):
        with pytest.raises(ValueError, match="at least one of each"):
            compute(0.9, 5, 0)
    with pytest.raises(ValueError, match="above 0, below 1"):
        discoveries(np.zeros(3), 1.0)
