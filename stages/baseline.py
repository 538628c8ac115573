"""Stage `baseline`: the line of standard models from ImageNet to each shift."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes, result_name
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import error_context
from interpreting_clip.formats.baseline import (
    ChanceLevel,
    FittedBaseline,
    read_baseline_table,
)
from interpreting_clip.formats.published_accuracies import (
    GUESSING,
    fractions_above_chance,
    lines_above_chance,
    standard_models,
)
from interpreting_clip.formats.results import write_result
from interpreting_clip.formats.shift_folders import read_shift_folders
from interpreting_clip.formats.tables import records
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.logit_line import Settings
from interpreting_clip.study.dataset_entries import Shifts
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the standard models, their lines and the resampled lines."""
    settings = params.read("baseline", Settings)
    entries = params.read("shifts", Shifts)
    own = read_shift_folders(inputs["data/shifts"])
    if settings.source == "trained":
        names = ("imagenet_train", *TEST_SETS)
        folders = {name: inputs[f"data/datasets/{name}"] for name in names}
        trained = {name: own[name] for name in own if entries[name].baseline == "trained"}
        models, classes, guessing = trained_models(folders | trained, settings)
    else:
        known = read_imagenet_classes()
        models, guessing = standard_models(), GUESSING
        classes = {result_name(name): known.of(name) for name in TEST_SETS}
    shifts = [shift for shift in (*TESTBED_SHIFTS, *own) if shift in classes]
    fits = [fitted_lines(models, {s: guessing[s] for s in shifts}, settings)]
    own_models = {}
    for shift in (name for name in own if entries[name].baseline == "published"):
        table = read_baseline_table(inputs["data/baselines"], shift, abscissa_name(shift, settings))
        own_models[shift] = records(table)
        card = read_card(own[shift])
        classes = {**classes, shift: card.class_indices}
        chance = {shift: Guessing(card.images, len(card.class_indices))}
        # By itself, so that its models do not change the resampled lines of other shifts.
        fits.append(fitted_lines(table, chance, settings))
    result = FittedBaseline(
        models=records(models),
        classes=classes,
        own_models=own_models,
        **{part: {s: x for fit in fits for s, x in fit[part].items()} for part in fits[0]},
    )
    write_result(outputs["data/baseline"] / "baseline.json", result)


def abscissa_name(shift: str, settings: Settings) -> str:
    """Return the name of the ImageNet accuracy that a shift's line starts from."""
    return on_classes(shift) if settings.abscissa == "shift_classes" else "imagenet"


def fitted_lines(
    models: pd.DataFrame, guessing: Mapping[str, Guessing], settings: Settings
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
        lines, resampled = lines_above_chance(
            models, guessing, abscissa, resamples=settings.resamples, seed=settings.seed
        )
    return {
        "abscissa": abscissa,
        "chance": {s: ChanceLevel(100 * g.accuracy, 100 * g.above) for s, g in guessing.items()},
        "at_chance": at_chance,
        "lines": lines,
        "resampled": resampled,
    }


def trained_models(
    folders: Mapping[str, Path], settings: Settings
) -> tuple[pd.DataFrame, dict[str, list[int]], dict[str, Guessing]]:
    """Train standard models on ImageNet's train set and measure them on the test sets.

    The check of a study asks for all of these sets.

    Parameters
    ----------
    folders : of the datasets, by name: ImageNet's train and test set, then the shifts

    Returns
    -------
    the models, and the classes and the chance level of each test set
    """
    sets = {name: load(folder) for name, folder in folders.items()}
    train, imagenet = sets.pop("imagenet_train"), sets.pop(TEST_SETS[0])
    with error_context("the baseline's standard models", ValueError):
        accuracies = standard_model_accuracies(train, imagenet, sets, settings.seed)
    models = pd.DataFrame([{"name": name, **row} for name, row in accuracies.items()])
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
