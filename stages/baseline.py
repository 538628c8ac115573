"""Stage `baseline`: the line of standard models from ImageNet to each shift."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.config.own_shifts import Shifts
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes, result_name
from interpreting_clip.datasets.card import is_absent, read_card
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.baseline_table import read_baseline_table
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.published_accuracies import (
    GUESSING,
    Model,
    accuracy_fractions,
    family_numbers,
    standard_models,
)
from interpreting_clip.formats.shift_folders import read_shift_folders
from interpreting_clip.measures.guessing import Guessing, above_chance
from interpreting_clip.measures.logit_line import MIN_MODELS, Settings, baseline_lines
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the standard models, their lines and the resampled lines.

    `abscissa` has the models' ImageNet accuracies that each shift's line is fitted over, `classes`
    the classes of the test sets that they were measured on. `chance` has what guessing gives on
    each shift and the lowest accuracy that is above it, in percent, and `at_chance` the models that
    are not above it. These are no part of the shift's line: an accuracy at chance says nothing
    about robustness. The rule is ours. Of the testbed's models, it leaves out the ResNet-50 that
    ImageNet-A was selected against, on ImageNet-A.

    With models trained here, a shift whose dataset is absent has no accuracies and so no line. Nor
    has a shift on which fewer than three models are above chance. Of the study's own shifts,
    `own_models` has the standard models of those that have a table of theirs, and `no_baseline`
    lists those that the study compares with none; both are left out if empty.
    """
    settings = params.read("baseline", Settings)
    entries = params.read("shifts", Shifts)
    own = read_shift_folders(inputs["data/shifts"])
    if settings.source == "trained":
        names = ("imagenet_train", *TEST_SETS)
        folders = {name: inputs[f"data/datasets/{name}"] for name in names}
        trained = {name: own[name] for name in own if entries[name].baseline == "trained"}
        models, classes, guessing = trained_models(folders | trained, settings)
    else:
        models, classes = published_models()
        guessing = GUESSING
    shifts = [shift for shift in (*TESTBED_SHIFTS, *own) if shift in classes]
    found = fitted_lines(models, {s: guessing[s] for s in shifts}, settings)
    own_models = {}
    for shift in (name for name in own if entries[name].baseline == "published"):
        own_models[shift] = read_baseline_table(
            inputs["data/baselines"], shift, abscissa_name(shift, settings)
        )
        card = read_card(own[shift])
        classes = {**classes, shift: card.class_indices}
        chance = {shift: Guessing(card.images, len(card.class_indices))}
        # By itself, so that its models do not change the resampled lines of other shifts.
        for name, part in fitted_lines(own_models[shift], chance, settings).items():
            found[name] |= part
    without = [name for name in own if entries[name].baseline == "none"]
    result = {
        "source": settings.source,
        "classes": classes,
        "models": models,
        **found,
        **({"own_models": own_models} if own_models else {}),
        **({"no_baseline": without} if without else {}),
    }
    write_json(outputs["data/baseline"] / "baseline.json", result)


def abscissa_name(shift: str, settings: Settings) -> str:
    """Return the name of the ImageNet accuracy that a shift's line starts from."""
    return on_classes(shift) if settings.abscissa == "shift_classes" else "imagenet"


def fitted_lines(
    models: Sequence[Model], guessing: Mapping[str, Guessing], settings: Settings
) -> dict[str, dict[str, Any]]:
    """Return the line of each shift through models that were measured on all of them.

    Parameters
    ----------
    models : the standard models, with their accuracies in percent
    guessing : the chance level of each shift

    Returns
    -------
    `abscissa`, `chance`, `at_chance`, `lines` and `resampled`, each by shift

    Raises
    ------
    InputError
        The models do not allow a line.
    """
    abscissa = {shift: abscissa_name(shift, settings) for shift in guessing}
    measured = {shift: accuracy_fractions(models, shift) for shift in guessing}
    above = {shift: above_chance(measured[shift], guessing[shift]) for shift in guessing}
    with_line = [shift for shift in guessing if np.count_nonzero(above[shift]) >= MIN_MODELS]
    with error_context("the baseline's standard models", ValueError):
        lines, resampled = baseline_lines(
            {shift: accuracy_fractions(models, abscissa[shift]) for shift in with_line},
            # A model that is left out keeps its place, and so all others their resamples.
            {shift: np.where(above[shift], measured[shift], np.nan) for shift in with_line},
            settings.resamples,
            settings.seed,
            # Classifiers that were trained here are of no families.
            family_numbers(models) if all("family" in model for model in models) else None,
        )
    return {
        "abscissa": abscissa,
        "chance": {
            shift: {"accuracy": 100 * chance.accuracy, "above": 100 * chance.above}
            for shift, chance in guessing.items()
        },
        "at_chance": {
            shift: [
                model["name"]
                for model, value, is_above in zip(
                    models, measured[shift], above[shift], strict=True
                )
                if not (is_above or np.isnan(value))
            ]
            for shift in guessing
        },
        "lines": {shift: asdict(line) for shift, line in lines.items()},
        "resampled": {shift: asdict(draws) for shift, draws in resampled.items()},
    }


def published_models() -> tuple[list[Model], dict[str, list[int]]]:
    """Return the testbed's standard models, and the classes of its test sets."""
    known = read_imagenet_classes()
    every = list(range(len(known.wnids)))
    some = {
        "imagenet_r": known.imagenet_r,
        "imagenet_a": known.imagenet_a,
        "objectnet": sorted(indices[0] for indices in known.objectnet.values()),
    }
    return standard_models(), {result_name(name): some.get(name, every) for name in TEST_SETS}


def trained_models(
    folders: Mapping[str, Path], settings: Settings
) -> tuple[list[Model], dict[str, list[int]], dict[str, Guessing]]:
    """Train standard models on ImageNet's train set and measure them on the test sets.

    Parameters
    ----------
    folders : of the datasets, by name; own shifts come last

    Returns
    -------
    models, classes, guessing : the models, and the classes and the chance level of each test set

    Raises
    ------
    InputError
        ImageNet's train or test set is absent.
    """
    for name in ("imagenet_train", TEST_SETS[0]):
        if is_absent(folders[name]):
            raise InputError(
                f"'datasets.{name}': absent, but `baseline.source: trained` needs it; say where "
                "the set is, or take the published standard models: `baseline.source: published`"
            )
    train = load(folders["imagenet_train"])
    present = [name for name in folders if not is_absent(folders[name])]
    present.remove("imagenet_train")
    imagenet, *shifts = (load(folders[name]) for name in present)
    sets = dict(zip(present[1:], shifts, strict=True))
    with error_context("the baseline's standard models", ValueError):
        accuracies = standard_model_accuracies(train, imagenet, sets, settings.seed)
    models: list[Model] = [{"name": name, **row} for name, row in accuracies.items()]
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
