from dataclasses import replace

import numpy as np
import pytest

from interpreting_clip.arrays.head import Head
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.directions import directions as privileged
from interpreting_clip.measures.kurtosis import OutlierFeatures, outlier_features
from interpreting_clip.measures.outlier_axes import (
    MOST_AXES,
    TOP,
    OutlierAxes,
    outlier_axes,
    pruning_costs,
)
from interpreting_clip.statistics.predictions import Activations, correct_predictions, map_classes

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(10, 24))
CLASSES = RNG.integers(10, size=300)
ACTIVATIONS = WEIGHT[CLASSES] + 2.5 * RNG.normal(size=(300, 24))
VECTORS = np.linalg.svd(WEIGHT, full_matrices=False)[2]
ALL = np.arange(24)
HEADS = Head(WEIGHT, None, False), Head(WEIGHT, RNG.normal(size=10), True)


def directions(vectors: np.ndarray) -> PrivilegedDirections:
    """Return directions, the most important first, with a logit variance for each feature."""
    found, width = privileged(ACTIVATIONS, head=HEADS[0]), float(vectors.shape[1])
    return replace(found, vectors=vectors, feature_logit_variance=np.arange(width))


def outliers(activations: np.ndarray, sigma: float) -> OutlierFeatures:
    return outlier_features(activations, outlier_sigma=sigma)


def every_axis(vectors: np.ndarray) -> OutlierAxes:
    """Return the axes of all features, or of as many as are examined."""
    found = outliers(np.eye(vectors.shape[1]), 0.01)
    return outlier_axes({}, head=HEADS[0], directions=directions(vectors), outliers=found)


def drawn(values=ACTIVATIONS, classes=CLASSES, held=range(10), aliases=None) -> Activations:
    return Activations(values, classes, np.array(list(held)), aliases or {})


def costs(
    test: Activations, head=HEADS[0], features=ALL, confidence=0.95, at_mean=False
) -> np.ndarray:
    """Return the fractions lost without each feature, and the ends of their intervals."""
    found = pruning_costs(test, head, features, confidence, at_mean=at_mean)
    return np.array([[one.value, *one.ends] for one in found]).T / 100


def test_an_axis_that_is_a_direction_has_its_rank_and_one_that_the_head_ignores_has_no_cosine():
    found = every_axis(np.eye(4)[[1, 2, 0]])
    axes = sorted(found.axes, key=lambda axis: axis.feature)
    numbers = [(axis.cosine, axis.within, axis.rank, axis.logit_variance) for axis in axes]
    assert numbers == [(1, 1, 3, 0), (1, 1, 1, 1), (1, 1, 2, 2), (0, 0, 1, 3)]
    assert (found.typical_cosine, found.typical_logit_variance) == (1, 1.5)


def test_signs_change_nothing_and_of_equally_near_directions_the_first_counts():
    assert every_axis(-VECTORS).to_dict() == every_axis(VECTORS).to_dict()
    assert every_axis(np.array([[1.0, 1], [1, -1]]) / 2**0.5).axes[1].rank == 1


def test_alignment_agrees_with_the_coordinates_of_one_axis_after_another():
    found = every_axis(VECTORS)
    assert found.tops == [1, 3, 10] and len(found.axes) == 24
    for one in found.axes:
        cosines = [abs(np.eye(24)[one.feature] @ vector) for vector in VECTORS]
        assert (one.cosine, one.rank) == (pytest.approx(max(cosines)), np.argmax(cosines) + 1)
        within = [sum(np.square(cosines[:count])) for count in (1, 3, 10, 10)]
        assert [*one.within_top, one.within] == pytest.approx(within)


def test_axes_in_a_rotated_space_are_near_to_no_direction():
    found = every_axis(np.linalg.qr(RNG.normal(size=(256, 256))).Q)
    assert found.tops == list(TOP) and len(found.axes) == MOST_AXES
    # Of all 256² coordinates, about normal with a variance of 1 / 256, none is beyond 6 σ.
    assert max(axis.cosine for axis in found.axes) < 6 / np.sqrt(256)


def test_without_outlier_features_the_most_extreme_feature_is_examined():
    raised = ACTIVATIONS + 20 * (ALL == 7)
    own = directions(VECTORS)
    for sigma, outlier in ((3.0, True), (100.0, False)):
        found = outliers(raised, sigma)
        axes = outlier_axes({"a": drawn()}, head=HEADS[0], directions=own, outliers=found)
        assert [(one.feature, one.outlier) for one in axes.axes] == [(7, outlier)]
        assert axes.axes[0].share == found.largest_share
        squares = (raised**2).sum(axis=0)
        assert axes.axes[0].energy == pytest.approx(squares[7] / squares.sum())
        assert axes.axes[0].constant == pytest.approx(300 * raised[:, 7].mean() ** 2 / squares[7])
        assert axes.axes[0].costs == {"a": pruning_costs(drawn(), HEADS[0], ALL[7:8], 0.95)[0]}


def test_pruning_the_feature_of_a_class_costs_that_class():
    images = np.eye(4)[[0, 0, 0, 1, 2]] + [0, 0, 0, 0.1]
    head = Head(np.eye(4), None, normalize_features=False)
    several = [[1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    found = costs(drawn(images, np.array(several, bool), range(4)), head, np.arange(4))
    # Without feature 0, the first three images have class 3, which only the first one shows.
    np.testing.assert_allclose(found[0], [0.2, 0, 0, 0])
    for classes, lost in (([0, 0, 0, 1, 2], 0.6), ([3, 3, 0, 1, 2], (1 - 2) / 5)):
        found = costs(drawn(images, np.array(classes), range(4)), head, np.arange(4))
        np.testing.assert_allclose(found[0], [lost, 0.2, 0.2, 0])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("scale", [1, 8])
@pytest.mark.parametrize("at_mean", [False, True])
def test_costs_agree_with_pruned_images_one_feature_after_another(head, scale, at_mean):
    class_map, some = map_classes(range(8), 10, {8: 2}), CLASSES < 8
    images, classes = scale * ACTIVATIONS[some], CLASSES[some]
    before = correct_predictions(images, classes, head, class_map).mean()
    value, low, high = costs(drawn(images, classes, range(8), {8: 2}), head, at_mean=at_mean)
    level = images.mean(axis=0) if at_mean else np.zeros(len(ALL))
    without = [
        correct_predictions(np.where(f == ALL, level, images), classes, head, class_map).mean()
        for f in ALL
    ]
    np.testing.assert_allclose(value, before - without, atol=1e-12)
    assert np.all((low < value) & (value < high))


def test_the_interval_is_normal_with_half_an_image_in_each_outcome():
    test = drawn(np.tile([1.0, 0.0], (98, 1)), np.zeros(98, np.int64), range(2))
    found = costs(test, Head(np.eye(2), None, False), np.array([1]))
    np.testing.assert_allclose(found[:, 0], [0, -0.01959964, 0.01959964], rtol=1e-6)
