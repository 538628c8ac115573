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


def activation_batches(
    encoder: Encoder,
    images: ImageDataset,
    batch_size: int,
    device: torch.device | str = "cpu",
    workers: int = 0,
    *,
    precision: ComputeType = "float32",
) -> Iterator[Float[np.ndarray, "image feature"]]:
    """Yield the activations h = f_v(x) of images, a batch at a time (Crabbé et al. 2024).

    The towers end in their own linear layer or pooling, so h is the tower's output: the projected
    image embedding of a CLIP, the input of the linear head of a classifier. float32, whatever they
    are computed in, in the order of the images, each preprocessed as its encoder's card says.

    Raises
    ------
    InputError
        An image is broken, or an activation is NaN or infinite: names the image.
    """
    tower, preprocess = encoder.visual.to(device).eval(), encoder.card.preprocess
    begin = 0
    every = np.arange(len(images))
    for squares in image_batches(images, every, preprocess, batch_size, workers):
        with forward_passes(device, precision):
            rows = embed(tower, to_tower(squares, preprocess, device))
        require_finite_rows(rows, begin)
        begin += len(rows)
        yield rows


def embed(
    tower: torch.nn.Module, images: Float[torch.Tensor, "image 3 size size"]
) -> Float[np.ndarray, "image feature"]:
    """Return what an image tower makes of a batch: the forward pass itself."""
    return to_array(tower(images).float())


def extract_dataset(
    encoder: Encoder, dataset: Path, out: Path, machine: Machine, precision: ComputeType
) -> None:
    """Write an encoder's activations on a dataset's folder of shards into the folder `out`.

    Raises
    ------
    InputError
        As `activation_batches`, or the shards are damaged.
    """
    with open_shards(dataset) as images:
        write_activations(
            out,
            dataset.name,
            streamed_activations(
                encoder,
                images,
                machine.batch_size,
                machine.device,
                machine.workers,
                precision=precision,
            ),
            classes=images.classes,
            class_indices=np.array(images.card.class_indices),
            aliases=images.card.aliases,
        )


def streamed_activations(
    encoder: Encoder,
    images: ImageDataset,
    batch_size: int,
    device: torch.device | str = "cpu",
    workers: int = 0,
    *,
    precision: ComputeType = "float32",
) -> StreamedArray:
    """Return the activations of all images as an array that is written while it is computed."""
    batches = activation_batches(encoder, images, batch_size, device, workers, precision=precision)
    shape = len(images), encoder.card.feature_width
    return StreamedArray(shape, np.dtype(np.float32), batches)


def activations(
    encoder: Encoder,
    images: ImageDataset,
    batch_size: int,
    device: torch.device | str = "cpu",
    workers: int = 0,
    *,
    precision: ComputeType = "float32",
) -> Float[np.ndarray, "image feature"]:
    """Return the activations of all images, see `activation_batches`.

    Raises
    ------
    InputError
        As `activation_batches`.
    """
    none = np.empty((0, encoder.card.feature_width), np.float32)
    batches = activation_batches(encoder, images, batch_size, device, workers, precision=precision)
    return np.concatenate([none, *batches])


def require_finite_rows(rows: Float[np.ndarray, "image feature"], first: int) -> None:
    """Refuse activations that are not finite.

    Raises
    ------
    InputError
        Names the first such image by its index; `first` is the index of the first row.
    """
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InputError(
            f"image {first + int(np.argmin(finite))}: its activation is NaN or infinite; "
            "the encoder's training diverged (lower its learning rate), its weights are damaged, "
            "or its numbers are too large for the `precision` float16"
        )
