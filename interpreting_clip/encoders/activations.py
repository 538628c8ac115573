"""The activations of an encoder: what feeds the head, before L2 normalisation."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from msgspec.structs import replace

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import Encoder, forward_passes, initialise, to_array
from interpreting_clip.encoders.encoder_card import EncoderCard
from interpreting_clip.encoders.encoder_entries import AnyBackbone, ComputeType
from interpreting_clip.encoders.saved_activations import write_activations
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tensors import stacked
from interpreting_clip.loading.batches import ImageDataset, image_batches, several_batches
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
    (rank, size), indices = place(), np.arange(len(images))
    # Whole batches, since a batch of another shape may use other kernels and change the last bits.
    assigned = indices[indices // machine.batch_size % size == rank]
    for (rows,) in several_activations([encoder], images, assigned, machine, precision):
        if isinstance(rows, Exception):
            raise rows
        yield rows


def several_activations(
    encoders: Sequence[Encoder],
    images: ImageDataset,
    assigned: Int[np.ndarray, " image"],
    machine: Machine,
    precision: ComputeType,
) -> Iterator[list[Float[np.ndarray, "image feature"] | Exception]]:
    """Yield the activations of several encoders, a batch at a time; each image is decoded once.

    The rows of each are those of `streamed_activations`, to the last bit. In place of rows, an
    encoder whose activations are not finite, or which does not fit into the GPU's memory, has its
    error from there on, while the others go on. The towers stay in the device's memory together.

    Parameters
    ----------
    assigned : which images

    Raises
    ------
    InputError
        An image is broken; names the image.
    """
    device = machine.device
    preprocesses = [encoder.card.preprocess for encoder in encoders]
    towers = [image_tower(encoder, device) for encoder in encoders]
    # Mean and std are applied later, so towers may share their squares.
    shared = [replace(one, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)) for one in preprocesses]
    different, begin = list(dict.fromkeys(shared)), 0
    batches = several_batches(
        images, assigned, different, machine.batch_size, machine.workers, device=device
    )
    failed: dict[int, Exception] = {}
    for squares in batches:
        pixels, rows = dict(zip(different, squares, strict=True)), {}
        for n, (tower, preprocess) in enumerate(zip(towers, preprocesses, strict=True)):
            if n in failed:
                continue
            try:
                with forward_passes(device, precision):
                    rows[n] = embed(tower, to_tower(pixels[shared[n]], preprocess, device))
                require_finite_rows(rows[n], assigned[begin:])
            except (InputError, torch.OutOfMemoryError) as error:
                # A traceback would keep the tensors of the pass in memory.
                failed[n] = error.with_traceback(None)
        begin += len(squares[0])
        yield [failed[n] if n in failed else rows[n] for n in range(len(encoders))]
        if len(failed) == len(encoders):
            return


def require_finite_rows(
    rows: Float[np.ndarray, "image feature"], numbers: Int[np.ndarray, " number"]
) -> None:
    """Refuse activations that are NaN or infinite; `numbers` are those of their images."""
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InputError(
            f"image {numbers[int(np.argmin(finite))]}: its activation is NaN or infinite; "
            "the encoder's training diverged (lower its learning rate), its weights are "
            "damaged, or its numbers are too large for the `precision` float16"
        )


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
