"""The published accuracies: the testbed's, in the package, and those in `data/reference/`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures.guessing import Guessing, above_chance
from interpreting_clip.quantities import Confidence, Described, Resamples, Seed, StrictStruct

TESTBED = Path("interpreting_clip/reference/imagenet_testbed_accuracies.csv")
"""In the package: without the testbed's standard models there is no effective robustness."""

ZOO = Path("data/reference/clip_zoo_accuracies.csv")
TIMM = Path("data/reference/timm_accuracies.csv")
COUNTERPARTS = Path("data/reference/counterparts.csv")

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

Model = Mapping[str, Any]
"""A model: `name`, and top-1 accuracy in percent on `imagenet` and each shift, None if unknown.

ImageNet accuracy is over all 1,000 classes for every shift, since OpenCLIP publishes no other. The
testbed's standard models also have that on the images of each shift's classes (`on_classes`).
"""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The intervals of published models' effective robustness."""

    resamples: Annotated[
        Resamples, Described("lines drawn for the intervals, as in `baseline`", "lines")
    ]
    seed: Annotated[Seed, Described("of the resamples")]
    confidence: Annotated[Confidence, Described("of the interval", "probability")]


def standard_models(file: Path = TESTBED) -> list[Model]:
    """Return the testbed's standard models: trained on ImageNet's train set, no interventions."""
    parts = [on_classes(shift) for shift in FEWER_CLASSES]
    rows = read_table(file, ["model", "training", "imagenet", *TESTBED_SHIFTS, *parts])
    every = [on_classes(shift) for shift in TESTBED_SHIFTS if shift not in FEWER_CLASSES]
    models = []
    for row in rows:
        if row["training"] == "standard":
            known = accuracies(row, file, (*TESTBED_SHIFTS, *parts))
            models.append(
                {"name": row["model"], **known, **dict.fromkeys(every, known["imagenet"])}
            )
    return models


def zoo_models(file: Path = ZOO) -> list[Model]:
    """Return OpenCLIP's models, named `model/weights`."""
    rows = read_table(file, ["model", "weights", "imagenet", *TESTBED_SHIFTS])
    return [{"name": f"{r['model']}/{r['weights']}", **accuracies(r, file)} for r in rows]


def timm_models(file: Path = TIMM) -> list[Model]:
    """Return timm's models with `image_size` and `training`; a model may have several sizes."""
    rows = read_table(file, ["model", "image_size", "training", "imagenet", *TIMM_SHIFTS])
    return [
        {"name": row["model"], "image_size": row["image_size"], "training": row["training"]}
        | accuracies(row, file, TIMM_SHIFTS)
        for row in rows
    ]


def timm_standard_models(models: Iterable[Model]) -> list[Model]:
    """Return timm's models that were trained on ImageNet-1k alone, each once.

    For a model that was measured at several image sizes, this is the smallest, at which it was
    trained.
    """
    smallest: dict[str, Model] = {}
    for model in models:
        if model["training"] == "standard":
            kept = smallest.setdefault(model["name"], model)
            if int(model["image_size"]) < int(kept["image_size"]):
                smallest[model["name"]] = model
    return list(smallest.values())


def counterparts(
    zoo: Sequence[Model], timm: Sequence[Model], file: Path = COUNTERPARTS
) -> list[Model]:
    """Return zero-shot, finetuned and supervised models of one backbone, with their accuracies.

    Each has its `backbone`, the `data` that it learnt from, its `training`, and a `note` if it
    differs from the backbone's other models.

    Raises
    ------
    InputError
        The table is missing, lacks a column or names a model that the others lack.
    """
    known = {(model["name"], ""): model for model in zoo}
    known |= {(model["name"], model["image_size"]): model for model in timm}
    found = []
    for row in read_table(file, ["backbone", "data", "training", "model", "image_size", "note"]):
        size = "" if row["training"] == "zero_shot" else row["image_size"]
        if (model := known.get((row["model"], size))) is None:
            raise InputError(
                f"{file}: {row['model']} at {row['image_size']} pixels: expected a model of "
                f"{TIMM if size else ZOO}"
            )
        found.append({**model, **row})
    return found


def distinct_models(models: Sequence[Model]) -> tuple[list[Model], dict[str, list[str]]]:
    """Join models that have equal accuracies on all test sets: the same weights under two names.

    Returns
    -------
    models, joined : the first model of each, and the names of the others by its name
    """
    first: dict[tuple[float | None, ...], Model] = {}
    joined: dict[str, list[str]] = {}
    for model in models:
        kept = first.setdefault(tuple(model[name] for name in ("imagenet", *TESTBED_SHIFTS)), model)
        if kept is not model:
            joined.setdefault(kept["name"], []).append(model["name"])
    return list(first.values()), joined


def accuracies(
    row: Mapping[str, str], file: Path, shifts: Sequence[str] = TESTBED_SHIFTS
) -> dict[str, float | None]:
    """Return a row's accuracies; an empty cell was never published."""
    try:
        return {name: float(row[name]) if row[name] else None for name in ("imagenet", *shifts)}
    except ValueError as error:
        raise InputError(f"{file}: model {row['model']}: {error}; expected a percentage") from None


def accuracy_fractions(models: Sequence[Model], name: str) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on one test set as fractions, NaN where unknown."""
    return np.array([np.nan if m[name] is None else m[name] / 100 for m in models], np.float64)


def fractions_above_chance(models: Sequence[Model], shift: str) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on a shift, NaN where unknown or not above chance."""
    known = accuracy_fractions(models, shift)
    return np.where(above_chance(known, GUESSING[shift]), known, np.nan)
