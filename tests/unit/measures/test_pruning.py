from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict

from interpreting_clip.arrays.head import Head
from interpreting_clip.measures.directions import Settings, find_candidates
from interpreting_clip.measures.pruning import (
    count_removed,
    prunable_fraction,
    pruned_accuracies,
    pruning,
    pruning_curves,
)
from interpreting_clip.statistics.predictions import correct_predictions, map_classes
from interpreting_clip.statistics.singular_directions import (
    RankedDirections,
    rank,
    singular_directions,
)

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(10, 24))
CLASSES = RNG.integers(10, size=300)
ACTIVATIONS = WEIGHT[CLASSES] + 1.5 * RNG.normal(size=(300, 24))
FRACTIONS = np.arange(10) / 10
DIRECTIONS = rank(ACTIVATIONS, singular_directions(WEIGHT))
HEAD = Head(WEIGHT, RNG.normal(size=10), normalize_features=True)


def prune(images=ACTIVATIONS, classes=CLASSES, head=HEAD, directions=DIRECTIONS, **how: Any):
    how = {"fractions": FRACTIONS} | how
    return pruned_accuracies(images, classes, head, directions, **how)


def test_an_axis_is_removed_and_with_it_its_class():
    head = Head(np.diag([3.0, 2.0, 1.0]), None, normalize_features=False)
    values = np.array([3.0, 2.0, 1.0])
    directions = RankedDirections(singular_directions(head.weight).vectors, values, values)
    images, classes = np.array([[1.0, 0.1, 0.2], [0.1, 1, 0.2], [0.1, 0.2, 1]]), np.arange(3)
    thirds = np.array([0, 1 / 3, 2 / 3])
    found = prune(images, classes, head, directions, fractions=thirds)
    np.testing.assert_allclose(found, [1, 2 / 3, 1 / 3])


def test_what_rounding_leaves_of_an_image_without_its_directions_is_not_scaled_to_length_one():
    # Any image of the two least important directions has the class of the highest bias.
    images = 100 * RNG.normal(size=(200, 2)) @ DIRECTIONS.vectors[-2:]
    head = Head(WEIGHT, 1e-11 * np.arange(10), normalize_features=True)
    found = prune(images, np.full(200, 9), head, fractions=np.array([0.2]))
    assert found.tolist() == [1.0]


@pytest.mark.parametrize("whose", ["own", "centred", "stranger"])
@pytest.mark.parametrize(("bias", "normalize"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize(("classes", "features"), [(3, 12), (12, 3), (9, 10)])
def test_agrees_with_the_plain_definition(whose, bias, normalize, classes, features):
    rng = np.random.default_rng(classes)
    # Of low rank, with two equal rows; the last class counts as the first.
    low = min(classes, features) // 2
    weight = rng.normal(size=(classes, low)) @ rng.normal(size=(low, features))
    weight[-2] = weight[0]
    head = Head(weight, rng.normal(size=classes) if bias else None, normalize)
    class_map = map_classes(range(classes - 1), classes, {classes - 1: 0})
    images, labels = 100 * rng.normal(size=(20, features)), rng.integers(classes - 1, size=20)
    drawn = rng.normal(size=weight.shape) if whose == "stranger" else weight
    ranked = rank(images, singular_directions(drawn, "classes" if whose == "centred" else "none"))
    found = prune(images, labels, head, ranked, class_map=class_map)
    for measured, count in zip(found, count_removed(FRACTIONS, len(ranked.vectors)), strict=True):
        gone = ranked.vectors[len(ranked.vectors) - count :]
        pruned = images - images @ gone.T @ gone
        assert measured == correct_predictions(pruned, labels, head, class_map).mean()


@pytest.mark.parametrize("draws", [0, 2])
def test_own_directions_other_centring_and_random_heads_are_pruned_alike(draws):
    quarters, kept, class_map = np.arange(4) / 4, CLASSES < 8, map_classes(range(8), 10)
    how = Settings(centre="none", random_heads=draws, pruning_steps=4)
    known = find_candidates(ACTIVATIONS, HEAD, how)
    images, classes = ACTIVATIONS[kept], CLASSES[kept]
    over = {"fractions": how.fractions, "class_map": class_map}
    found = pruning_curves(images, classes, HEAD, known, **over)
    curves = [
        100 * prune(images, classes, directions=one, fractions=quarters, class_map=class_map)
        for one in (DIRECTIONS, known.heads["classes"], *known.random)
    ]
    measured = [found.accuracy, found.other_accuracy, *found.random_accuracy]
    np.testing.assert_array_equal(measured, curves)
    np.testing.assert_array_equal(found.fractions, quarters)
    judged = pruning(
        images, head=HEAD, classes=classes, among=range(8), harmless=10.0, **asdict(how)
    )
    same = pruning_curves(images, classes, HEAD, find_candidates(images, HEAD, how), **over)
    curves = [same.accuracy, same.other_accuracy, *same.random_accuracy]
    prunable = [prunable_fraction(quarters, curve, 10.0) for curve in curves]
    assert [judged.by_accuracy, judged.other_by_accuracy] == prunable[:2]
    assert judged.accuracy_chance == (np.mean(prunable[2:]) if draws else None)
    assert judged.whole == curves[0][0]


def test_a_table_of_classes_is_pruned_as_its_classes_and_shows_more_of_them():
    one_hot = CLASSES[:, None] == np.arange(10)
    np.testing.assert_array_equal(prune(classes=one_hot), prune())
    # Where images show every class but one, what is right is what is not that one.
    np.testing.assert_allclose(prune(classes=~one_hot), 1 - prune())


def test_images_without_a_class_stay_at_chance_at_every_fraction():
    noise, classes = RNG.normal(size=(3000, 24)), RNG.integers(10, size=3000)
    # Four standard errors of 3,000 images and ten classes.
    np.testing.assert_allclose(prune(noise, classes), 0.1, atol=4 * 0.3 / 3000**0.5)


def plain_covariance_accuracy(images, head, classes, kept: int) -> float:
    """Return the accuracy in percent with so many singular vectors of the other half's images."""
    correct = []
    for fitted, pruned in ((0, 1), (1, 0)):
        half, other = images[fitted::2], images[pruned::2]
        mean = half.mean(axis=0)
        _, values, vectors = np.linalg.svd(half - mean, full_matrices=False)
        spanned = np.linalg.matrix_rank(half - mean)
        assert len(values) >= spanned
        top = vectors[: min(kept, spanned)]
        rest = mean + (other - mean) @ top.T @ top
        correct += [*correct_predictions(rest, classes[pruned::2], head)]
    return 100 * float(np.mean(correct))


@pytest.mark.parametrize("images", [15, 40, 299])
@pytest.mark.parametrize("rank", [24, 4])
def test_pruning_by_covariance_agrees_with_the_plain_definition(images, rank):
    # In a few dimensions far from the origin, fewer than there are directions; or in all.
    within = np.linalg.qr(RNG.normal(size=(24, rank))).Q
    values, classes = ACTIVATIONS[:images] @ within @ within.T + 5, CLASSES[:images]
    found = pruning(values, head=HEAD, classes=classes, random_heads=0, centre="none")
    halves = [values[start::2] - values[start::2].mean(axis=0) for start in (0, 1)]
    assert found.spanned == [np.linalg.matrix_rank(half) for half in halves]
    removed = count_removed(found.fractions, 10)
    plain = [plain_covariance_accuracy(values, HEAD, classes, 10 - n) for n in removed[1:]]
    np.testing.assert_allclose(found.covariance_accuracy[1:], plain)
    assert found.covariance_accuracy[0] == found.whole
    assert found.by_covariance == prunable_fraction(found.fractions, found.covariance_accuracy, 1.0)


def test_variance_that_the_head_ignores_is_no_reason_to_keep_a_component():
    # Of eight directions four tell the classes; eight further features vary far more.
    weight = np.diag([1.0] * 4 + [0.01] * 4)
    classes = np.arange(400) % 4
    ignored = 20 * RNG.normal(size=(400, 8))
    images = np.concatenate([weight[classes] + 0.1 * RNG.normal(size=(400, 8)), ignored], axis=1)
    head = Head(np.concatenate([weight, np.zeros((8, 8))], axis=1), None, False)
    found = pruning(
        images, head=head, classes=classes, centre="none", pruning_steps=8, random_heads=0
    )
    assert (found.by_accuracy, found.by_covariance) == (0.5, 0.0)
    assert found.whole > 99 and found.covariance_accuracy[1:].max() < 60


def test_important_directions_in_which_nothing_varies_need_no_component():
    # Features 2 to 7 are large and constant, and their classes are never predicted.
    bias = np.array([0.0, 0, *[-100] * 6])
    sign = np.resize([1.0, 1, -1, -1], 80)  # both signs are in either half
    images = np.concatenate([np.outer(sign, [1.0, -1]), np.full((80, 6), 5.0)], axis=1)
    head = Head(np.diag(np.linspace(1, 1.01, 8)), bias, False)
    found = pruning(
        images,
        head=head,
        classes=(sign < 0).astype(int),
        centre="none",
        pruning_steps=8,
        random_heads=0,
    )
    assert (found.by_accuracy, found.by_covariance) == (1 / 8, 7 / 8)
    assert found.spanned == [1, 1] and found.whole == 100


def test_halves_of_equal_images_span_nothing_and_keep_their_mean():
    images = np.tile(ACTIVATIONS[:2], (20, 1))
    classes = np.argmax(HEAD.weight @ images[:2].T / np.linalg.norm(images[:2], axis=1), axis=0)
    head, classes = replace(HEAD, bias=None), np.tile(classes, 20)
    found = pruning(images, head=head, classes=classes, centre="none", random_heads=0)
    other = 100 * float(np.mean(classes[0] == classes[1]))
    assert found.spanned == [0, 0] and found.covariance_accuracy.tolist() == [100, *[other] * 9]


def test_refuses_a_single_image():
    with pytest.raises(ValueError, match="two images"):
        pruning(ACTIVATIONS[:1], head=HEAD, classes=CLASSES[:1])


def test_refuses_a_class_that_the_head_cannot_predict():
    with pytest.raises(ValueError, match="cannot predict"):
        pruning(ACTIVATIONS, head=HEAD, classes=CLASSES, among=[0, 1])


def test_the_order_of_fractions_and_signs_change_nothing():
    order, flipped = RNG.permutation(10), replace(DIRECTIONS, vectors=-DIRECTIONS.vectors)
    whole = prune()
    np.testing.assert_array_equal(prune(fractions=FRACTIONS[order]), whole[order])
    np.testing.assert_array_equal(prune(directions=flipped), whole)


def test_a_fraction_removes_no_more_than_itself_and_leaves_something():
    assert count_removed(FRACTIONS, 12).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert count_removed(np.arange(100) / 100, 100).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([80.0, 79.5, 79.1, 60.0], 0.6),
        ([80.0, 80.5, 81.0, 79.5], 0.9),
        ([80.0, 79.5, 70.0, 79.9], 0.3),
        # 1.1 − 0.1 is not 1, but losing one point is harm.
        ([1.1, 0.1, 1.1, 1.1], 0.0),
    ],
)
def test_prunable_ends_before_the_first_harmful_fraction(accuracies, expected):
    fractions = np.array([0.0, 0.3, 0.6, 0.9])
    assert prunable_fraction(fractions, np.array(accuracies), harmless=1.0) == expected
