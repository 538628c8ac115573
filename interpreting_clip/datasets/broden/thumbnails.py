"""Small copies of Broden's images and of the masks of the concepts that are segmented in them.

A page shows thousands of images, and each encoder's pages show others. So all are made small once:
an image as JPEG, a mask as a grid of bits over the image.
"""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8

from interpreting_clip.datasets.broden.labels import LabelMap, from_channels
from interpreting_clip.datasets.broden.reader import CATEGORIES, Broden
from interpreting_clip.datasets.images import decode_image
from interpreting_clip.formats.tensors import read_tensors, write_tensors

SIDE = 96
"""The longer side of a thumbnail, in pixels; a smaller image keeps its size."""

GRID = 32
"""The rows and columns of a mask, whatever the size and the shape of its image."""

FILE = "thumbnails.safetensors"

Mask = Bool[np.ndarray, "row column"]


class Thumbnail(NamedTuple):
    """A small image as JPEG, and the masks of its segmented concepts by their numbers."""

    jpeg: bytes
    masks: dict[int, Mask]


def make_thumbnails(broden: Broden, workers: int) -> Iterator[Thumbnail]:
    """Yield the thumbnail of each image, made by `workers` threads, in the order of `index.csv`."""
    images, block = range(len(broden)), 16 * workers
    with ThreadPoolExecutor(workers) as pool:
        # `map` queues all that it is given at once, 1.8 kB for each image.
        for start in images[::block]:
            yield from pool.map(partial(thumbnail, broden), images[start : start + block])


def thumbnail(broden: Broden, image: int) -> Thumbnail:
    """Make an image and its label maps small.

    Of several maps of a concept, a mask holds what any of them shows. Numbers that hold for the
    whole image (scene, texture) have no mask.
    """
    row = broden.rows[image]
    paths = [path for name in CATEGORIES for path in row.labels(name) if isinstance(path, str)]
    maps = (from_channels(broden.pixels(path)) for path in paths)
    return Thumbnail(small_jpeg(broden[image]), small_masks(maps))


def small_jpeg(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Return an image as JPEG, shrunk to `SIDE`; equal bytes for equal pixels and Pillow."""
    from PIL import Image

    image, stream = Image.fromarray(pixels), io.BytesIO()
    # By default Pillow first shrinks by a whole factor, which is faster and less exact.
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=None)
    # JPEG's usual halving of the colour channels would blur what is only a few pixels wide.
    image.save(stream, "JPEG", quality=90, subsampling=0)
    return stream.getvalue()


def small_masks(maps: Iterable[LabelMap]) -> dict[int, Mask]:
    """Return where each concept of some label maps is, at the middle of each cell of a grid."""
    masks: dict[int, Mask] = {}
    for labels in maps:
        rows, columns = (
            # (i + 1/2) · length / GRID in whole numbers: the middle of cell i.
            (2 * np.arange(GRID) + 1) * length // (2 * GRID)
            for length in labels.shape
        )
        cells = labels[np.ix_(rows, columns)]
        for number in np.unique(cells[cells > 0]).tolist():
            masks[number] = masks.get(number, np.zeros((GRID, GRID), np.bool_)) | (cells == number)
    return dict(sorted(masks.items()))


def write_thumbnails(folder: Path, thumbnails: Iterable[Thumbnail]) -> None:
    """Write thumbnails in the order of their images; they are held in memory until the last.

    For the 63,305 images of Broden1 that is half a gigabyte.
    """
    # Growing buffers: joining lists of bytes would hold everything twice.
    jpegs, packed = bytearray(), bytearray()
    starts, pairs = [0], list[tuple[int, int]]()
    for image, (jpeg, masks) in enumerate(thumbnails):
        jpegs += jpeg
        starts.append(len(jpegs))
        for number, mask in masks.items():
            pairs.append((image, number))
            packed += np.packbits(mask).tobytes()
    image, concept = np.array(pairs, np.int64).reshape(-1, 2).T
    arrays = {
        "jpegs": np.frombuffer(jpegs, "u1"),
        "starts": np.array(starts),
        "masks": np.frombuffer(packed, "u1").reshape(-1, GRID**2 // 8),
        "mask_images": image,
        "mask_concepts": concept,
    }
    write_tensors(folder / FILE, arrays)


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails that were written, mapped into memory.

    Attributes
    ----------
    jpegs, starts : image i is `jpegs[starts[i] : starts[i + 1]]`
    masks : packed bits, sorted by image, then by concept
    mask_images, mask_concepts : the image and the concept of each mask
    """

    file: Path
    jpegs: UInt8[np.ndarray, " byte"]
    starts: Int[np.ndarray, " bound"]
    masks: UInt8[np.ndarray, "mask packed"]
    mask_images: Int[np.ndarray, " mask"]
    mask_concepts: Int[np.ndarray, " mask"]

    @classmethod
    def read(cls, folder: Path) -> "Thumbnails":
        """Map what `write_thumbnails` wrote."""
        names = ("jpegs", "starts", "masks", "mask_images", "mask_concepts")
        return cls(folder / FILE, **read_tensors(folder / FILE, *names))

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.starts) - 1

    def __getitem__(self, image: int, /) -> UInt8[np.ndarray, "height width 3"]:
        """Return the pixels of a thumbnail."""
        jpeg = self.jpegs[self.starts[image] : self.starts[image + 1]].tobytes()
        return decode_image(jpeg, f"{self.file}: image {image}")

    def mask(self, image: int, concept: int) -> Mask | None:
        """Return where a concept is on an image; None where it is not segmented there."""
        for place in range(*np.searchsorted(self.mask_images, [image, image + 1])):
            if self.mask_concepts[place] == concept:
                return np.unpackbits(self.masks[place]).reshape(GRID, GRID).astype(np.bool_)
        return None
