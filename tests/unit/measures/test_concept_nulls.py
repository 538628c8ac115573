"""Nulls of concept counts: permuted images and random directions."""

import numpy as np
import pytest

from interpreting_clip.measures.average_precision import (
    Examples,
    average_precisions,
    permuted_average_precisions,
    sparse_targets,
)
from interpreting_clip.measures.chance import chance_of_precision
from interpreting_clip.measures.concept_nulls import (
    image_permutations,
    random_direction_counts,
    random_directions,
)
from interpreting_clip.measures.concepts import ConceptLabels, Group, concept_targets, probe

RNG = np.random.default_rng(0)
IMAGES, FEATURES, CONCEPTS = 400, 16, 30


def labels(shown):
    concept, image = np.nonzero(shown.T)
    return ConceptLabels(image, concept)


def rare(images_of_a_concept):
    """Return which image shows which concept, each on as many images."""
    order = RNG.permuted(np.tile(np.arange(IMAGES), (CONCEPTS, 1)), axis=1)
    shown = np.zeros((IMAGES, CONCEPTS), np.bool_)
    for concept, images in enumerate(order[:, :images_of_a_concept]):
        shown[images, concept] = True
    return shown


SHOWN = rare(8)
TARGETS = concept_targets(labels(SHOWN), np.arange(CONCEPTS), IMAGES, "balanced", 0, draws=3)
EVERY = [Group(np.ones(CONCEPTS, np.bool_), 0.8), Group(np.arange(CONCEPTS) < 10, 0.8)]
NOISE = RNG.standard_normal((IMAGES, FEATURES))
# Every concept has a direction of its own, as far as there are features.
PLANTED = NOISE + 6 * SHOWN @ np.eye(CONCEPTS, FEATURES)


def test_by_chance_as_many_concepts_are_encoded_as_independent_rankings_would():
    permutations = image_permutations(IMAGES, 60, seed=1)
    found = probe(NOISE, None, TARGETS, EVERY, permutations=permutations)
    of_one = 1 - (1 - chance_of_precision(0.8, 8, 8)) ** FEATURES
    expected = np.array([CONCEPTS, 10]) * of_one
    levels = found.permuted
    means = np.array([level.drawn.mean for level in levels], np.float64)
    # Draws of the negatives share positives, so that each permutation counts about once.
    errors = 3.5 * np.sqrt(expected * (1 - of_one) / 60)
    assert np.all(np.abs(means - expected) < errors)
    assert levels[0].over_all.mean is not None and levels[0].over_all.mean < float(means[0])


def test_permuted_images_lose_what_was_planted_and_random_directions_most_of_it():
    shown = rare(40)[:, :FEATURES]
    targets = concept_targets(labels(shown), np.arange(FEATURES), IMAGES, "balanced", 0, draws=3)
    planted, groups = NOISE + 4 * shown, [Group(np.ones(FEATURES, np.bool_), 0.9)]
    permutations = image_permutations(IMAGES, 10, seed=1)
    found = probe(planted, None, targets, groups, permutations=permutations)
    ((random,),) = random_direction_counts(planted, [FEATURES], targets, groups, draws=10, seed=1)
    assert found.counts[0].unique_concepts == FEATURES
    assert found.permuted[0].drawn.high == 0
    assert random.drawn.high is not None and random.drawn.high < FEATURES / 2


def test_a_permutation_moves_all_labels_of_an_image_together():
    scores = RNG.normal(size=(IMAGES, 5)).round(1)
    permutations = image_permutations(IMAGES, 2, seed=3)
    found = permuted_average_precisions(scores, TARGETS, permutations, 2)
    np.testing.assert_array_equal(found.drawn[0], average_precisions(scores, TARGETS))
    for each, moved in zip(found.drawn[1:], permutations, strict=True):
        # Image i has the labels of image `moved[i]`: so the scores of that image are those of i.
        plain = np.empty_like(scores)
        plain[moved] = scores
        np.testing.assert_allclose(each, average_precisions(plain, TARGETS), rtol=1e-12)


def test_over_all_images_is_the_average_precision_against_all_others():
    scores = RNG.normal(size=(IMAGES, 5)).round(1)
    permutations = image_permutations(IMAGES, 1, seed=3)
    everything = concept_targets(labels(SHOWN), np.arange(CONCEPTS), IMAGES, "all", 0)
    found = permuted_average_precisions(scores, TARGETS, permutations)
    other = permuted_average_precisions(scores, everything, permutations)
    np.testing.assert_allclose(found.over_all, other.drawn[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(other.over_all, other.drawn[:, 0])


def test_the_counts_against_all_images_are_those_of_a_study_with_all_negatives():
    everything = concept_targets(labels(SHOWN), np.arange(CONCEPTS), IMAGES, "all", 0)
    for sign in ("fixed", "either"):
        some, every = (probe(PLANTED, None, t, EVERY, sign=sign) for t in (TARGETS, everything))
        assert some.over_all == every.counts == every.over_all


def test_draws_change_nothing_of_what_is_measured_and_more_leave_the_first():
    plain, both = (
        probe(PLANTED, None, TARGETS, EVERY, permutations=image_permutations(IMAGES, n, 0))
        for n in (0, 2)
    )
    np.testing.assert_array_equal(plain.precisions, both.precisions)
    assert plain.counts == both.counts and plain.permuted == []
    few, many = image_permutations(IMAGES, 2, 0), image_permutations(IMAGES, 4, 0)
    np.testing.assert_array_equal(few, many[:2])
    assert len({tuple(one) for one in many}) == 4


def test_random_directions_are_orthonormal_and_fewer_are_the_first_of_more():
    whole, some = (random_directions(FEATURES, n, 0, 1).vectors for n in (FEATURES, 5))
    np.testing.assert_allclose(whole @ whole.T, np.eye(FEATURES), atol=1e-12)
    np.testing.assert_array_equal(some, whole[:5])
    assert not np.allclose(whole, random_directions(FEATURES, FEATURES, 0, 2).vectors)
    entries = np.array([random_directions(4, 1, 0, draw).vectors[0] for draw in range(2000)])
    # Uniform on the sphere: mean 0 and variance 1 / 4 in each of four dimensions.
    np.testing.assert_allclose(entries.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(entries.var(axis=0), 0.25, atol=0.03)


def test_two_numbers_of_directions_are_counted_like_each_alone(monkeypatch):
    few, many = random_direction_counts(PLANTED, [5, FEATURES], TARGETS, EVERY, draws=3, seed=2)
    for number, found in ((5, few), (FEATURES, many)):
        uniques = []
        for draw in range(3):
            some = random_directions(FEATURES, number, 2, draw)
            precisions = average_precisions(PLANTED @ some.vectors.T, TARGETS)
            uniques += (precisions >= 0.8).any(axis=1).sum(axis=1).tolist()
        assert found[0].drawn.mean == pytest.approx(np.mean(uniques))
        expected = np.quantile(uniques, [0.05, 0.95], method="inverted_cdf")
        assert (found[0].drawn.low, found[0].drawn.high) == tuple(expected)


def test_either_side_counts_in_the_nulls_too():
    one, two = (
        random_direction_counts(PLANTED, [FEATURES], TARGETS, EVERY, draws=3, seed=2, sign=sign)[0][
            0
        ].drawn.mean
        for sign in ("fixed", "either")
    )
    assert one is not None and two is not None and two > one


def test_an_image_on_its_own_row_has_its_labels_in_every_permutation():
    # One positive of ten images, scored highest: where it goes, its precision goes.
    targets = sparse_targets([Examples(np.array([4]), None)], 10)
    permutations = image_permutations(10, 5, seed=0)
    scores = -np.arange(10.0)[:, None]
    found = permuted_average_precisions(scores, targets, permutations)
    places = [int(np.flatnonzero(moved == 4)[0]) + 1 for moved in permutations]
    np.testing.assert_allclose(found.over_all[1:, 0, 0], 1 / np.array(places))
