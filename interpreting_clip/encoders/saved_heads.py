"""A classifier head on disk: `head.safetensors` and `card.json`."""

from pathlib import Path

import numpy as np

from interpreting_clip.arrays.head import Head
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.tensors import read_tensors, write_tensors


def write_head(directory: Path, head: Head, kind: str) -> None:
    """Write a head; `kind` is `zero_shot`, `trained` or `random`."""
    arrays = {"weight": np.asarray(head.weight, np.float32)}
    if head.bias is not None:
        arrays["bias"] = np.asarray(head.bias, np.float32)
    write_tensors(directory / "head.safetensors", arrays)
    write_json(
        directory / "card.json", {"kind": kind, "normalize_features": head.normalize_features}
    )


def read_head(directory: Path, features: int) -> Head:
    """Read a head for activations with the given number of features."""
    normalize_features = read_json(directory / "card.json")["normalize_features"]
    arrays = read_tensors(directory / "head.safetensors", "weight")
    width = arrays["weight"].shape[1]
    if width != features:
        raise InputError(
            f"{directory}: the encoder's activations have {features} features, its head {width}: "
            "they are not of one encoder; delete both and run `dvc repro`"
        )
    return Head(arrays["weight"], arrays.get("bias"), normalize_features)
