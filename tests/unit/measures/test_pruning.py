from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreting_clip.measures.accuracy import top1_accuracy
from interpreting_clip.measures.activations import map_classes
from interpreting_clip.measures.directions import Settings, find_candidates
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.pruning import (
    count_removed,
    prunable_fraction,
    pruned_accuracies,
    pruning,
)
from interpreting_clip.measures.singular_directions import (
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
HEADS = [
    Head(WEIGHT, bias, normalize)
    for bias in (None, RNG.normal(size=10))
    for normalize in (False, True)
]


def prune(images=ACTIVATIONS, classes=CLASSES, head=HEADS[0], directions=DIRECTIONS, **how: Any):
    how = {"fractions": FRACTIONS} | how
    return pruned_accuracies(images, classes, head, directions, **how)


def test_an_axis_is_removed_and_with_it_its_class():
    head = Head(np.diag([3.0, 2.0, 1.0]), None, normalize_features=False)
    values = np.array([3.0, 2.0, 1.0])
    directions = RankedDirections(singular_directions(head.weight).vectors, values, values)
    images, classes = np.array([[1.0, 0.1, 0.2], [0.1, 1, 0.2], [0.1, 0.2, 1]]), np.arange(3)
    thirds = np.array([0, 1 / 3, 2 / 3])
    found = pruned_accuracies(images, classes, head, directions, fractions=thirds)
    np.testing.assert_allclose(found, [1, 2 / 3, 1 / 3])


def pruning_case(seed, classes, features, *, bias, normalize, whose):
    """Return a head of any rank, what its classes count as, images, their classes, directions."""
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, min(classes, features) + 1)
    weight = rng.normal(size=(classes, rank)) @ rng.normal(size=(rank, features))
    weight[rng.integers(classes)] = weight[0]
    head = Head(weight, rng.normal(size=classes) if bias else None, normalize)
    own = rng.integers(1, classes + 1)
    aliases = {c: int(rng.integers(own)) for c in range(own, classes) if rng.random() < 0.5}
    images = rng.normal(size=(20, features)) * 10.0 ** rng.integers(-3, 4)
    # Of a stranger's head, the centred head where it tells classes apart, or the head itself.
    drawn = rng.normal(size=weight.shape) if whose == "stranger" else weight
    centre = "classes" if whose == "centred" and np.ptp(weight, axis=0).any() else "none"
    class_map = map_classes(range(own), classes, aliases)
    return head, class_map, images, rng.integers(own, size=20), singular_directions(drawn, centre)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    classes=st.integers(2, 12),
    features=st.integers(3, 12),
    bias=st.booleans(),
    normalize=st.booleans(),
    whose=st.sampled_from(["own", "centred", "stranger"]),
)
def test_agrees_with_the_plain_definition(**shape):
    head, class_map, images, labels, directions = pruning_case(**shape)
    ranked, plain = rank(images, directions), []
    found = pruned_accuracies(
        images, labels, head, ranked, fractions=FRACTIONS, class_map=class_map
    )
    for count in count_removed(FRACTIONS, len(ranked.vectors)):
        gone = ranked.vectors[len(ranked.vectors) - count :]
        plain.append(top1_accuracy(images - images @ gone.T @ gone, labels, head, class_map))
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("draws", [0, 2])
def test_own_directions_other_centring_and_random_heads_are_pruned_alike(draws):
    head, quarters = HEADS[3], np.arange(4) / 4
    kept, class_map = CLASSES < 8, map_classes(range(8), 10)
    how = Settings(centre="none", random_heads=draws, pruning_steps=4, harmless=10.0)
    known = find_candidates(ACTIVATIONS, head, how)
    images, classes = ACTIVATIONS[kept], CLASSES[kept]
    found = pruning(
        images, head=head, classes=classes, among=range(8), settings=how, candidates=known
    )
    bases = DIRECTIONS, known.heads["classes"], *known.random
    curves = [
        100 * prune(images, classes, head, one, fractions=quarters, class_map=class_map)
        for one in bases
    ]
    measured = [found.accuracy, found.other_accuracy, *found.random_accuracy]
    np.testing.assert_array_equal(measured, curves)
    prunable = [prunable_fraction(quarters, curve, 10.0) for curve in curves]
    assert [found.by_accuracy, found.other_by_accuracy] == prunable[:2]
    assert found.accuracy_chance == (np.mean(prunable[2:]) if draws else None)
    np.testing.assert_array_equal(found.fractions, quarters)


def test_images_without_a_class_stay_at_chance_at_every_fraction():
    noise, classes = RNG.normal(size=(3000, 24)), RNG.integers(10, size=3000)
    # Four standard errors of 3,000 images and ten classes.
    np.testing.assert_allclose(prune(noise, classes, HEADS[1]), 0.1, atol=4 * 0.3 / 3000**0.5)


def test_chunks_the_order_of_fractions_and_signs_change_nothing():
    order = RNG.permutation(10)
    flipped = RankedDirections(
        -DIRECTIONS.vectors, DIRECTIONS.singular_values, DIRECTIONS.importance
    )
    for head in HEADS:
        whole, moved = prune(head=head), prune(head=head, fractions=FRACTIONS[order])
        np.testing.assert_array_equal(moved, whole[order])
        np.testing.assert_array_equal(prune(head=head, chunk_size=7), whole)
        np.testing.assert_array_equal(prune(head=head, directions=flipped), whole)


def test_of_an_image_that_is_pruned_away_only_the_bias_is_left():
    images, favourite = RNG.normal(size=(50, 5)) @ DIRECTIONS.vectors[5:], np.full(50, 9)
    head = Head(WEIGHT, np.arange(10) / 1e9, normalize_features=True)
    assert prune(images, favourite, head, fractions=np.array([0.5])) == 1


def test_a_fraction_removes_no_more_than_itself_and_leaves_something():
    assert count_removed(FRACTIONS, 12).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert count_removed(np.arange(100) / 100, 100).tolist() == list(range(100))
    for fraction in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="from 0 to below 1"):
            count_removed(np.array([0.5, fraction]), 10)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([80.0, 79.5, 79.1, 60.0], 0.6),
        ([80.0, 79.0, 79.9, 79.9], 0.0),
        ([80.0, 80.5, 81.0, 79.5], 0.9),
        ([80.0, 79.5, 70.0, 79.9], 0.3),
        # 1.1 − 0.1 is not 1, but losing one point is harm.
        ([1.1, 0.1, 1.1, 1.1], 0.0),
    ],
)
def test_prunable_ends_before_the_first_harmful_fraction(accuracies, expected):
    fractions = np.array([0.0, 0.3, 0.6, 0.9])
    assert prunable_fraction(fractions, np.array(accuracies), harmless=1.0) == expected
