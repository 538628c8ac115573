"""Checks a folder of activations, and stores its arrays in place of an encoder's weights."""

from pathlib import Path

import msgspec
import numpy as np

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_card import Origin
from interpreting_clip.encoders.given_card import CARD, HEAD, GivenCard
from interpreting_clip.encoders.weight_sources import ActivationsFolder
from interpreting_clip.errors import InputError
from interpreting_clip.formats.activations_folder import (
    MANIFEST,
    GivenFile,
    GivenHead,
    given_file,
    read_manifest,
)
from interpreting_clip.formats.array_files import StoredArray, open_floats
from interpreting_clip.formats.arrays import StreamedArray, write_tensors
from interpreting_clip.formats.json import write_json


def import_folder(entry: ActivationsFolder, machine: Machine, out: Path) -> None:
    """Check a folder of activations, and write its arrays as float32 with a card into `out`.

    Raises
    ------
    InputError
        The manifest is missing or not legal; or a file is missing, leads out of the folder, was
        changed, has another shape than the manifest says, or holds NaN or infinity.
    """
    folder = Path(machine.folders) / entry.folder
    manifest = read_manifest(folder, entry.sha256)
    for name, given in manifest.datasets.items():
        shape = (given.images, manifest.features)
        values = given_array(folder, given, "activations", shape)
        write_tensors(out / f"{name}.safetensors", {"activations": streamed(values)})
    if manifest.head is not None:
        write_tensors(out / HEAD, head_arrays(folder, manifest.head, manifest.features))
    card = GivenCard(
        representation=entry.representation,
        normalize_features=entry.normalize_features,
        feature_width=manifest.features,
        orders={name: given.order for name, given in manifest.datasets.items()},
        classes=None if manifest.head is None else manifest.head.classes,
        # As the study names the folder, so that the card is the same on every machine.
        origin=Origin(source="activations", location=entry.folder, sha256=entry.sha256),
    )
    write_json(out / CARD, msgspec.to_builtins(card))


def head_arrays(folder: Path, head: GivenHead, features: int) -> dict[str, StreamedArray]:
    """Return the arrays of a folder's head, `weight` and where there is one `bias`."""
    rows = len(head.classes)
    arrays = {"weight": streamed(given_array(folder, head.weight, "weight", (rows, features)))}
    if head.bias is not None:
        arrays["bias"] = streamed(given_array(folder, head.bias, "bias", (rows,)))
    return arrays


def given_array(folder: Path, given: GivenFile, name: str, shape: tuple[int, ...]) -> StoredArray:
    """Map an array of a folder, whose shape the manifest says."""
    array = open_floats(given_file(folder, given), name)
    if array.shape != shape:
        raise InputError(
            f"{array.file}: expected the shape {shape} of {MANIFEST}, got {array.shape}; write the "
            "folder again"
        )
    return array


def streamed(array: StoredArray) -> StreamedArray:
    """Return an array as one that is converted while it is written."""
    return StreamedArray(array.shape, np.dtype(np.float32), array.blocks())
