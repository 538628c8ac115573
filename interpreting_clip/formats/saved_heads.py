"""A classifier head on disk: `head.safetensors` and `card.json`."""

from pathlib import Path

import msgspec
import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.json import read_struct, write_json
from interpreting_clip.measures.head import Head


def write_head(directory: Path, head: Head, kind: str) -> None:
    """Write a head; `kind` is `zero_shot`, `trained` or `random`."""
    arrays = {"weight": np.asarray(head.weight, np.float32)}
    if head.bias is not None:
        arrays["bias"] = np.asarray(head.bias, np.float32)
    write_tensors(directory / "head.safetensors", arrays)
    write_json(
        directory / "card.json", {"kind": kind, "normalize_features": head.normalize_features}
    )


class HeadCard(msgspec.Struct, frozen=True, kw_only=True):
    """`card.json`, as `write_head` writes it."""

    kind: str
    normalize_features: bool


def read_head(directory: Path, features: int) -> Head:
    """Read a head for activations with the given number of features.

    Raises
    ------
    InputError
        A file is missing or damaged, or the head takes another number of features.
    """
    card = read_struct(directory / "card.json", HeadCard)
    arrays = read_tensors(directory / "head.safetensors", "weight")
    width = arrays["weight"].shape[1]
    if width != features:
        raise InputError(
            f"{directory}: the encoder's activations have {features} features, its head {width}: "
            "they are not of one encoder; delete both and run `dvc repro`"
        )
    return Head(arrays["weight"], arrays.get("bias"), card.normalize_features)
