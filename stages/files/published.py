"""The published accuracies in `data/reference/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from stages.config.test_sets import SHIFTS
from stages.files.tables import read_table
from stages.runtime.errors import InputError

TESTBED = Path("data/reference/imagenet_testbed_accuracies.csv")
ZOO = Path("data/reference/clip_zoo_accuracies.csv")

Model = Mapping[str, Any]
"""A model: `name`, and top-1 accuracy in percent on `imagenet` and each shift, None if unknown."""


def standard_models(file: Path = TESTBED) -> list[Model]:
    """Return the testbed's standard models: trained on ImageNet's train set without interventions.

    Raises
    ------
    InputError
        The table is missing, lacks a column or holds a word where a number belongs.
    """
    rows = read_table(file, ["model", "training", "imagenet", *SHIFTS])
    return [
        {"name": row["model"], **accuracies(row, file)}
        for row in rows
        if row["training"] == "standard"
    ]


def zoo_models(file: Path = ZOO) -> list[Model]:
    """Return OpenCLIP's models, named `model/weights`.

    Raises
    ------
    InputError
        The table is missing, lacks a column or holds a word where a number belongs.
    """
    rows = read_table(file, ["model", "weights", "imagenet", *SHIFTS])
    return [{"name": f"{r['model']}/{r['weights']}", **accuracies(r, file)} for r in rows]


def accuracies(row: Mapping[str, str], file: Path) -> dict[str, float | None]:
    """Return a row's accuracies; an empty cell was never published."""
    try:
        return {name: float(row[name]) if row[name] else None for name in ("imagenet", *SHIFTS)}
    except ValueError as error:
        raise InputError(f"{file}: model {row['model']}: {error}; expected a percentage") from None


def accuracy_fractions(models: Sequence[Model], name: str) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on one test set as fractions, NaN where unknown."""
    return np.array([np.nan if m[name] is None else m[name] / 100 for m in models], np.float64)
