from collections import Counter
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
    neighbours,
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
    assert [row["name"] for row in learnt] == list(module.standard_models(0))
    for row in learnt:
        # In noise, neither an edge's orientation nor its pattern says which third is brighter.
        blind = row["family"] in {"orientations", "patterns"}
        assert blind or row["imagenet"] > 60, row
        assert 15 < row["noise"] < 55, row


def test_there_are_more_kinds_than_models_of_a_kind(learnt):
    models = Counter(row["family"] for row in learnt)
    assert len(models) >= 10 and set(models.values()) == {2}


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
    few(monkeypatch, "perceptron_colours")
    imagenet, shift = draw(150, 1, signal=5), draw(90, 2, signal=5)
    pair = np.isin(shift.classes, [0, 2])
    shift = LabelledImages(shift.images[pair], shift.classes[pair], np.array([0, 2]))
    some = np.isin(imagenet.classes, [0, 2])
    part = LabelledImages(imagenet.images[some], imagenet.classes[some], np.array([0, 2]))
    train = draw(300, 0, signal=5)
    (found,) = standard_model_accuracies(train, imagenet, {"imagenet_r": shift}, 0)
    (other,) = standard_model_accuracies(train, part, {}, 0)
    assert found["imagenet_on_r_classes"] == other["imagenet"] != found["imagenet"]


def test_a_train_set_that_is_too_small_is_refused():
    with pytest.raises(InputError, match=r"'datasets\.imagenet_train\.images': 20"):
        standard_model_accuracies(draw(20, 0), draw(20, 0), {}, 0)
