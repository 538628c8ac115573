"""The published models in git on all lines, and small tables of others."""

import pandas as pd
import pytest

from interpreting_clip.published.analysis import Analysis, analyse
from interpreting_clip.published.figures import ACCURACIES, FOLDER, Published, read_published
from interpreting_clip.published.models import published_models
from interpreting_clip.published.schema import ModelCard, PublishedModels
from interpreting_clip.statistics.published_accuracies import Settings
from tests.reads import ROOT

SETTINGS = Settings(resamples=200, seed=3, confidence=0.95)


def frame(*models) -> pd.DataFrame:
    """Return a table of models, whose other accuracies are unknown."""
    table = pd.DataFrame(models)
    return table.reindex(columns=[*table, *(name for name in ACCURACIES if name not in table)])


@pytest.fixture(scope="session")
def published() -> Published:
    return read_published(ROOT / FOLDER)


@pytest.fixture(scope="session")
def analysis(published) -> Analysis:
    return analyse(published, SETTINGS)


@pytest.fixture(scope="session")
def models(published, analysis) -> PublishedModels:
    return published_models(published, analysis, SETTINGS)


@pytest.fixture(scope="session")
def cards(models) -> dict[str, ModelCard]:
    """Return the models by name."""
    return {model.name: model for model in models.models}
