"""Stage `baseline`: the line of standard models from ImageNet to each shift."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from interpreting_clip.config.shifts import SHIFTS, TEST_SETS, on_classes, result_name
from interpreting_clip.datasets.card import is_absent
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.published_accuracies import (
    GUESSING,
    Model,
    accuracy_fractions,
    standard_models,
)
from interpreting_clip.measures.guessing import Guessing, above_chance
from interpreting_clip.measures.logit_line import MIN_MODELS, Settings, baseline_lines
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the standard models, their lines and the resampled lines.

    `abscissa` has the models' ImageNet accuracies that each shift's line is fitted over, `classes`
    the classes of the test sets that they were measured on. `chance` has what guessing gives on
    each shift and the lowest accuracy that is above it, in percent, and `at_chance` the models that
    are not above it. These are no part of the shift's line: an accuracy at chance says nothing
    about robustness. The rule is ours. Of the testbed's models, it leaves out the ResNet-50 that
    ImageNet-A was selected against, on ImageNet-A.

    With models trained here, a shift whose dataset is absent has no accuracies and so no line. Nor
    has a shift on which fewer than three models are above chance.
    """
    settings = params.read("baseline", Settings)
    if settings.source == "trained":
        names = ("imagenet_train", *TEST_SETS)
        folders = {name: inputs[f"data/datasets/{name}"] for name in names}
        models, classes, guessing = trained_models(folders, settings)
    else:
        models, classes = published_models()
        guessing = GUESSING
    shifts = [shift for shift in SHIFTS if shift in classes]
    by_class = settings.abscissa == "shift_classes"
    abscissa = {shift: on_classes(shift) if by_class else "imagenet" for shift in shifts}
    measured = {shift: accuracy_fractions(models, shift) for shift in shifts}
    above = {shift: above_chance(measured[shift], guessing[shift]) for shift in shifts}
    with_line = [shift for shift in shifts if np.count_nonzero(above[shift]) >= MIN_MODELS]
    with error_context("the baseline's standard models", ValueError):
        lines, resampled = baseline_lines(
            {shift: accuracy_fractions(models, abscissa[shift]) for shift in with_line},
            # A model that is left out keeps its place, and so all others their resamples.
            {shift: np.where(above[shift], measured[shift], np.nan) for shift in with_line},
            settings.resamples,
            settings.seed,
        )
    result = {
        "source": settings.source,
        "abscissa": abscissa,
        "classes": classes,
        "models": models,
        "chance": {
            shift: {
                "accuracy": 100 * guessing[shift].accuracy,
                "above": 100 * guessing[shift].above,
            }
            for shift in shifts
        },
        "at_chance": {
            shift: [
                model["name"]
                for model, value, is_above in zip(
                    models, measured[shift], above[shift], strict=True
                )
                if not (is_above or np.isnan(value))
            ]
            for shift in shifts
        },
        "lines": {shift: asdict(line) for shift, line in lines.items()},
        "resampled": {shift: asdict(draws) for shift, draws in resampled.items()},
    }
    write_json(outputs["data/baseline"] / "baseline.json", result)


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
    folders : of the datasets, by name

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
    present = [name for name in TEST_SETS if not is_absent(folders[name])]
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
