import numpy as np
import pytest

from stages.runtime.errors import InputError
from stages.training import standard_models as module
from stages.training.standard_models import LabelledImages, accuracy, standard_model_accuracies


def draw(images: int, seed: int, signal: int = 60, classes: int = 3) -> LabelledImages:
    """Noise in which the class's third of the rows is brighter by `signal`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = rng.integers(0, 120, (images, 6, 6, 3))
    for class_ in range(classes):
        pixels[labels == class_, 2 * class_ : 2 * class_ + 2] += signal
    return LabelledImages(pixels.astype(np.uint8), labels, np.arange(classes))


def few(monkeypatch, *names: str) -> None:
    every = module.standard_models
    chosen = lambda seed: {name: every(seed)[name] for name in names}  # noqa: E731
    monkeypatch.setattr(module, "standard_models", chosen)


@pytest.fixture(scope="module")
def learnt():
    tests = {"seen": draw(150, 1), "noise": draw(150, 2, signal=0)}
    return standard_model_accuracies(draw(300, 0), tests, 5, 0, 1)


def test_every_model_learns_what_there_is_and_guesses_at_noise(learnt):
    assert len(learnt) == len(module.standard_models(0))
    for name, measured in learnt.items():
        assert measured["seen"] > 80, name
        assert 15 < measured["noise"] < 55, name


def test_the_same_seed_gives_the_same_accuracies(monkeypatch):
    few(monkeypatch, "forest", "mlp_32")
    tests = {"test": draw(150, 1, signal=15)}
    first, again, other = (
        standard_model_accuracies(draw(300, 0, signal=15), tests, 5, seed, 1) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_share_of_the_train_set_is_its_beginning(monkeypatch):
    few(monkeypatch, "lda_25%", "lda")
    train, tests = draw(300, 0), {"test": draw(150, 1)}
    rest = np.where(np.arange(300) < 75, train.classes, (train.classes + 1) % 3)
    wrong = LabelledImages(train.images, rest, train.class_indices)
    whole, part = (standard_model_accuracies(t, tests, 5, 0, 1) for t in (train, wrong))
    assert part["lda_25%"] == whole["lda_25%"]
    assert part["lda"]["test"] < whole["lda"]["test"]


class Fixed:
    """A classifier of the classes 0, 2 and 5 that always says the same."""

    classes_ = np.array([0, 2, 5])

    def predict_proba(self, features):
        return np.tile([0.1, 0.6, 0.3], (len(features), 1))


@pytest.mark.parametrize(("held", "expected"), [([0, 2, 5], 25.0), ([0, 5], 75.0), ([1], 0.0)])
def test_predicts_among_the_classes_that_a_test_set_holds(held, expected):
    images = np.zeros((4, 1, 1, 3), np.uint8)
    test = LabelledImages(images, np.array([5, 2, 5, 5]), np.array(held))
    assert accuracy(Fixed(), np.zeros((4, 1)), test) == expected


def test_a_merged_class_counts_as_the_one_that_it_is_merged_with():
    images = np.zeros((4, 1, 1, 3), np.uint8)
    test = LabelledImages(images, np.array([5, 0, 5, 5]), np.array([0, 5]), {2: 5})
    assert accuracy(Fixed(), np.zeros((4, 1)), test) == 75.0


TRAIN, FEW = draw(30, 0), r"'datasets.imagenet_train.images': too few.*draw more"


@pytest.mark.parametrize(
    ("train", "components", "message"),
    [
        (TRAIN, 10, r"'baseline.components': .*got 10 for a class .*with 10"),
        (draw(8, 0, classes=1), 1, FEW),
        (draw(16, 0, classes=2), 1, FEW),
        (LabelledImages(TRAIN.images, TRAIN.classes, np.arange(4)), 1, "'baseline.comp.*with 0"),
    ],
)
def test_a_train_set_that_is_too_small_is_refused(train, components, message):
    with pytest.raises(InputError, match=message):
        standard_model_accuracies(train, {}, components, 0, 1)
