from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from scipy import stats

from interpreting_clip.measures.accuracy import correct_predictions, map_classes
from interpreting_clip.measures.directions import Directions, importance, singular_directions
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.outlier_axes import TOP, align_axes, pruning_costs, tops

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(10, 24))
CLASSES = RNG.integers(10, size=300)
ACTIVATIONS = WEIGHT[CLASSES] + 2.5 * RNG.normal(size=(300, 24))
DIRECTIONS = singular_directions(WEIGHT)
IMPORTANCE = importance(ACTIVATIONS, DIRECTIONS)
ALL = np.arange(24)
HEADS = [
    Head(WEIGHT, bias, normalize)
    for bias in (None, RNG.normal(size=10))
    for normalize in (False, True)
]


def costs(images=ACTIVATIONS, classes=CLASSES, head=HEADS[0], features=ALL, **how: Any):
    how = {"confidence": 0.95} | how
    return pruning_costs(images, classes, head, features, **how)


def test_an_axis_that_is_a_direction_has_its_rank_and_one_that_the_head_ignores_has_no_cosine():
    directions = singular_directions(np.diag([2.0, 5.0, 3.0, 0.0]))  # features 1, 2, 0
    found = align_axes(np.array([0, 1, 2, 3]), directions, np.array([0.1, 0.3, 0.2]))
    np.testing.assert_allclose(found.cosine, [1, 1, 1, 0], atol=1e-15)
    np.testing.assert_allclose(found.within, [1, 1, 1, 0], atol=1e-15)
    assert found.rank[:3].tolist() == [2, 3, 1]


def test_alignment_agrees_with_one_cosine_after_another():
    found = align_axes(ALL, DIRECTIONS, IMPORTANCE)
    by_importance = np.argsort(-IMPORTANCE)
    for feature in ALL:
        axis = np.eye(24)[feature]
        plain = [abs(axis @ v) / np.linalg.norm(v) for v in DIRECTIONS.vectors[by_importance]]
        assert found.cosine[feature] == pytest.approx(max(plain))
        assert found.rank[feature] == np.argmax(plain) + 1
        seen = np.linalg.lstsq(DIRECTIONS.vectors.T, axis)[0] @ DIRECTIONS.vectors
        assert found.within[feature] == pytest.approx(seen @ seen)


def test_the_span_of_the_top_directions_holds_an_axis_between_them():
    vectors = np.array([[1.0, 1, 1, 0], [1, -1, 0, 0], [1, 1, -2, 0]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.array([0.3, 0.2, 0.1])
    found = align_axes(np.arange(4), Directions(vectors, np.ones(3)), weights)
    assert tops(3) == [1, 3]
    np.testing.assert_allclose(found.within_top[:, 0], [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-15)
    np.testing.assert_allclose(found.within_top[:, 1], [1, 1, 1, 0], atol=1e-15)


def test_spans_agree_with_least_squares_and_grow():
    found = align_axes(ALL, DIRECTIONS, IMPORTANCE)
    by_importance = DIRECTIONS.vectors[np.argsort(-IMPORTANCE)]
    for place, count in enumerate(tops(10)):
        for feature in ALL:
            axis = np.eye(24)[feature]
            seen = np.linalg.lstsq(by_importance[:count].T, axis)[0] @ by_importance[:count]
            assert found.within_top[feature, place] == pytest.approx(seen @ seen)
    assert np.all(np.diff(found.within_top, axis=1) >= 0)
    np.testing.assert_allclose(found.within_top[:, -1], found.within)
    assert tops(10) == [1, 3, 10] and tops(1000) == list(TOP)


def test_signs_and_the_order_of_directions_change_nothing():
    order = RNG.permutation(10)
    flipped = Directions(-DIRECTIONS.vectors[order], DIRECTIONS.singular_values[order])
    for one, other in zip(
        astuple(align_axes(ALL, flipped, IMPORTANCE[order])),
        astuple(align_axes(ALL, DIRECTIONS, IMPORTANCE)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_axes_in_a_rotated_space_are_near_to_no_direction():
    width = 256
    directions = Directions(np.linalg.qr(RNG.normal(size=(width, width))).Q, np.ones(width))
    found = align_axes(np.arange(width), directions, RNG.random(width))
    # Of all 256² coordinates, about normal with a variance of 1 / 256, none is beyond 6 σ.
    assert found.cosine.max() < 6 / np.sqrt(width)
    np.testing.assert_allclose(found.within, 1)
    # On average k of n directions hold k / n of an axis: exactly, over all axes.
    np.testing.assert_allclose(found.within_top.mean(axis=0), np.array(TOP) / width)


def test_pruning_the_feature_of_a_class_costs_that_class():
    head = Head(np.eye(4), None, normalize_features=False)
    images = np.eye(4)[[0, 0, 0, 1, 2]] + [0, 0, 0, 0.1]
    found = costs(images, np.array([0, 0, 0, 1, 2]), head, np.arange(4))
    np.testing.assert_allclose(found.value, [0.6, 0.2, 0.2, 0])
    gained = costs(images, np.array([3, 3, 0, 1, 2]), head, np.array([0]))
    assert gained.value[0] == pytest.approx((1 - 2) / 5)


@pytest.mark.parametrize("head", HEADS)
def test_costs_agree_with_pruned_images_one_feature_after_another(head):
    class_map = map_classes(range(8), 10, {8: 2})
    some = CLASSES < 8
    images, classes = ACTIVATIONS[some], CLASSES[some]
    before = correct_predictions(images, classes, head, class_map).mean()
    found = costs(images, classes, head, class_map=class_map, chunk_size=7)
    plain = [
        before - correct_predictions(np.where(f == ALL, 0, images), classes, head, class_map).mean()
        for f in ALL
    ]
    np.testing.assert_allclose(found.value, plain, atol=1e-12)
    assert np.all((found.low < found.value) & (found.value < found.high))


def test_scale_and_chunks_change_no_cost():
    whole = costs()
    for moved in (costs(8 * ACTIVATIONS), costs(chunk_size=11)):
        for one, other in zip(astuple(moved), astuple(whole), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_interval_covers_a_known_cost_as_often_as_it_says():
    # Pruning the feature breaks 12 % of the images and corrects 4 %.
    truth, images, trials, held = 0.08, 200, 300, 0
    head = Head(np.eye(3), None, normalize_features=False)
    decides, mends, neither = [1, 0, 0.5], [1, 0, 0.5], [0, 0, 1]
    for _ in range(trials):
        kind = RNG.choice(3, size=images, p=[0.12, 0.04, 0.84])
        activations = np.array([decides, mends, neither])[kind]
        classes = np.array([0, 2, 2])[kind]
        found = costs(activations, classes, head, np.array([0]))
        held += found.low[0] <= truth <= found.high[0]
    # Four standard errors.
    assert held / trials == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / trials))


def test_the_interval_is_normal_with_half_an_image_in_each_outcome():
    head = Head(np.eye(2), None, normalize_features=False)
    found = costs(np.tile([1.0, 0.0], (98, 1)), np.zeros(98, np.int64), head, np.array([1]))
    margin = stats.norm.ppf(0.975) * np.sqrt(1 / 100) / np.sqrt(100)
    assert (found.value[0], found.low[0]) == (0, pytest.approx(-margin))


def test_refuses_importances_of_other_directions_and_a_confidence_that_is_none():
    with pytest.raises(ValueError, match="9 importances of 10 directions"):
        align_axes(ALL, DIRECTIONS, IMPORTANCE[1:])
    with pytest.raises(ValueError, match="above 0 and below 1"):
        costs(confidence=95.0)
