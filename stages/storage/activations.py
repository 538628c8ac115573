"""Activations on disk: one safetensors file per dataset and a `card.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from stages.settings.shifts import TEST_SETS
from stages.storage.errors import InputError
from stages.storage.results import read_json, write_json
from stages.storage.tensors import Coming, read_tensors, require_finite, whole, write_tensors


@dataclass(frozen=True)
class Activations:
    """What an encoder makes of one dataset.

    `values` are the vectors that feed the head, before L2 normalisation; `classes` the true class
    of each image; `class_indices` the classes that the dataset holds, sorted. `aliases` are further
    classes, each with the one of `class_indices` that it counts as: ObjectNet merges classes.
    """

    values: Float[np.ndarray, "image feature"]
    classes: Int[np.ndarray, "image"]
    class_indices: Int[np.ndarray, "class_"]
    aliases: Mapping[int, int] = field(default_factory=dict)


def write_activations(directory: Path, dataset: str, activations: Activations) -> None:
    """Write the activations of one dataset; `aliases` only where it has any.

    Raises
    ------
    InputError
        An activation is NaN or infinite; names the image's row.
    """
    values = whole(np.asarray(activations.values, np.float32))
    write_batches(
        directory,
        dataset,
        values,
        classes=activations.classes,
        class_indices=activations.class_indices,
        aliases=activations.aliases,
    )


def write_batches(
    directory: Path,
    dataset: str,
    values: Coming,
    *,
    classes: Int[np.ndarray, "image"],
    class_indices: Int[np.ndarray, "class_"],
    aliases: Mapping[int, int],
) -> None:
    """Write the activations of one dataset while they are computed; see `Activations`.

    Raises
    ------
    InputError
        As `write_activations`.
    """
    arrays: dict[str, np.ndarray | Coming] = {
        "activations": values,
        "classes": np.asarray(classes, np.int64),
        "class_indices": np.asarray(class_indices, np.int64),
    }
    if aliases:
        arrays["aliases"] = np.array(sorted(aliases.items()), np.int64)
    write_tensors(directory / f"{dataset}.safetensors", arrays)


def read_activations(directory: Path, dataset: str) -> Activations:
    """Map the activations of one dataset into memory.

    Raises
    ------
    InputError
        The file is missing or damaged, counts disagree, or an activation is not finite.
    """
    file = directory / f"{dataset}.safetensors"
    arrays = read_tensors(file, "activations", "classes", "class_indices")
    values, classes = arrays["activations"], arrays["classes"]
    if len(values) != len(classes):
        raise InputError(f"{file}: {len(values)} activations for {len(classes)} classes")
    require_finite(values, f"{file}: 'activations'")
    aliases = dict(arrays["aliases"].tolist()) if "aliases" in arrays else {}
    return Activations(values, classes, arrays["class_indices"], aliases)


def read_test_sets(directory: Path) -> dict[str, Activations]:
    """Map the activations of every test set that the study has, in the order of `TEST_SETS`.

    Raises
    ------
    InputError
        As `read_activations` and `read_datasets`: a set that the card names has to be there.
    """
    return {dataset: read_activations(directory, dataset) for dataset in read_datasets(directory)}


def write_card(
    directory: Path, card: Mapping[str, object], datasets: Sequence[str] = TEST_SETS
) -> None:
    """Write what holds for all of an encoder's activations: `representation`, `feature_width`.

    `datasets` are those that were measured; a card without them stands for all test sets, so that
    a set that the study does without is told from one that is missing.
    """
    which = {} if tuple(datasets) == TEST_SETS else {"datasets": list(datasets)}
    write_json(directory / "card.json", {**card, **which})


def read_card(directory: Path) -> dict[str, object]:
    """Read what `write_card` wrote."""
    return read_json(directory / "card.json")


def read_datasets(directory: Path) -> list[str]:
    """Return the test sets that an encoder was measured on, in the order of `TEST_SETS`.

    Raises
    ------
    InputError
        The card is missing, names an unknown set, or lacks ImageNet's: nothing goes without it.
    """
    named = read_card(directory).get("datasets", list(TEST_SETS))
    if not isinstance(named, list) or not {TEST_SETS[0]} <= {*named} <= {*TEST_SETS}:
        raise InputError(
            f"{directory / 'card.json'}: 'datasets': expected {TEST_SETS[0]} and some of "
            f"{', '.join(TEST_SETS[1:])}, got {named!r}; run `dvc repro extract` again"
        )
    return [dataset for dataset in TEST_SETS if dataset in named]
