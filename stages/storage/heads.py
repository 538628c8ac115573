"""A classifier head on disk: `head.safetensors` and `card.json`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stages.storage.errors import InputError
from stages.storage.results import read_json, write_json
from stages.storage.tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class Head:
    """The linear map from an encoder's features to class scores.

    `weight` has one row per class; `bias` may be absent. `normalize_features` says that features
    are brought to unit length first (CLIP's heads). `kind`: `zero_shot`, `trained` or `random`.
    """

    weight: Float[np.ndarray, "class_ feature"]
    bias: Float[np.ndarray, "class_"] | None
    normalize_features: bool
    kind: str


def write_head(directory: Path, head: Head) -> None:
    """Write a head.

    Raises
    ------
    InputError
        The weight or the bias holds NaN or an infinity.
    """
    arrays = {"weight": np.asarray(head.weight, np.float32)}
    if head.bias is not None:
        arrays["bias"] = np.asarray(head.bias, np.float32)
    write_tensors(directory / "head.safetensors", arrays)
    card = {"kind": head.kind, "normalize_features": head.normalize_features}
    write_json(directory / "card.json", card)


def read_head(directory: Path) -> Head:
    """Read a head.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    card = read_json(directory / "card.json")
    arrays = read_tensors(directory / "head.safetensors", "weight")
    return Head(arrays["weight"], arrays.get("bias"), card["normalize_features"], card["kind"])


def require_width(head: Head, features: int, heads: Path, activations: Path) -> None:
    """Refuse a head of another feature width than the activations have.

    Raises
    ------
    InputError
        Names both directories and both widths.
    """
    width = head.weight.shape[1]
    if width != features:
        raise InputError(
            f"{heads}: the head expects {width} features, but {activations} holds {features}: "
            "they come from different encoders; delete both and run `dvc repro`"
        )
