"""Nulls of concept counts: permuted images and random directions."""

import numpy as np
import pytest

from interpreting_clip.measures.average_precision import (
    average_precisions,
    permuted_average_precisions,
)
from interpreting_clip.measures.chance import chance_of_precision
from interpreting_clip.measures.concept_labels import concept_targets, labels_and_numbers
from interpreting_clip.measures.concept_nulls import (
    image_permutations,
    random_directions,
    score_random_directions,
)
from interpreting_clip.measures.concept_scores import score_concepts

RNG = np.random.default_rng(0)
IMAGES, FEATURES, CONCEPTS = 400, 16, 30


# Each concept is on eight images.
SHOWN = RNG.permuted(np.tile(np.arange(IMAGES)[:, None], (1, CONCEPTS)), axis=0) < 8
TARGETS = concept_targets(*labels_and_numbers(SHOWN), IMAGES, "balanced", 0, draws=3)
NOISE = RNG.standard_normal((IMAGES, FEATURES))
# Every concept has a direction of its own, as far as there are features.
PLANTED = NOISE + 6 * SHOWN @ np.eye(CONCEPTS, FEATURES)


def test_by_chance_as_many_concepts_are_encoded_as_independent_rankings_would():
    permutations = image_permutations(IMAGES, 60, seed=1)
    found = score_concepts(NOISE, None, TARGETS, [], permutations=permutations)
    of_one = 1 - (1 - chance_of_precision(0.8, 8, 8)) ** FEATURES
    mean = (found.best[1:] >= 0.8).sum(axis=2).mean()
    # Draws of the negatives share positives, so that each permutation counts about once.
    assert abs(mean - CONCEPTS * of_one) < 3.5 * np.sqrt(CONCEPTS * of_one * (1 - of_one) / 60)
    assert (found.best_over_all[1:] >= 0.8).sum(axis=1).mean() < mean


def test_a_permutation_moves_all_labels_of_an_image_together():
    scores = RNG.normal(size=(IMAGES, 5)).round(1)
    permutations = image_permutations(IMAGES, 2, seed=3)
    np.testing.assert_array_equal(image_permutations(IMAGES, 4, seed=3)[:2], permutations)
    found = permuted_average_precisions(scores, TARGETS, permutations, 2)
    np.testing.assert_array_equal(found.drawn[0], average_precisions(scores, TARGETS))
    for each, moved in zip(found.drawn[1:], permutations, strict=True):
        # Image i has the labels of image `moved[i]`: so the scores of that image are those of i.
        plain = np.empty_like(scores)
        plain[moved] = scores
        np.testing.assert_allclose(each, average_precisions(plain, TARGETS), rtol=1e-12)


def test_two_numbers_of_directions_are_scored_like_each_alone():
    found = score_random_directions(PLANTED, [5, FEATURES], TARGETS, draws=3, seed=2, sign="either")
    for number, best in zip((5, FEATURES), found, strict=True):
        for draw in range(3):
            scores = PLANTED @ random_directions(FEATURES, number, 2, draw).T
            each = np.maximum(*(average_precisions(one, TARGETS) for one in (scores, -scores)))
            np.testing.assert_allclose(best.drawn[draw], each.max(axis=1), rtol=1e-12)
        assert not np.allclose(best.drawn[0], best.drawn[1])
    with pytest.raises(ValueError, match="ascending"):
        score_random_directions(PLANTED, [5, 4], TARGETS, draws=1, seed=2)
