"""The probability of an average precision by chance, and what follows from it."""

import math
from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.measures import chance
from interpreting_clip.measures.chance import (
    chance_bounds,
    chance_level,
    chance_of_precision,
    exact_chance,
    fewest_images,
)
from interpreting_clip.measures.intervals import Estimate
from tests.reads import ROOT


def enumerated(precision, positives, negatives):
    """Count the rankings by scikit-learn's function, one by one."""
    images = np.arange(positives + negatives)
    found = [
        average_precision_score(np.isin(images, some), -images)
        for some in combinations(images, positives)
    ]
    return np.mean(np.array(found) >= precision - 1e-12)


@pytest.mark.parametrize(("positives", "negatives"), [(1, 4), (3, 3), (5, 3)])
@pytest.mark.parametrize("precision", [0.2, 0.75])
def test_enumeration_agrees_with_scikit_learn_on_every_ranking(positives, negatives, precision):
    exact = exact_chance(precision, positives, negatives)
    assert exact == pytest.approx(enumerated(precision, positives, negatives))
    low, high = chance_bounds(precision, positives, negatives, 2**14)
    assert low <= exact * (1 + 1e-12) and exact <= high * (1 + 1e-12) and high - low < 0.01 * exact


@pytest.mark.parametrize(
    ("positives", "negatives", "precision", "within"),
    [(13, 13, 0.75, 0.02), (20, 20, 0.9, 0.015), (60, 200, 0.4, 0.02)],
)
def test_the_approximation_is_near_the_bounds(positives, negatives, precision, within):
    low, high = chance_bounds(precision, positives, negatives, 2**13)
    found = chance_of_precision(precision, positives, negatives)
    assert found == pytest.approx(math.sqrt(low * high), rel=within)


def test_beyond_the_largest_table_the_probability_is_rather_too_high(monkeypatch):
    extrapolated = chance_of_precision(0.55, 700, 700)
    monkeypatch.setattr(chance, "LARGEST", 700)
    assert 1 < extrapolated / chance_of_precision(0.55, 700, 700) < 3


def test_the_fewest_images_are_those_where_chance_expects_less_than_one_concept():
    least = fewest_images(0.9, 24, 50)
    at, below = (24 * 50 * chance_of_precision(0.9, n, n) for n in (least, least - 1))
    assert at < 1 <= below
    # Where it expects hardly more than one, the approximation does not decide.
    pairs = 1024 * 1197
    assert (
        pairs * chance_of_precision(0.9, 23, 23) < 1 < pairs * chance_bounds(0.9, 23, 23, 2**16)[0]
    )
    assert fewest_images(0.9, 1024, 1197) == 24
    assert fewest_images(0.9, 24, 50, sides=2) == fewest_images(0.9, 48, 50)
    with pytest.raises(ValueError, match="raise the threshold"):
        fewest_images(0.5, 10, 10)


@pytest.mark.parametrize(
    ("directions", "concepts", "studies"),
    [
        (128, 50, ["params"]),
        (1024, 1197, ["studies/paper"]),
        (2048, 1197, [f"studies/{one}" for one in ("acceptance", "claims", "laptop", "local")]),
    ],
)
def test_a_study_leaves_out_the_concepts_that_chance_would_find(directions, concepts, studies):
    """Compare with its widest encoder and the concepts of its Broden."""
    for study in studies:
        given = load_tree(ROOT / f"{study}.yaml")["concepts"]
        assert given["minimum_images"] == fewest_images(given["threshold"], directions, concepts)


def test_a_chance_level_is_a_mean_with_counts_that_were_drawn():
    assert chance_level(np.array([[0, 0], [1, 3]])) == Estimate(1.0, 0, 3)
    assert chance_level(np.empty((0, 3), int)) is None
    assert chance_level(np.arange(100)) == Estimate(49.5, 4, 94)
