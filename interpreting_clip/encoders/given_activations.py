"""An encoder given only by activations that were computed elsewhere, and perhaps a head.

Stage `weights` stores them where an encoder's weights would be. The stages that would pass images
through the encoder take its activations from there.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Float

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.listed_images import broden_images, listed_images, shard_images
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder_card import GIVEN_CARD, GIVEN_HEAD, read_given_card
from interpreting_clip.encoders.saved_activations import write_activations, write_card
from interpreting_clip.errors import AbsentError, InputError
from interpreting_clip.formats.array_files import read_npy
from interpreting_clip.formats.image_lists import ListedImage, order_digest
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import write_tensors


def given_activations(
    weights: Path, dataset: str, images: Iterable[ListedImage]
) -> Float[np.ndarray, "image feature"] | None:
    """Memory-map an encoder's given activations on a dataset; None if there are none.

    `images` are the dataset's, in its order; they are read only if there are activations.

    Raises
    ------
    InputError
        The activations are of other images, or of these in another order.
    """
    card = read_given_card(weights)
    if dataset not in card.orders:
        return None
    values = read_npy(weights / f"{dataset}.npy").stored
    digests = [image.sha256 for image in images]
    if card.orders[dataset] != order_digest(digests) or len(values) != len(digests):
        raise InputError(
            f"{card.origin.location}: activations of {len(values):,} images that are not the "
            f"{len(digests):,} of {dataset}, or are in another order; `python -m tools image-list "
            f"{dataset}` lists its images: compute the activations in this order, and write the "
            "folder again"
        )
    return values


def write_given_test_sets(weights: Path, datasets: Mapping[str, Path], out: Path) -> None:
    """Write the given activations on ImageNet's test images and on the testbed's shifts.

    The card lists the shifts without activations. `datasets` are ImageNet's test
    images, then the shifts, by name.

    Raises
    ------
    InputError
        They are not of the images of a dataset.
    """
    card = read_given_card(weights)
    written = {name: write_given_dataset(weights, folder, out) for name, folder in datasets.items()}
    shifts = [name for name in written if written[name]][1:]
    missing = [name for name in written if not written[name]]
    write_card(out, card.representation, card.feature_width, shifts, missing)


def write_given_shift(weights: Path, dataset: Path, out: Path) -> None:
    """Write the given activations on a shift of the study's own.

    Raises
    ------
    InputError
        There are none, or they are not of the images of the shift.
    """
    if not write_given_dataset(weights, dataset, out):
        raise InputError(
            f"{read_given_card(weights).origin.location}: expected activations of {dataset.name}, "
            "got none; write them into the folder, or take the encoder's entry with this shift out "
            "of `shift_encoders`"
        )


def write_given_dataset(weights: Path, dataset: Path, out: Path) -> bool:
    """Write the given activations on a dataset's folder of shards; return False without any.

    Raises
    ------
    InputError
        They are not of the images of the dataset.
    """
    with open_shards(dataset) as images:
        values = given_activations(weights, dataset.name, shard_images(images))
        if values is not None:
            write_activations(
                out,
                dataset.name,
                values,
                classes=images.classes,
                class_indices=np.array(images.card.class_indices),
                aliases=images.card.aliases,
            )
    return values is not None


def write_given_broden(weights: Path, dataset: Path, out: Path) -> None:
    """Write the given activations on the probe images; `AbsentError` if there are none."""
    with open_broden(dataset) as broden:
        values = given_activations(weights, dataset.name, broden_images(broden))
    if values is None:
        raise AbsentError(dataset.name)
    write_tensors(out / "activations.safetensors", {"activations": values})


def train_activations(weights: Path, dataset: Path) -> Float[np.ndarray, "image feature"]:
    """Memory-map the given activations on the images that a linear probe learns from.

    Raises
    ------
    InputError
        There are none, or they are not of the images of the dataset.
    """
    values = given_activations(weights, dataset.name, listed_images(dataset))
    if values is None:
        raise InputError(
            f"{read_given_card(weights).origin.location}: there are no activations of "
            f"{dataset.name}, which a probe learns from; write them into the folder"
        )
    return values


def write_probed(
    weights: Path,
    out: Path,
    weight: Float[np.ndarray, "class_ feature"],
    bias: Float[np.ndarray, " class_"],
    classes: list[str],
) -> None:
    """Write given activations once more, with a probe's head, which reads features as they are."""
    card = read_given_card(weights)
    for name in card.orders:
        shutil.copyfile(weights / f"{name}.npy", out / f"{name}.npy")
    head = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    write_tensors(out / GIVEN_HEAD, head)
    probed = msgspec.structs.replace(card, classes=classes, normalize_features=False)
    write_json(out / GIVEN_CARD, msgspec.to_builtins(probed))
