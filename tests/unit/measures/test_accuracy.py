import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from interpreting_clip.measures.accuracy import (
    ABSENT,
    correct_predictions,
    images_of_classes,
    map_classes,
    top1_accuracy,
)
from interpreting_clip.measures.head import Head

RNG = np.random.default_rng(0)
HEAD = Head(RNG.normal(size=(10, 16)).astype(np.float32), None, normalize_features=True)
CLASSES = RNG.integers(10, size=500)
NOISE = RNG.normal(size=(500, 16)).astype(np.float32)
ACTIVATIONS = HEAD.weight[CLASSES] + 2 * NOISE


def test_an_identity_head_predicts_the_largest_feature():
    activations = np.array([[3.0, 1, 0], [0, 2, 1], [0, 5, 1], [1, 0, 2]])
    head = Head(np.eye(3), None, normalize_features=False)
    assert top1_accuracy(activations, np.array([0, 1, 2, 2]), head) == 0.75


def test_neither_the_chunk_size_nor_the_order_of_images_changes_anything():
    order, whole = RNG.permutation(500), correct_predictions(ACTIVATIONS, CLASSES, HEAD)
    moved = correct_predictions(ACTIVATIONS[order], CLASSES[order], HEAD, chunk_size=7)
    np.testing.assert_array_equal(moved, whole[order])


def test_agrees_with_scikit_learn():
    predicted = [int(np.argmax(HEAD.weight @ h)) for h in ACTIVATIONS]
    assert 0.3 < top1_accuracy(ACTIVATIONS, CLASSES, HEAD) < 1
    assert top1_accuracy(ACTIVATIONS, CLASSES, HEAD) == accuracy_score(CLASSES, predicted)


def test_features_without_the_class_are_at_chance():
    # Ten classes and 500 images: three standard errors are four points.
    assert top1_accuracy(NOISE, CLASSES, HEAD) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("weight", [np.eye(3), np.ones((3, 3))])
def test_of_equal_logits_the_lowest_class_is_predicted(weight):
    head = Head(weight, None, normalize_features=True)
    assert correct_predictions(np.ones((3, 3)), np.arange(3), head).tolist() == [True, False, False]


def test_a_restricted_head_predicts_only_the_classes_of_the_shift():
    mine = np.isin(CLASSES, [2, 5, 7])
    rows, classes = ACTIVATIONS[mine], CLASSES[mine]
    class_map = map_classes([2, 5, 7], classes=10)
    by_hand = [[2, 5, 7][np.argmax(HEAD.weight[[2, 5, 7]] @ h)] for h in rows]
    assert top1_accuracy(rows, classes, HEAD, class_map) == accuracy_score(classes, by_hand)
    assert top1_accuracy(rows, classes, HEAD, class_map) > top1_accuracy(rows, classes, HEAD)


def test_a_merged_class_is_right_under_each_of_its_indices():
    head = Head(np.eye(3), None, normalize_features=False)
    images, classes = np.eye(3), np.array([0, 1, 0])
    assert top1_accuracy(images, classes, head, map_classes([0, 1], 3, aliases={2: 0})) == 1.0
    assert top1_accuracy(images, classes, head) == pytest.approx(2 / 3)


def test_a_class_map_marks_absent_classes_and_lets_own_classes_stand_for_themselves():
    assert map_classes([1, 3], classes=4).tolist() == [ABSENT, 1, ABSENT, 3]
    assert map_classes([0, 1], classes=3, aliases={1: 0, 2: 0}).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("activations", "classes", "class_map", "message"),
    [
        (ACTIVATIONS, CLASSES, map_classes([4], 10), f"image 1 .*{CLASSES[1]}"),
        (ACTIVATIONS, CLASSES, map_classes([0], 9), "9 classes .*10"),
        (ACTIVATIONS[:, :8], CLASSES, None, "16 features"),
        # Under test, the shapes in the signature are checked first and raise their own error.
        (ACTIVATIONS, CLASSES[:499], None, "499"),
    ],
)
def test_refuses_what_does_not_fit_together(activations, classes, class_map, message):
    with pytest.raises((ValueError, TypeError), match=message):
        top1_accuracy(activations, classes, HEAD, class_map)


def test_the_images_of_another_sets_classes_count_as_its_classes():
    class_map = map_classes([1, 4], 6, {5: 1})
    chosen, counts_as = images_of_classes(np.array([0, 1, 5, 4, 3, 5]), class_map)
    assert chosen.tolist() == [False, True, True, True, False, True]
    assert counts_as.tolist() == [1, 1, 4, 1]
    with pytest.raises(ValueError, match="2 images"):
        images_of_classes(np.array([0, 3]), class_map)
