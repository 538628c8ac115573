"""A world of four classes that a tower of two channels learns in seconds."""

from typing import NamedTuple

import numpy as np
import pytest

from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.encoder_entries import Backbone, ModifiedResNet, TextTransformer
from interpreting_clip.encoders.heads import zero_shot_head
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.contrastive import pretrain
from interpreting_clip.training.recipes import TrainingRecipe
from tests.unit.encoders.conftest import activations
from tests.unit.training.conftest import cropping_recipe, recipe

__all__ = ["cropping_recipe", "recipe"]

TEMPLATES = ["a photo of a {}", "a sketch of a {}"]
NAMES = ["circle", "square", "triangle", "star"]


class Toy(NamedTuple):
    """Noise with a bright patch, whose place and colour depend on the class, and a caption."""

    images: np.ndarray
    labels: np.ndarray
    captions: list[str]
    names: list[str]


def draw_toy(count: int, seed: int) -> Toy:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(NAMES), count)
    images = rng.integers(0, 120, (count, 32, 32, 3)).astype(np.uint8)
    for class_ in range(len(NAMES)):
        top, left = 16 * (class_ // 2), 16 * (class_ % 2)
        patch = np.s_[labels == class_, top : top + 16, left : left + 16, class_ % 3]
        images[patch] += 100
    captions = [f"a {rng.choice(['photo', 'sketch'])} of a {NAMES[label]}" for label in labels]
    return Toy(images, labels, captions, NAMES)


@pytest.fixture(scope="session")
def toy() -> Toy:
    return draw_toy(512, 0)


@pytest.fixture(scope="session")
def unseen() -> Toy:
    return draw_toy(256, 1)


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return Backbone(
        image_size=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        embedding=16,
        quick_gelu=False,
        vision=ModifiedResNet(layers=(1, 1, 1, 1), width=4, head_width=32),
        text=TextTransformer(context=8, width=16, heads=2, layers=1),
    )


@pytest.fixture(scope="session")
def clip(recipe: TrainingRecipe, backbone: Backbone, toy: Toy) -> Encoder:
    """A CLIP that has learnt the four classes."""
    return pretrain(recipe, backbone, toy.images, toy.captions, callbacks=Callbacks())


@pytest.fixture(scope="session")
def accuracy(unseen: Toy):
    """The accuracy of an encoder with a head, on unseen images."""

    def of(encoder: Encoder, weight: np.ndarray, bias: np.ndarray | float = 0.0) -> float:
        rows = activations(encoder, unseen.images, 256)
        if encoder.card.normalize_features:
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return float(((rows @ weight.T + bias).argmax(axis=1) == unseen.labels).mean())

    return of


@pytest.fixture(scope="session")
def head_of():
    """The zero-shot head of the four classes."""
    return lambda encoder: zero_shot_head(encoder, NAMES, TEMPLATES)
