from functools import partial

import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.statistics.predictions import map_classes
from interpreting_clip.training import standard_models as module
from interpreting_clip.training.standard_models import (
    LabelledImages,
    accuracy,
    class_means,
    colours,
    edges,
    edges_and_colours,
    grey,
    neighbours,
    orientations,
    perceptron,
    standard_model_accuracies,
)


def draw(images: int, seed: int, signal: int = 60, classes: int = 3) -> LabelledImages:
    """Noise in which the class's third of the rows is brighter by `signal`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = rng.integers(0, 120, (images, 12, 12, 3))
    for class_ in range(classes):
        pixels[labels == class_, 4 * class_ : 4 * class_ + 4] += signal
    return LabelledImages(pixels.astype(np.uint8), labels, np.arange(classes))


def few(monkeypatch, *names: str) -> None:
    every = module.standard_models
    chosen = lambda seed: {name: every(seed)[name] for name in names}  # noqa: E731
    monkeypatch.setattr(module, "standard_models", chosen)


@pytest.fixture(scope="module")
def learnt():
    return standard_model_accuracies(
        draw(3000, 0), draw(150, 1), {"noise": draw(150, 2, signal=0)}, 0
    )


def test_every_model_learns_what_there_is_and_guesses_at_noise(learnt):
    assert len(learnt) == len(module.standard_models(0))
    for name, measured in learnt.items():
        # In noise, which orientation an edge has says nothing of which third is brighter.
        assert "orientations" in name or measured["imagenet"] > 60, name
        assert 15 < measured["noise"] < 55, name


RNG = np.random.default_rng(0)
LEARNT, SEEN = RNG.integers(0, 50_000, (60, 20)), RNG.integers(0, 50_000, (9, 20))
LABELS = np.arange(60) % 3
EXACT = [partial(neighbours, 1), partial(neighbours, 5), class_means, perceptron]


@pytest.mark.parametrize("scores", EXACT)
def test_the_order_of_sums_changes_no_bit(scores):
    columns = RNG.permutation(20)
    one = scores(LEARNT, LABELS, 3, SEEN)
    other = scores(LEARNT[:, columns], LABELS, 3, SEEN[:, columns])
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("number", [1, 4, 30])
def test_nearest_neighbours_are_those_of_whole_numbers(number):
    for found, image in zip(neighbours(number, LEARNT, LABELS, 3, SEEN), SEEN, strict=True):
        for class_ in range(3):
            rows = LEARNT[class_ == LABELS].tolist()
            distances = [
                sum((a - b) ** 2 for a, b in zip(r, image.tolist(), strict=True)) for r in rows
            ]
            nearest = sorted(distances)[:number]
            assert found[class_] == -sum(nearest) / len(nearest)


def test_features_are_sums_over_blocks_of_pixels():
    images = RNG.integers(0, 256, (2, 7, 10, 3)).astype(np.uint8)
    rows, columns = (
        [slice(0, 2), slice(2, 4), slice(4, 7)],
        [slice(0, 3), slice(3, 6), slice(6, 10)],
    )
    blocks = [
        [image[r, c].reshape(-1, 3).sum(axis=0) for r in rows for c in columns] for image in images
    ]
    np.testing.assert_array_equal(colours(3, images), np.array(blocks).reshape(2, -1))
    np.testing.assert_array_equal(grey(3, images), np.array(blocks).sum(axis=2))
    both = edges_and_colours(3, images)
    np.testing.assert_array_equal(both[:, :72], edges(3, images))
    np.testing.assert_array_equal(both[:, 72:], colours(3, images) // 2)


def test_edges_have_the_direction_in_which_an_image_brightens():
    ramp = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None], (8, 8, 3))
    right, down = edges(1, np.stack([ramp, ramp.swapaxes(0, 1)]))
    # 36 pixels inside the border, each with a change of two steps in three channels
    assert down.tolist() == [0, 0, 36 * 6, 0, 0, 0, 0, 0]
    assert right.tolist() == [0, 0, 0, 0, 0, 36 * 6, 0, 0]
    assert not edges(2, np.full((1, 8, 8, 3), 200, np.uint8)).any()


def test_orientations_see_neither_contrast_nor_which_side_is_brighter():
    images = RNG.integers(0, 128, (5, 20, 20, 3)).astype(np.uint8)
    expected = orientations(3, images)
    np.testing.assert_array_equal(orientations(3, 2 * images), expected)
    np.testing.assert_array_equal(orientations(3, 255 - images), orientations_by_hand(images, -1))
    np.testing.assert_array_equal(expected, orientations_by_hand(images, 1))
    assert not orientations(2, np.full((1, 8, 8, 3), 200, np.uint8)).any()


def orientations_by_hand(images, sign):
    """Return `orientations(3, ...)` pixel by pixel, of gradients that are turned by `sign`."""
    found = np.zeros((len(images), 3, 3, 4), np.int64)
    size = images.shape[1] - 2
    for i, image in enumerate(images.astype(int)):
        for y in range(size):
            for x in range(size):
                right = sign * (image[y + 1, x + 2] - image[y + 1, x])
                down = sign * (image[y + 2, x + 1] - image[y, x + 1])
                channel = int((abs(right) + abs(down)).argmax())
                a, b = int(right[channel]), int(down[channel])
                orientation = 2 * ((a > 0) == (b > 0)) + (abs(a) > abs(b))
                found[i, y * 3 // size, x * 3 // size, orientation] += abs(a) + abs(b)
    flat = found.reshape(len(images), -1)
    return 2**16 * flat // flat.sum(axis=1, keepdims=True)


SCORES = np.tile([0.1, 0.6, 0.3], (4, 1))
COLUMNS = np.array([0, 2, 5])


@pytest.mark.parametrize(
    ("held", "aliases", "classes", "expected"),
    [
        ([0, 2, 5], {}, [5, 2, 5, 5], 25.0),
        ([0, 5], {}, [5, 2, 2, 0], 50.0),  # images of other classes than the set's are left out
        ([0, 5], {2: 5}, [5, 0, 5, 5], 75.0),
    ],
)
def test_predicts_among_the_classes_that_a_test_set_holds(held, aliases, classes, expected):
    class_map = map_classes(held, 6, aliases)
    assert accuracy(COLUMNS, SCORES, np.array(classes), class_map) == expected


def test_imagenet_on_a_shifts_classes_is_measured_on_their_images_alone(monkeypatch):
    few(monkeypatch, "neighbours_colours_8")
    imagenet, shift = draw(150, 1, signal=5), draw(90, 2, signal=5)
    pair = np.isin(shift.classes, [0, 2])
    shift = LabelledImages(shift.images[pair], shift.classes[pair], np.array([0, 2]))
    some = np.isin(imagenet.classes, [0, 2])
    part = LabelledImages(imagenet.images[some], imagenet.classes[some], np.array([0, 2]))
    train = draw(300, 0, signal=5)
    (found,) = standard_model_accuracies(train, imagenet, {"imagenet_r": shift}, 0).values()
    (other,) = standard_model_accuracies(train, part, {}, 0).values()
    assert found["imagenet_on_r_classes"] == other["imagenet"] != found["imagenet"]


def test_a_train_set_that_is_too_small_is_refused():
    with pytest.raises(InputError, match=r"'datasets\.imagenet_train\.images': 20"):
        standard_model_accuracies(draw(20, 0), draw(20, 0), {}, 0)
