"""Activations on disk: one safetensors file per dataset, and a `card.json` per folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from stages.config.test_sets import SHIFTS, TEST_SETS
from stages.files.arrays import StreamedArray, read_tensors, require_finite, write_tensors
from stages.files.json import read_json, write_json
from stages.runtime.errors import InputError


@dataclass(frozen=True)
class Activations:
    """What an encoder makes of one dataset.

    `values` are the vectors that feed the head, before L2 normalisation, float32; `classes` the
    true class of each image; `class_indices` the classes that the dataset holds, sorted. `aliases`
    are further classes, each with the one of `class_indices` that it counts as: ObjectNet merges
    classes.
    """

    values: Float[np.ndarray, "image feature"]
    classes: Int[np.ndarray, " image"]
    class_indices: Int[np.ndarray, " class_"]
    aliases: Mapping[int, int] = field(default_factory=dict)


def write_activations(
    directory: Path,
    dataset: str,
    values: Float[np.ndarray, "image feature"] | StreamedArray,
    *,
    classes: Int[np.ndarray, " image"],
    class_indices: Int[np.ndarray, " class_"],
    aliases: Mapping[int, int] | None = None,
) -> None:
    """Write the activations of one dataset, streamed ones while they are computed.

    The arguments are the fields of `Activations`; `aliases` are stored only where there are some.

    Raises
    ------
    InputError
        An activation is NaN or infinite; names the image's row.
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


def read_test_sets(imagenet: Path, shifts: Path) -> dict[str, Activations]:
    """Map the activations of ImageNet and of every shift that the study has, in their order.

    `imagenet` is an encoder's folder of `extract`, `shifts` that of `extract_shifts`.

    Raises
    ------
    InputError
        As `read_activations` and `read_shifts`: a shift that the card names has to be there.
    """
    first = TEST_SETS[0]
    return {first: read_activations(imagenet, first)} | {
        shift: read_activations(shifts, shift) for shift in read_shifts(shifts)
    }


def write_card(directory: Path, representation: str, feature_width: int) -> None:
    """Write what holds for all activations of an encoder beside those on ImageNet."""
    card = {"representation": representation, "feature_width": feature_width}
    write_json(directory / "card.json", card)


def read_card(directory: Path) -> dict[str, object]:
    """Read what `write_card` wrote."""
    return read_json(directory / "card.json")


def write_shifts(directory: Path, shifts: Sequence[str]) -> None:
    """Write which shifts were measured, so that an absent one is told from a missing one."""
    write_json(directory / "card.json", {"shifts": list(shifts)})


def read_shifts(directory: Path) -> list[str]:
    """Return the shifts that an encoder was measured on, in the order of `SHIFTS`.

    Raises
    ------
    InputError
        The card is missing or names something else.
    """
    card = read_json(directory / "card.json")
    named = card.get("shifts") if isinstance(card, dict) else None
    if not isinstance(named, list) or not {*map(str, named)} <= {*SHIFTS}:
        raise InputError(
            f"{directory / 'card.json'}: 'shifts': expected some of {', '.join(SHIFTS)}, got "
            f"{named!r}; run `dvc repro extract_shifts` again"
        )
    return [shift for shift in SHIFTS if shift in named]
