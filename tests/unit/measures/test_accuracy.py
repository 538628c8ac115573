import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from interpreting_clip.arrays.head import Head
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.statistics.intervals import wilson_interval
from interpreting_clip.statistics.predictions import Activations, correct_predictions

RNG = np.random.default_rng(0)
HEAD = Head(RNG.normal(size=(10, 16)).astype(np.float32), None, normalize_features=True)
CLASSES = RNG.integers(10, size=500)
NOISE = RNG.normal(size=(500, 16)).astype(np.float32)
ACTIVATIONS = HEAD.weight[CLASSES] + 2 * NOISE


def test_an_identity_head_predicts_the_largest_feature_and_of_equal_ones_the_first():
    activations = np.array([[3.0, 1, 0], [0, 2, 1], [0, 5, 1], [1, 0, 2], [1, 1, 1]])
    head, classes = Head(np.eye(3), None, normalize_features=False), np.array([0, 1, 2, 2, 0])
    found = accuracy(activations, head=head, classes=classes, confidence=0.9)
    ends = [100 * end for end in wilson_interval(0.8, 5, 0.9).ends]
    assert (found.accuracy.value, *found.accuracy.ends) == pytest.approx((80, *ends))
    assert (found.images, found.classes, found.guessing) == (5, 3, pytest.approx(100 / 3))
    assert found.correct.tolist() == [True, True, False, True, True]


def test_the_order_of_images_changes_nothing():
    order, whole = RNG.permutation(500), correct_predictions(ACTIVATIONS, CLASSES, HEAD)
    moved = correct_predictions(ACTIVATIONS[order], CLASSES[order], HEAD)
    np.testing.assert_array_equal(moved, whole[order])


def test_agrees_with_scikit_learn_and_without_the_class_is_at_chance():
    predicted = [int(np.argmax(HEAD.weight @ h)) for h in ACTIVATIONS]
    found = correct_predictions(ACTIVATIONS, CLASSES, HEAD).mean()
    assert 0.3 < found < 1 and found == accuracy_score(CLASSES, predicted)
    # Ten classes and 500 images: three standard errors are four points.
    by_chance = correct_predictions(NOISE, CLASSES, HEAD).mean()
    assert by_chance == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize(
    ("aliases", "expected"), [({}, 75), ({3: 0, 2: 1}, 100), ({3: 1, 2: 0}, 50), ({1: 0}, 75)]
)
def test_only_own_classes_are_predicted_and_a_merged_one_is_right_under_each_index(
    aliases, expected
):
    # Images of the classes 0 and 1. The second looks most like 3 and then 1, the fourth 2 and 1.
    images = np.array([[9.0, 1, 1, 1], [0, 1, 1, 9], [1, 9, 1, 1], [0, 3, 9, 1]])
    head = Head(np.diag([4.0, 3.0, 2.0, 1.0]), None, normalize_features=False)
    classes = np.array([0, 0, 1, 1])
    found = accuracy(images, head=head, classes=classes, among=[0, 1], aliases=aliases)
    assert (found.accuracy.value, found.guessing) == (expected, 50)


def test_the_images_of_another_sets_classes_count_as_its_classes():
    classes = np.array([0, 1, 5, 4, 3, 5])
    images = Activations(np.arange(6.0)[:, None], classes, np.arange(6))
    other = Activations(np.zeros((1, 1)), np.array([1]), np.array([1, 4]), {5: 1})
    found = images.of_classes(other, classes=6)
    assert found.values[:, 0].tolist() == [1, 2, 3, 5] and found.classes.tolist() == [1, 1, 4, 1]
    assert found.class_map(6).tolist() == other.class_map(6).tolist() == [-1, 1, -1, -1, 4, 1]
    with pytest.raises(ValueError, match="6 images"):
        images.of_classes(Activations(other.values, other.classes, np.array([2])), classes=6)


def test_any_class_that_an_image_shows_is_right_and_an_image_without_one_is_wrong():
    # Predicted are the classes 0, 0, 1, 1, 2 and, of equal rows, never 3.
    images = np.eye(3)[[0, 0, 1, 1, 2]]
    head = Head(np.eye(3)[[0, 1, 2, 1]], None, normalize_features=False)
    shown = [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    for table in (shown, np.array(shown, bool), np.array(shown, np.float16)):
        found = accuracy(images, head=head, classes=table)
        assert found.correct.tolist() == [True, False, False, True, False]
        assert (found.images, found.classes, found.showing_none) == (5, 4, 1)
        # 2 of 5 predictions times the 2 of 5 images that show class 0, 2 times 3, and 1 times 2.
        assert found.guessing == pytest.approx(100 * (2 * 2 + 2 * 3 + 1 * 2) / 25)
    assert "1 of 5 images" in found.notes[-1]


def test_a_table_with_one_class_an_image_agrees_with_these_classes():
    one_hot = CLASSES[:, None] == np.arange(10)
    weight = HEAD.weight.copy()
    weight[7] = weight[2]
    head = Head(weight, None, normalize_features=True)
    found, listed = (accuracy(ACTIVATIONS, head=head, classes=one) for one in (one_hot, CLASSES))
    np.testing.assert_array_equal(found.correct, listed.correct)
    assert found.accuracy == listed.accuracy and not found.correct[CLASSES == 7].any()
    assert (found.showing_none, listed.showing_none, listed.guessing) == (0, None, 10)
    assert listed.notes == [listed.CAPTION]


def test_guessing_with_a_table_is_the_mean_over_predictions_that_change_their_images():
    shown = RNG.random((500, 10)) < 0.3
    found = accuracy(ACTIVATIONS, head=HEAD, classes=shown)
    predicted = np.argmax(ACTIVATIONS @ HEAD.weight.T, axis=1)
    # Every image takes every prediction once.
    moved = [shown[np.arange(500), np.roll(predicted, step)].mean() for step in range(500)]
    assert found.guessing == pytest.approx(100 * np.mean(moved))


@pytest.mark.parametrize(
    ("table", "among", "message"),
    [
        (np.ones((500, 9)), None, r"^classes: .*10 columns.*\(500, 9\)"),
        (np.full((500, 10), 0.5), None, "^classes: .*threshold"),
        (np.ones((500, 10)), [0, 1], "^classes: .*leave out among"),
    ],
)
def test_refuses_a_table_that_does_not_fit(table, among, message):
    with pytest.raises(ValueError, match=message):
        accuracy(ACTIVATIONS, head=HEAD, classes=table, among=among)


@pytest.mark.parametrize(
    ("among", "aliases", "message"),
    [
        ([4], None, f"image 1 .*{CLASSES[1]}"),
        (None, {5: 4}, "`among`"),
    ],
)
def test_refuses_what_does_not_fit_together(among, aliases, message):
    with pytest.raises(ValueError, match=message):
        accuracy(ACTIVATIONS, head=HEAD, classes=CLASSES, among=among, aliases=aliases)
