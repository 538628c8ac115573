"""The activations of an encoder: what feeds the head, before L2 normalisation."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import Encoder, forward_passes, initialise, to_array
from interpreting_clip.encoders.encoder_card import EncoderCard
from interpreting_clip.encoders.encoder_entries import AnyBackbone, ComputeType
from interpreting_clip.encoders.saved_activations import write_activations
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tensors import stacked
from interpreting_clip.loading.batches import ImageDataset, image_batches
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.preprocess import Pixels, to_tower
from interpreting_clip.loading.processes import collect, place


def extract_dataset(
    encoder: Encoder, dataset: Path, out: Path | None, machine: Machine, precision: ComputeType
) -> None:
    """Write an encoder's activations on a dataset's folder of shards into the folder `out`.

    Processes other than the first have no folder to write into and only compute their share.
    """
    with open_shards(dataset, decode_fast) as images:
        values = computed_activations(encoder, images, machine, precision)
        if out is not None:
            write_activations(
                out,
                dataset.name,
                values,
                classes=images.classes,
                class_indices=np.array(images.card.class_indices),
                aliases=images.card.aliases,
            )


def computed_activations(
    encoder: Encoder, images: ImageDataset, machine: Machine, precision: ComputeType
) -> Float[np.ndarray, "image feature"]:
    """Return all of `streamed_activations`; only the first process gets usable values."""
    blocks = streamed_activations(encoder, images, machine, precision)
    return stacked((len(images), encoder.card.feature_width), blocks)


def streamed_activations(
    encoder: Encoder, images: ImageDataset, machine: Machine, precision: ComputeType
) -> Iterator[Float[np.ndarray, "image feature"]]:
    """Yield the activations h = f_v(x) of images, a batch at a time.

    The towers end in their own linear layer or pooling, so h (Crabbé et al. 2024) is the tower's
    output: the projected image embedding of a CLIP, the input of the linear head of a classifier.
    A row per image, in their order, as float32 whatever the precision of the forward passes. Each
    image is preprocessed as the encoder's card says.

    Several processes take whole batches in turn, and the first process gets all rows, the same to
    the last bit as in a single process. The others get none, but must iterate all the same, since
    that is when they compute.

    Raises
    ------
    InputError
        An image is broken, or an activation is NaN or infinite; names the image.
    """
    count, width = len(images), encoder.card.feature_width
    starts = range(0, count, machine.batch_size)
    shapes = [(min(machine.batch_size, count - start), width) for start in starts]
    return collect(activation_batches(encoder, images, machine, precision), shapes)


def activation_batches(
    encoder: Encoder, images: ImageDataset, machine: Machine, precision: ComputeType
) -> Iterator[Float[np.ndarray, "image feature"]]:
    """Yield the activations of this process's images, a batch at a time."""
    device, preprocess = machine.device, encoder.card.preprocess
    tower = image_tower(encoder, device)
    (rank, size), indices = place(), np.arange(len(images))
    # Whole batches, since a batch of another shape may use other kernels and change the last bits.
    assigned, begin = indices[indices // machine.batch_size % size == rank], 0
    batches = image_batches(
        images, assigned, preprocess, machine.batch_size, machine.workers, device=device
    )
    for squares in batches:
        with forward_passes(device, precision):
            rows = embed(tower, to_tower(squares, preprocess, device))
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            image = assigned[begin + int(np.argmin(finite))]
            raise InputError(
                f"image {image}: its activation is NaN or infinite; "
                "the encoder's training diverged (lower its learning rate), its weights are "
                "damaged, or its numbers are too large for the `precision` float16"
            )
        begin += len(rows)
        yield rows


def image_tower(encoder: Encoder, device: str) -> torch.nn.Module:
    """Return an encoder's image tower on a device, in evaluation mode."""
    tower = encoder.visual.to(device).eval()
    # The layout of the images, or cuDNN would convert the kernels in every batch. On a CPU another
    # layout may change the last bits.
    if torch.device(device).type == "cuda":
        tower.to(memory_format=torch.channels_last)  # pyright: ignore
    return tower


def embed(
    tower: torch.nn.Module, images: Float[torch.Tensor, "image 3 size size"]
) -> Float[np.ndarray, "image feature"]:
    """Return an image tower's output for a batch: the forward pass itself."""
    # float32 on the disk, whatever the precision of the forward pass.
    return to_array(tower(images).float())


def untrained_activations(
    backbone: AnyBackbone,
    seeds: Iterable[int],
    images: ImageDataset,
    rows: Int[np.ndarray, " image"],
    *,
    machine: Machine,
    precision: ComputeType,
) -> Iterator[tuple[EncoderCard, Float[np.ndarray, "image feature"]]]:
    """Yield the card and the activations of the untrained encoder of each seed.

    It is the encoder of an entry of `weights` with `source: untrained` and this seed. The images
    are preprocessed once and stay in memory, since seeds do not change the preprocessing.

    Parameters
    ----------
    rows : which images
    """
    device, batches = machine.device, list[Pixels]()
    for seed in seeds:
        encoder = initialise(backbone, seed)
        preprocess = encoder.card.preprocess
        batches = batches or list(
            image_batches(
                images, rows, preprocess, machine.batch_size, machine.workers, device=device
            )
        )
        tower = image_tower(encoder, device)
        with forward_passes(device, precision):
            values = [embed(tower, to_tower(batch, preprocess, device)) for batch in batches]
        yield encoder.card, np.concatenate(values)
