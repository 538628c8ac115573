"""The null of concept counts: random directions."""

from itertools import combinations, product

import numpy as np

from interpreting_clip.statistics.average_precision import average_precisions
from interpreting_clip.statistics.concept_labels import concept_examples, labels_and_numbers
from interpreting_clip.statistics.concept_nulls import random_directions, score_random_directions

RNG = np.random.default_rng(0)
IMAGES, FEATURES, CONCEPTS = 400, 16, 30


# Each concept is on eight images.
SHOWN = RNG.permuted(np.tile(np.arange(IMAGES)[:, None], (1, CONCEPTS)), axis=0) < 8
LABELS = labels_and_numbers(SHOWN)
NOISE = RNG.standard_normal((IMAGES, FEATURES))
# Every concept has a direction of its own, as far as there are features.
PLANTED = NOISE + 6 * SHOWN @ np.eye(CONCEPTS, FEATURES)


def test_each_set_is_of_rows_of_its_rotation_with_signs():
    activations, targets = PLANTED[:, :4], concept_examples(*LABELS, IMAGES, "balanced", 0)
    found = score_random_directions(activations, [2, 4], targets, rotations=2, seed=2, workers=2)
    sets = []
    for rotation in range(2):
        vectors = random_directions(4, 2, rotation)
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(4), atol=1e-12)
        scores = activations @ vectors.T
        both = np.stack([average_precisions(one, targets).drawn[0] for one in (scores, -scores)])
        for number, best in zip((2, 4), found, strict=True):
            every = [
                np.max([both[sign, row] for row, sign in zip(rows, signs, strict=True)], axis=0)
                for rows in combinations(range(4), number)
                for signs in product((0, 1), repeat=number)
            ]
            which = np.isclose(best.drawn[rotation][:, None], every, rtol=1e-12).min(axis=2)
            assert which.max(axis=1).all() and which.max(axis=0).sum() > 5
            sets.append(which.argmax(axis=1).tolist())
    # Another rotation has other rows and signs.
    assert sets[0] != sets[2] and sets[1] != sets[3]


def test_where_either_side_counts_signs_change_nothing():
    targets = concept_examples(*LABELS, IMAGES, "all", 0)
    given = {"rotations": 1, "seed": 2, "sign": "either"}
    (found,) = score_random_directions(PLANTED, [FEATURES], targets, **given)
    scores = PLANTED @ random_directions(FEATURES, 2, 0).T
    both = np.maximum(*(average_precisions(one, targets).drawn[0] for one in (scores, -scores)))
    for best in (*found.drawn[0], *found.over_all[0]):
        np.testing.assert_allclose(best, both.max(axis=0), rtol=1e-12)


def test_more_rotations_and_other_sizes_leave_a_set_as_it_is():
    targets = concept_examples(*LABELS, IMAGES, "balanced", 0)
    few = score_random_directions(NOISE, [3], targets, rotations=1, seed=2)[0]
    more = score_random_directions(NOISE, [FEATURES, 3], targets, rotations=2, seed=2)[1]
    np.testing.assert_array_equal(more.drawn[:1], few.drawn)
    np.testing.assert_array_equal(more.over_all[:1], few.over_all)
