"""The lines of standard models: fitted to published models, or to models that are trained here."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interpreting_clip.config.shifts import TEST_SETS, on_classes
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import error_context
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.logit_line import Settings
from interpreting_clip.statistics.published_accuracies import (
    fractions_above_chance,
    lines_above_chance,
)
from interpreting_clip.training.saved_baseline import ChanceLevel
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies

if TYPE_CHECKING:
    import pandas as pd


def abscissa_name(shift: str, settings: Settings) -> str:
    """Return the name of the ImageNet accuracy that a shift's line starts from."""
    return on_classes(shift) if settings.abscissa == "shift_classes" else "imagenet"


def fitted_lines(
    models: "pd.DataFrame", guessing: Mapping[str, Guessing], settings: Settings
) -> dict[str, dict[str, Any]]:
    """Return the parts of a `FittedBaseline` that each shift has an entry of.

    Parameters
    ----------
    models : the standard models, which were measured on all of the shifts
    guessing : the chance level of each shift
    """
    abscissa = {shift: abscissa_name(shift, settings) for shift in guessing}
    at_chance = {}
    for shift, chance in guessing.items():
        low = np.isnan(fractions_above_chance(models, shift, chance)) & models[shift].notna()
        at_chance[shift] = models.loc[low, "name"].tolist()
    with error_context("the baseline's standard models", ValueError):
        lines = lines_above_chance(
            models, guessing, abscissa, resamples=settings.resamples, seed=settings.seed
        )
    return {
        "abscissa": abscissa,
        "chance": {s: ChanceLevel(100 * g.accuracy, 100 * g.above) for s, g in guessing.items()},
        "at_chance": at_chance,
        "lines": lines.lines,
        "resampled": lines.resampled,
        "curves": lines.curves,
        "resampled_curves": lines.resampled_curves,
    }


def trained_models(
    folders: Mapping[str, Path], settings: Settings
) -> tuple["pd.DataFrame", dict[str, list[int]], dict[str, Guessing]]:
    """Train standard models on ImageNet's train set and measure them on the test sets.

    The check of a study asks for all of these sets.

    Parameters
    ----------
    folders : of the datasets, by name: ImageNet's train and test set, then the shifts

    Returns
    -------
    the models, and the classes and the chance level of each test set
    """
    import pandas as pd

    sets = {name: load(folder) for name, folder in folders.items()}
    train, imagenet = sets.pop("imagenet_train"), sets.pop(TEST_SETS[0])
    with error_context("the baseline's standard models", ValueError):
        models = pd.DataFrame(standard_model_accuracies(train, imagenet, sets, settings.seed))
    tests = {"imagenet": imagenet, **sets}
    classes = {name: test.class_indices.tolist() for name, test in tests.items()}
    guessing = {
        name: Guessing(len(test.images), len(classes[name])) for name, test in tests.items()
    }
    return models, classes, guessing


def load(folder: Path) -> LabelledImages:
    """Return a dataset in memory."""
    with open_shards(folder) as data:
        card = data.card
        return LabelledImages(data.load(), data.classes, np.array(card.class_indices), card.aliases)
