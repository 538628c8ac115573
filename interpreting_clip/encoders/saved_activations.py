"""Activations on disk: one safetensors file per dataset, and a `card.json` per folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.tensors import read_tensors, write_tensors
from interpreting_clip.statistics.predictions import Activations


def write_activations(
    directory: Path,
    dataset: str,
    values: Float[np.ndarray, "image feature"],
    *,
    classes: Int[np.ndarray, " image"],
    class_indices: Int[np.ndarray, " class_"],
    aliases: Mapping[int, int] | None = None,
) -> None:
    """Write the activations of one dataset.

    The arguments are the fields of `Activations`; `aliases` are stored only if there are any.
    """
    arrays = {
        "activations": values,
        "classes": np.asarray(classes, np.int64),
        "class_indices": np.asarray(class_indices, np.int64),
    }
    if aliases:
        arrays["aliases"] = np.array(sorted(aliases.items()), np.int64)
    write_tensors(directory / f"{dataset}.safetensors", arrays)


def read_activations(directory: Path, dataset: str) -> Activations:
    """Memory-map the activations of one dataset."""
    file = directory / f"{dataset}.safetensors"
    arrays = read_tensors(file, "activations", "classes", "class_indices")
    aliases = dict(arrays["aliases"].tolist()) if "aliases" in arrays else {}
    return Activations(arrays["activations"], arrays["classes"], arrays["class_indices"], aliases)


def read_test_sets(directory: Path) -> dict[str, Activations]:
    """Memory-map the activations of ImageNet and of every shift in the card, in their order."""
    names = (TEST_SETS[0], *read_card(directory)["shifts"])
    return {name: read_activations(directory, name) for name in names}


def write_card(
    directory: Path,
    representation: str,
    feature_width: int,
    shifts: Sequence[str],
    not_given: Sequence[str] = (),
) -> None:
    """Write the facts about an encoder's activations, and which shifts were measured.

    The latter distinguishes an absent shift from a missing file. `not_given` are shifts of the
    study that a folder of activations does not have.
    """
    card = {"representation": representation, "feature_width": feature_width}
    missing = {"not_given": list(not_given)} if not_given else {}
    write_json(directory / "card.json", {**card, "shifts": list(shifts), **missing})


def read_card(directory: Path) -> dict[str, Any]:
    """Read what `write_card` wrote."""
    return {"not_given": [], **read_json(directory / "card.json")}
