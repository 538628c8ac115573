"""Recipes of trainings that take seconds."""

from typing import Any

import pytest

from stages.config.trainings import Augmentation, Cosine, TrainingRecipe

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
}


@pytest.fixture(scope="session")
def recipe() -> TrainingRecipe:
    return TrainingRecipe(**SHARED)


@pytest.fixture
def cropping_recipe() -> TrainingRecipe:
    augmentation: Any = Augmentation(smallest_crop=0.9, flip=0.0)
    return TrainingRecipe(**SHARED | {"augmentation": augmentation})
