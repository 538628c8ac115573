"""The published accuracies of standard models: the testbed's table, which is in the package."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures.guessing import Guessing, above_chance
from interpreting_clip.measures.logit_line import (
    MIN_MODELS,
    LogitLine,
    ResampledLines,
    baseline_lines,
)
from interpreting_clip.quantities import Confidence, Described, Resamples, Seed, StrictStruct

TESTBED = Path("interpreting_clip/reference/imagenet_testbed_accuracies.csv")
"""In the package: without the testbed's standard models there is no effective robustness."""

INSTALLED = Path(__file__).parents[1] / "reference" / TESTBED.name
"""The same file, wherever the package is installed."""

TIMM_SHIFTS = tuple(shift for shift in TESTBED_SHIFTS if shift != "objectnet")
"""The shifts on which timm's models were measured, as well as the testbed's and OpenCLIP's."""

FEWER_CLASSES = ("imagenet_r", "imagenet_a", "objectnet")
"""The shifts whose images show only some of ImageNet's classes."""

GUESSING = {
    "imagenet_v2": Guessing(10_000, 1000),
    "imagenet_r": Guessing(30_000, 200),
    "imagenet_sketch": Guessing(50_889, 1000),
    "objectnet": Guessing(18_574, 113),
    "imagenet_a": Guessing(7_500, 200),
}
"""The images and the classes of each shift, as published."""

Model = dict[str, Any]
"""A model: `name`, and top-1 accuracy in percent on `imagenet` and each shift, None if unknown.

ImageNet accuracy is over all 1,000 classes for every shift, since OpenCLIP publishes no other. The
testbed's standard models also have that on the images of each shift's classes (`on_classes`).
"""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The intervals of published models' effective robustness."""

    resamples: Annotated[
        Resamples, Described("lines drawn for the intervals, as in `baseline`", "lines")
    ] = 1000
    seed: Annotated[Seed, Described("of the resamples")] = 0
    confidence: Annotated[Confidence, Described("of the interval", "probability")] = 0.95


def standard_models(file: Path = INSTALLED) -> list[Model]:
    """Return the testbed's standard models: trained on ImageNet's train set, no interventions."""
    parts = [on_classes(shift) for shift in FEWER_CLASSES]
    rows = read_table(file, ["model", "training", "family", "imagenet", *TESTBED_SHIFTS, *parts])
    every = [on_classes(shift) for shift in TESTBED_SHIFTS if shift not in FEWER_CLASSES]
    models = []
    for row in rows:
        if row["training"] == "standard":
            known = accuracies(file, row["model"], row, ("imagenet", *TESTBED_SHIFTS, *parts))
            models.append(
                {
                    "name": row["model"],
                    "family": row["family"],
                    **known,
                    **dict.fromkeys(every, known["imagenet"]),
                }
            )
    return models


def accuracies(
    file: Path, model: str, row: Mapping[str, Any], columns: Sequence[str]
) -> dict[str, float | None]:
    """Return a row's accuracies by column, None for an empty cell, which was never published.

    Raises
    ------
    InputError
        A cell is not a percentage.
    """
    cells = {column: row.get(column, "") for column in columns}
    return {
        column: None if cell == "" else read_percentage(file, model, column, cell)
        for column, cell in cells.items()
    }


def read_percentage(file: Path, model: str, column: str, cell: object) -> float:
    """Return the percentage in a cell of a table of models.

    Raises
    ------
    InputError
        It is not a percentage.
    """
    try:
        value = float(str(cell))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise InputError(
            f"{file}: {model}: `{column}`: expected a percentage from 0 to 100, got {cell!r}"
        )
    return value


def accuracy_fractions(models: Sequence[Model], name: str) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on one test set as fractions, NaN where unknown."""
    return np.array([np.nan if m[name] is None else m[name] / 100 for m in models], np.float64)


def fractions_above_chance(
    models: Sequence[Model], shift: str, guessing: Guessing | None = None
) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on a shift, NaN where unknown or not above chance."""
    known = accuracy_fractions(models, shift)
    return np.where(above_chance(known, guessing or GUESSING[shift]), known, np.nan)


def family_numbers(models: Sequence[Model]) -> Int[np.ndarray, " model"]:
    """Return the family of each model, numbered in the order of their first models."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(m["family"] for m in models))}
    return np.array([numbers[model["family"]] for model in models])


def lines_above_chance(
    models: Sequence[Model],
    guessing: Mapping[str, Guessing],
    starts: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> tuple[dict[str, LogitLine], dict[str, ResampledLines]]:
    """Fit each shift's line to the models that are above chance on it, and resample it.

    An accuracy at chance says nothing about robustness. The rule is ours. Of the testbed's models,
    it leaves out the ResNet-50 that ImageNet-A was selected against, on ImageNet-A. A shift on
    which fewer than `MIN_MODELS` are above chance has no line.

    Parameters
    ----------
    models : those that were measured on all of the shifts
    guessing : the chance level of each shift
    starts : the name of the ImageNet accuracy that a shift's line starts from
    resamples, seed : as in `resample_lines`

    Raises
    ------
    ValueError
        The models do not allow a line.
    """
    above = {s: fractions_above_chance(models, s, chance) for s, chance in guessing.items()}
    with_line = [s for s, y in above.items() if np.count_nonzero(~np.isnan(y)) >= MIN_MODELS]
    return baseline_lines(
        {shift: accuracy_fractions(models, starts[shift]) for shift in with_line},
        # A model that is left out keeps its place, and so all others their resamples.
        {shift: above[shift] for shift in with_line},
        resamples,
        seed,
        # Classifiers that were trained here are of no families.
        family_numbers(models) if all("family" in model for model in models) else None,
    )


def published_lines(
    starts: Mapping[str, str], *, resamples: int = 1000, seed: int = 0
) -> tuple[dict[str, LogitLine], dict[str, ResampledLines]]:
    """Return the testbed's line of each shift in `starts`, and its resamples.

    Parameters
    ----------
    starts : the name of the ImageNet accuracy that a shift's line starts from, `imagenet` or that
        on the shift's classes (`on_classes`)
    resamples, seed : as in `resample_lines`
    """
    guessing = {shift: GUESSING[shift] for shift in starts}
    return lines_above_chance(standard_models(), guessing, starts, resamples=resamples, seed=seed)
