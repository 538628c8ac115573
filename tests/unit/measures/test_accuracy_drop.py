"""The drop in accuracy on the same images."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from interpreting_clip.measures.accuracy_drop import accuracy_drop, exact_sign_test
from interpreting_clip.statistics.random_numbers import generator

RNG = np.random.default_rng(0)
IMAGES, CLASSES = 300, 6
CLASS = RNG.integers(CLASSES, size=IMAGES)
HEAD = RNG.normal(size=(CLASSES, 16))
VALUES = HEAD[CLASS] + 1.5 * RNG.normal(size=(IMAGES, 16))
BLURRED = VALUES + 1.5 * RNG.normal(size=(IMAGES, 16))
LABELLED: dict[str, Any] = {"head": HEAD, "classes": CLASS}


def test_counts_the_images_that_change():
    """Of five images, three become wrong and one becomes right."""
    before, after = np.eye(2)[[0, 0, 0, 1, 0]], np.eye(2)[[1, 1, 1, 0, 0]]
    found = accuracy_drop(before, after, head=np.eye(2), classes=[0, 0, 0, 0, 0])
    assert (found.before.value, found.after.value) == (80, 40)
    assert found.drop.value == pytest.approx(40)
    assert (found.became_wrong, found.became_right, found.images, found.classes) == (3, 1, 5, 2)
    assert found.sign_test == pytest.approx(2 * (1 + 4) / 16)
    assert found.guessing == found.guessing_after == 50 and found.no_drop == 0
    assert found.correct_after.tolist() == [False, False, False, True, True]


def test_the_order_of_images_changes_all_but_the_draws_of_the_interval():
    order = RNG.permutation(IMAGES)
    whole = accuracy_drop(VALUES, BLURRED, **LABELLED)
    moved = accuracy_drop(VALUES[order], BLURRED[order], head=HEAD, classes=CLASS[order])
    assert whole.became_wrong > whole.became_right > 0
    for name in ("before", "after", "became_wrong", "became_right", "sign_test"):
        assert getattr(moved, name) == getattr(whole, name)
    assert moved.drop.value == pytest.approx(whole.drop.value)
    # Three standard errors of a percentile of 1,000 draws are about a tenth of their width.
    width = whole.drop.ends[1] - whole.drop.ends[0]
    assert moved.drop.ends == pytest.approx(whole.drop.ends, abs=0.1 * width)


def test_agrees_with_a_loop_over_images_and_resamples():
    found = accuracy_drop(VALUES, BLURRED, **LABELLED, resamples=50, seed=3, confidence=0.8)
    lost = []
    for before, after, class_ in zip(VALUES, BLURRED, CLASS, strict=True):
        right = [int(np.argmax(HEAD @ image) == class_) for image in (before, after)]
        lost.append(right[0] - right[1])
    drawn = generator(3, "bootstrap of images").integers(IMAGES, size=(50, IMAGES))
    means = [sum(100 * lost[image] for image in row) / IMAGES for row in drawn]
    assert found.drop.value == pytest.approx(100 * sum(lost) / IMAGES)
    assert found.drop.ends == pytest.approx(tuple(np.quantile(means, [0.1, 0.9])))
    assert (found.became_wrong, found.became_right) == (lost.count(1), lost.count(-1))


@pytest.mark.parametrize(("wrong", "right"), [(0, 1), (5, 1), (2, 9), (4, 4), (0, 8)])
def test_the_sign_test_counts_every_outcome_of_fair_tosses(wrong, right):
    tosses = [sum(outcome) for outcome in product((0, 1), repeat=wrong + right)]
    as_far = [abs(k - (wrong + right) / 2) >= abs(wrong - right) / 2 for k in tosses]
    assert exact_sign_test(wrong, right) == pytest.approx(np.mean(as_far))


def test_the_same_activations_have_no_drop():
    found = accuracy_drop(VALUES, VALUES, **LABELLED)
    assert (found.drop.value, *found.drop.ends) == (0, 0, 0)
    assert (found.became_wrong, found.became_right, found.sign_test) == (0, 0, 1)


def test_noise_that_favours_no_side_is_significant_as_often_as_stated():
    rng, significant, held = np.random.default_rng(1), [], []
    for seed in range(200):
        first, second = (HEAD[CLASS] + 3 * rng.normal(size=VALUES.shape) for _ in range(2))
        found = accuracy_drop(first, second, **LABELLED, resamples=200, seed=seed)
        significant.append(found.sign_test <= 0.05)
        held.append(found.drop.ends[0] <= 0 <= found.drop.ends[1])
    # The exact test is conservative. Three standard errors of a share of 5 % are 4.6 %.
    assert np.mean(significant) <= 0.05 + 0.046
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)


def test_classes_are_those_of_the_set_and_images_may_show_several():
    some = CLASS < 2
    found = accuracy_drop(
        VALUES[some], BLURRED[some], head=HEAD, classes=CLASS[some], among=[0, 1], aliases={2: 1}
    )
    assert found.classes == 2 and found.guessing == 50
    shown = np.arange(CLASSES) <= CLASS[:, None]
    several = accuracy_drop(VALUES, BLURRED, head=HEAD, classes=shown)
    assert several.before.value > found.guessing and several.guessing != several.guessing_after


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shifted": BLURRED[1:]}, r"^shifted: expected the shape \(300, 16\)"),
        ({"shifted": BLURRED[:, 1:]}, r"^shifted: expected the shape \(300, 16\)"),
        ({"shifted": np.where(np.eye(IMAGES, 16), np.nan, BLURRED)}, "^shifted: image 0 .*NaN"),
        ({"classes": CLASS[1:]}, "^classes: "),
        ({"resamples": 0}, "^resamples: "),
        ({"seed": -1}, "^seed: "),
    ],
)
def test_refuses_other_images_and_settings_out_of_range(change, said):
    with pytest.raises(ValueError, match=said):
        accuracy_drop(**{"activations": VALUES, "shifted": BLURRED, **LABELLED, **change})


def test_an_interval_from_few_changed_images_is_said_to_be_too_narrow():
    assert "0 images changed" in repr(accuracy_drop(VALUES, VALUES, **LABELLED))
    assert "too narrow" not in repr(accuracy_drop(VALUES, BLURRED, **LABELLED))
