"""Recipes of trainings that take seconds."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from interpreting_clip.encoders.encoder import Encoder, classifier_encoder, clip_encoder
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.training.contrastive import ContrastiveObjective
from interpreting_clip.training.loop import Objective
from interpreting_clip.training.recipes import Augmentation, Cosine, TrainingRecipe
from interpreting_clip.training.supervised import label_objective
from tests.unit.encoders.conftest import small_backbone

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
NOUNS = ("cat", "dog", "dog", "fox", "cow", "hen", "cat", "owl", "bee", "ant", "elk", "emu")
CAPTIONS = [f"a {noun}" for noun in NOUNS]
CLASSES = [f"class {i}" for i in range(3)]
LABELS = torch.arange(12) % 3
"""A batch of twelve images with captions and labels."""

SHARED: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 5e-3,
    "warmup_steps": 3,
    "schedule": Cosine(),
    "betas": (0.9, 0.98),
    "weight_decay": 0.05,
    "augmentation": Augmentation(smallest_crop=1.0, flip=0.0),
    "seed": 0,
    "threads": 1,
    "precision": "float32",
    "pieces": 1,
}


def small_case(tower: str, learns_from: str) -> tuple[Encoder, Objective]:
    """Return an encoder with weights at which no gradient is zero, and its objective."""
    if learns_from == "labels":
        encoder = classifier_encoder(small_backbone(tower), CLASSES, 0, normalize_features=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            nn.init.normal_(encoder.module.get_parameter("head.weight"))
        return encoder, label_objective(encoder, LABELS, 0.1)
    encoder = clip_encoder(small_backbone(tower), build_vocabulary(CAPTIONS), 0)
    return encoder, ContrastiveObjective(encoder, CAPTIONS)


@pytest.fixture(scope="session")
def recipe() -> TrainingRecipe:
    return TrainingRecipe(**SHARED)


@pytest.fixture
def cropping_recipe() -> TrainingRecipe:
    augmentation: Any = Augmentation(smallest_crop=0.9, flip=0.0)
    return TrainingRecipe(**SHARED | {"augmentation": augmentation})
