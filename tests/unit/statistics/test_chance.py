"""The probability of an average precision by chance, and the fewest images that follow from it."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.statistics.chance import chance_bounds, fewest_images
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
@pytest.mark.parametrize("precision", [0.2, 0.75, 1.0])
def test_bounds_hold_the_share_of_rankings_that_reach_a_precision(positives, negatives, precision):
    exact = enumerated(precision, positives, negatives)
    low, high = chance_bounds(precision, positives, negatives, 2**14)
    assert low <= exact * (1 + 1e-12) and exact <= high * (1 + 1e-12) and high - low < 0.01 * exact


@pytest.mark.parametrize(
    ("directions", "concepts", "images", "studies"),
    [
        (128, 50, 14, ["params"]),
        (1024, 1197, 24, ["studies/paper"]),
        (2048, 1197, 25, [f"studies/{one}" for one in ("acceptance", "claims", "laptop", "local")]),
    ],
)
def test_a_study_leaves_out_the_concepts_that_chance_would_find(
    directions, concepts, images, studies
):
    """Compare with its widest encoder and the concepts of its Broden."""
    assert fewest_images(0.9, directions, concepts) == images
    pairs = directions * concepts
    assert pairs * chance_bounds(0.9, images, images, 2**13)[1] < 1
    assert pairs * chance_bounds(0.9, images - 1, images - 1, 2**16)[0] >= 1
    for study in studies:
        given = load_tree(ROOT / f"{study}.yaml")["concepts"]
        assert (given["threshold"], given["minimum_images"]) == (0.9, images)


def test_refuses_a_threshold_that_chance_reaches_with_any_number_of_images():
    with pytest.raises(ValueError, match="raise the threshold"):
        fewest_images(0.5, 10, 10)
