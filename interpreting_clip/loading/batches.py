"""Batches of images at a tower's size, loaded by torch's DataLoader."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch.utils.data import DataLoader, Dataset

from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import Pixels, Preprocess, resize_and_crop

CACHE_BYTES = 1 << 30
"""The most bytes of preprocessed images that a training holds in memory."""

SMALL = 128 * 128 * 3
"""The bytes of an image below which loading it in this process beats a worker process.

Starting a worker takes as long as decoding some hundred images of 32 x 32 pixels.
"""

Index = TypeVar("Index")
Loaded = TypeVar("Loaded", bound=np.ndarray | torch.Tensor)


@runtime_checkable
class ImageDataset(Protocol):
    """A map-style dataset: an array of images, or an open dataset that decodes them on demand."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return one image."""
        ...


@dataclass
class LoadedBatch:
    """What a DataLoader returns: the pixels of a batch, or the error that loading them raised.

    The error is returned, not raised, since DataLoader puts a worker's traceback into the message.
    """

    index: Any
    content: Any

    def pin_memory(self) -> "LoadedBatch":
        """Move the pixels to memory from which a GPU copies by itself; DataLoader calls this."""
        if isinstance(self.content, np.ndarray):
            self.content = torch.from_numpy(self.content).pin_memory()
        return self


class Batches(Dataset):
    """The dataset behind a DataLoader whose index is a whole batch, not an image."""

    def __init__(self, load: Callable[[Any], Any]) -> None:
        self.load = load

    def __getitem__(self, index: Any) -> LoadedBatch:
        """Return the batch that an index stands for."""
        try:
            return LoadedBatch(index, self.load(index))
        except (InputError, OSError) as error:
            return LoadedBatch(index, error)


def load_batches(
    load: Callable[[Index], Loaded],
    indices: Iterable[Index],
    workers: int,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Index, Loaded]]:
    """Yield each index with `load(index)`, in order, loaded ahead by `workers` processes (0: none).

    Workers draw no random numbers, so their number changes nothing. They are forked, which shares
    open files with them; if that is unsafe (macOS), batches are loaded in this process. If the
    `device` is a GPU, a thread moves the pixels to pinned memory.
    """
    workers = workers if sys.platform.startswith("linux") else 0
    loader = DataLoader(
        Batches(load),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        # Use arrays, which go through a pipe: tensors need shared memory, and containers have 64 MB
        collate_fn=lambda batch: batch,
        pin_memory=torch.device(device).type == "cuda",
        multiprocessing_context="fork" if workers else None,
        generator=torch.Generator(),  # for the workers' seeds; torch's own generator stays as it is
    )
    for batch in loader:
        if isinstance(batch.content, Exception):
            raise batch.content
        yield batch.index, batch.content


def useful_workers(images: ImageDataset, workers: int) -> int:
    """Return how many worker processes to load images with: none if they are small or in memory."""
    if isinstance(images, np.ndarray) or not len(images) or images[0].size < SMALL:
        return 0
    return workers


def image_batches(
    images: ImageDataset,
    rows: Int[np.ndarray, " image"],
    preprocess: Preprocess,
    batch_size: int,
    workers: int = 0,
    *,
    device: torch.device | str = "cpu",
) -> Iterator[Pixels]:
    """Yield some images as squares of the tower's size, `batch_size` at a time, in order."""
    each = several_batches(images, rows, [preprocess], batch_size, workers, device=device)
    return (squares for (squares,) in each)


def several_batches(
    images: ImageDataset,
    rows: Int[np.ndarray, " image"],
    preprocesses: Sequence[Preprocess],
    batch_size: int,
    workers: int = 0,
    *,
    device: torch.device | str = "cpu",
) -> Iterator[list[Pixels]]:
    """Yield batches as `image_batches` does, once for each `preprocess`; an image is decoded once.

    For towers with other sizes or crops of the same images.
    """
    shapes = [(one.size, one.size, 3) for one in preprocesses]

    # All squares of a batch in one array, since that goes through a pipe, or to pinned memory.
    def load(batch: Int[np.ndarray, " image"]) -> UInt8[np.ndarray, " byte"]:
        pixels = np.empty(len(batch) * sum(map(math.prod, shapes)), np.uint8)
        squares = parts(pixels, len(batch))
        for number, row in enumerate(batch.tolist()):
            image = images[row]
            for preprocess, square in zip(preprocesses, squares, strict=True):
                square[number] = resize_and_crop(image, preprocess)
        return pixels

    def parts(pixels: Any, count: int) -> list[Any]:
        ends = np.cumsum([count * math.prod(shape) for shape in shapes]).tolist()
        bounds = zip([0, *ends], ends, shapes, strict=False)
        return [pixels[begin:end].reshape(count, *shape) for begin, end, shape in bounds]

    starts = range(0, len(rows), batch_size)
    batches = [rows[start : start + batch_size] for start in starts]
    loaded = load_batches(load, batches, useful_workers(images, workers), device)
    return (parts(pixels, len(batch)) for batch, pixels in loaded)


def cache_images(images: ImageDataset, preprocess: Preprocess, workers: int = 0) -> ImageDataset:
    """Return the images preprocessed in memory, if they take at most 1 GiB; else as they are."""
    shape = len(images), preprocess.size, preprocess.size, 3
    if np.prod(shape) > CACHE_BYTES:
        return images
    cache, begin = np.empty(shape, np.uint8), 0
    for batch in image_batches(images, np.arange(len(images)), preprocess, 256, workers):
        cache[begin : begin + len(batch)] = batch
        begin += len(batch)
    return cache
