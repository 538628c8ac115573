"""The activations of an encoder: what feeds the head, before L2 normalisation."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from stages.config.encoders import ComputeType
from stages.config.machine import Machine
from stages.datasets.shards import open_shards
from stages.encoders.encoder import Encoder, forward_passes, to_array
from stages.encoders.loading import ImageDataset, image_batches
from stages.encoders.preprocess import to_tower
from stages.files.activations import write_activations
from stages.files.arrays import StreamedArray
from stages.runtime.errors import InputError


def extract_dataset(
    encoder: Encoder, dataset: Path, out: Path, machine: Machine, precision: ComputeType
) -> None:
    """Write an encoder's activations on a dataset's folder of shards into the folder `out`.

    Raises
    ------
    InputError
        As `streamed_activations`, or the shards are damaged.
    """
    with open_shards(dataset) as images:
        write_activations(
            out,
            dataset.name,
            streamed_activations(encoder, images, machine, precision),
            classes=images.classes,
            class_indices=np.array(images.card.class_indices),
            aliases=images.card.aliases,
        )


def streamed_activations(
    encoder: Encoder, images: ImageDataset, machine: Machine, precision: ComputeType
) -> StreamedArray:
    """Return the activations h = f_v(x) of images, computed while they are written.

    The towers end in their own linear layer or pooling, so h (Crabbé et al. 2024) is the tower's
    output: the projected image embedding of a CLIP, the input of the linear head of a classifier.
    A row per image, in their order, as float32 whatever the precision of the forward passes. Each
    image is preprocessed as the encoder's card says.

    Raises
    ------
    InputError
        While it is written: an image is broken, or an activation is NaN or infinite; names the
        image.
    """
    shape = len(images), encoder.card.feature_width
    batches = activation_batches(encoder, images, machine, precision)
    return StreamedArray(shape, np.dtype(np.float32), batches)


def activation_batches(
    encoder: Encoder, images: ImageDataset, machine: Machine, precision: ComputeType
) -> Iterator[Float[np.ndarray, "image feature"]]:
    """Yield the activations of images, a batch at a time."""
    device, preprocess = machine.device, encoder.card.preprocess
    tower = encoder.visual.to(device).eval()
    begin, every = 0, np.arange(len(images))
    for squares in image_batches(images, every, preprocess, machine.batch_size, machine.workers):
        with forward_passes(device, precision):
            rows = embed(tower, to_tower(squares, preprocess, device))
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise InputError(
                f"image {begin + int(np.argmin(finite))}: its activation is NaN or infinite; the "
                "encoder's training diverged (lower its learning rate), its weights are damaged, "
                "or its numbers are too large for the `precision` float16"
            )
        begin += len(rows)
        yield rows


def embed(
    tower: torch.nn.Module, images: Float[torch.Tensor, "image 3 size size"]
) -> Float[np.ndarray, "image feature"]:
    """Return what an image tower makes of a batch: the forward pass itself."""
    return to_array(tower(images).float())
