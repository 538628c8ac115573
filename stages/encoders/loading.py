"""Pictures of any size, made ready for a tower: several at a time, and one batch ahead."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8

from stages.encoders.preprocess import Preprocess, resize_and_crop
from stages.runtime.errors import InputError

KEPT = 1 << 30
"""The most bytes of fitted pictures that a training keeps in memory."""

PARTS = 8
"""How many parts each worker gets of a batch: so many that all are done at about one time."""

NICENESS = 10
"""How much nicer a thread that decodes is than those that compute, see nice(2)."""

Item = TypeVar("Item")


@runtime_checkable
class Pictures(Protocol):
    """An array of images, or an open dataset that decodes each when it is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return one of them."""
        ...


def fitted(
    pictures: Pictures,
    which: Int[np.ndarray, " image"],
    preprocess: Preprocess,
    workers: int = 1,
) -> UInt8[np.ndarray, "image size size 3"]:
    """Return some of the pictures, each as a square of the tower's size (see `resize_and_crop`)."""
    if is_fitted(pictures, preprocess):
        return pictures[which]  # pyright: ignore
    return stacked(
        lambda image: resize_and_crop(pictures[image], preprocess), which, preprocess.size, workers
    )


def is_fitted(pictures: Pictures, preprocess: Preprocess) -> bool:
    """Say whether the pictures are an array of squares of the tower's size already."""
    square = (preprocess.size, preprocess.size)
    untouched = preprocess.resize in (None, preprocess.size)
    return isinstance(pictures, np.ndarray) and untouched and pictures.shape[1:3] == square


def fitted_batches(
    pictures: Pictures,
    which: Int[np.ndarray, " image"],
    preprocess: Preprocess,
    batch_size: int,
    workers: int = 1,
) -> Iterator[UInt8[np.ndarray, "image size size 3"]]:
    """Yield some of the pictures, `batch_size` at a time: the next are made while one is used."""
    starts = range(0, len(which), batch_size)
    rows = (which[start : start + batch_size] for start in starts)
    return ahead(fitted(pictures, row, preprocess, workers) for row in rows)


def spread_rows(total: int, images: int, minibatch: int) -> Int[np.ndarray, " image"]:
    """Return `images` of `total` rows, evenly spaced, dealt out to the minibatches in turn.

    Real sets lie sorted by class: the first rows would show one class, and so would a minibatch.

    Raises
    ------
    InputError
        There are fewer rows than images, or they do not make whole minibatches.
    """
    if images > total or images % minibatch:
        raise InputError(
            f"expected whole minibatches of {minibatch} of the {total} images that there are, "
            f"got {images} images; change `layers` in params.yaml"
        )
    rows = np.arange(images) * total // images
    return rows.reshape(minibatch, -1).T.ravel()


def kept(pictures: Pictures, preprocess: Preprocess, workers: int = 1) -> Pictures:
    """Return the pictures fitted, in memory, where that takes at most 1 GiB; else as they are."""
    if 3 * len(pictures) * preprocess.size**2 > KEPT:
        return pictures
    return fitted(pictures, np.arange(len(pictures)), preprocess, workers)


def stacked(
    make: Callable[[int], UInt8[np.ndarray, "size size 3"]],
    which: Int[np.ndarray, " image"],
    size: int,
    workers: int,
) -> UInt8[np.ndarray, "image size size 3"]:
    """Make squares of `size` on several threads (Pillow lets them run), in one array, in order."""
    squares = np.empty((len(which), size, size, 3), np.uint8)

    def fill(rows: Int[np.ndarray, " row"]) -> None:
        for row in rows:
            squares[row] = make(int(which[row]))

    if workers == 1:
        fill(np.arange(len(which)))
    else:
        parts = max(1, min(len(which), PARTS * workers))
        list(decoders(workers).map(fill, np.array_split(np.arange(len(which)), parts)))
    return squares


@cache
def decoders(workers: int) -> ThreadPoolExecutor:
    """Return the threads that decode, the same ones for every batch."""
    return ThreadPoolExecutor(workers, "decode", initializer=give_way)


def give_way() -> None:
    """Let the calling thread run where the threads that compute leave a processor idle.

    A forward pass waits for the slowest of its threads, so a decoding thread that takes turns with
    one of them holds up all. Where the next batch is waited for, decoding has the processors to
    itself. Only Linux knows priorities of threads; a thread starts with that of the one that made
    it, so nicer is counted from the process's.
    """
    if sys.platform.startswith("linux"):
        nice = os.getpriority(os.PRIO_PROCESS, os.getpid()) + NICENESS  # above 19 counts as 19
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order, each computed on a thread while the one before it is used."""
    iterator, nothing = iter(items), object()
    with ThreadPoolExecutor(1, "ahead", initializer=give_way) as pool:
        coming = pool.submit(next, iterator, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, iterator, nothing)
            yield item  # pyright: ignore
