"""How many processor cores feed a GPU: the table of feeding.md.

Photographs of 500 x 375 pixels are in shards, and our loader's worker processes bring them to a
tower's size, cropped as for training and as for inference. For comparison, in the same rounds,
Pillow decodes them, and decodes and scales them, in such workers, from memory, without checks and
without passing on a result. The last way is a training on copies with a shorter side of 256 pixels,
which `fetch` could store if that paid. Times are processor times, including the workers', so that
other programs on the machine count for less.
"""

import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.tables import Row, write_table
from interpreting_clip.config.trainings import Augmentation
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.shards import ShardedDataset, open_shards, write_images
from interpreting_clip.loading.augmentation import augment, crop_box, draw
from interpreting_clip.loading.batches import image_batches, load_batches
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.preprocess import Preprocess
from runner.process import keep_memory
from tests.pipeline.official_layouts import jpeg, photograph

DRAWN, IMAGES, BATCH, WORKERS, ROUNDS = 64, 512, 64, 2, 7
SIZE, SMALLER = (375, 500), (256, 341)
NOTHING = np.empty(0, np.uint8)
PREPROCESS = Preprocess(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
CROPS = Augmentation(smallest_crop=0.9, flip=0.0)
"""The settings with which the paper's study finetunes."""


def main() -> None:
    """Measure, print and write the table."""
    keep_memory()
    with tempfile.TemporaryDirectory() as scratch:
        whole, small = Path(scratch, "whole"), Path(scratch, "small")
        write_dataset(whole, IMAGES)
        write_dataset(small, IMAGES, SMALLER)
        with open_shards(whole, decode_fast) as images, open_shards(small, decode_fast) as copies:
            rows = measure(images, copies, ROUNDS)
    title = f"Decoding and scaling photographs of 500 x 375 pixels, {WORKERS} workers"
    write_table("feeding", title, rows)


def write_dataset(folder: Path, images: int, size: tuple[int, int] = SIZE) -> None:
    """Write photographs into a dataset's folder, each several times to get enough."""
    (height, width), drawn = size, list[bytes]()
    for image in range(DRAWN):
        drawn.append(jpeg(photograph(f"{image}", image, SIZE).resize((width, height))))
    stored = ((data, 0, None) for data in islice(cycle(drawn), images))
    shards = write_images(stored, images, folder)
    card = DatasetCard(
        dataset="photographs",
        images=images,
        classes=["photograph"],
        class_indices=[0],
        source="drawn",
        licence="none",
        shards=shards,
    )
    write_card(card, folder)


def measure(images: ShardedDataset, copies: ShardedDataset, rounds: int) -> list[Row]:
    """Return the lines of the table; the least time of all rounds counts.

    `copies` are the same images, stored smaller.
    """
    files = [images.stored(image) for image in range(len(images))]
    every = np.arange(len(images))
    drawn = draw(len(images), CROPS, np.random.default_rng(0))
    batches = [every[start : start + BATCH] for start in range(0, len(images), BATCH)]
    size, filter_ = PREPROCESS.size, Image.Resampling.BICUBIC

    def decoding(batch: np.ndarray) -> np.ndarray:
        for i in batch.tolist():
            decoded(files[i])
        return NOTHING

    def pillow_crops(batch: np.ndarray) -> np.ndarray:
        for i in batch.tolist():
            image = decoded(files[i])
            left, top, right, bottom = crop_box(image.height, image.width, drawn[i])
            box = left * image.width, top * image.height, right * image.width, bottom * image.height
            image.resize((size, size), filter_, box)
        return NOTHING

    def pillow_squares(batch: np.ndarray) -> np.ndarray:
        for i in batch.tolist():
            image = decoded(files[i])
            width, height = (size * side // min(image.size) for side in image.size)
            image.resize((width, height), filter_)
        return NOTHING

    def crops_of(dataset: ShardedDataset, batch: np.ndarray) -> np.ndarray:
        rows = batch.tolist()
        return np.stack([augment(dataset[i], drawn[i], CROPS, PREPROCESS) for i in rows])

    loads = {
        "Pillow alone: decoding": decoding,
        "Pillow alone: decoding and a training crop": pillow_crops,
        "Pillow alone: decoding and inference preprocessing": pillow_squares,
        "ours: training crops": partial(crops_of, images),
        "ours: training crops of smaller copies": partial(crops_of, copies),
    }
    ways: dict[str, Callable[[], object]] = {
        way: partial(load_all, load, batches) for way, load in loads.items()
    }
    ways["ours: inference preprocessing"] = lambda: exhaust(
        image_batches(images, every, PREPROCESS, BATCH, WORKERS)
    )
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, function in ways.items():
            spent[way].append(processor_seconds(function))
    speed = {way: len(images) / min(times) for way, times in spent.items()}
    bare, crop, square, training, smaller, inference = speed.values()
    piped = max(pipe_speed(len(images)) for _ in range(rounds))
    return [
        *(Row(way, f"{each:.0f} images/s of a core") for way, each in speed.items()),
        Row("training crops: ours over Pillow's decoding", f"{training / bare:.2f}"),
        Row("… over its decoding and the same crop", f"{training / crop:.2f}", "at least 1.3"),
        Row("… of smaller copies over those of the photographs", f"{smaller / training:.2f}"),
        Row("inference preprocessing: ours over Pillow's decoding", f"{inference / bare:.2f}"),
        Row(
            "… over its decoding and the same scaling", f"{inference / square:.2f}", "at least 0.8"
        ),
        Row("images that one process takes from its workers", f"{piped:,.0f} images/s of a core"),
    ]


def decoded(file: bytes) -> Image.Image:
    """Return a decoded image, like the usual loaders."""
    return Image.open(io.BytesIO(file)).convert("RGB")


def load_all(load: Callable[[np.ndarray], np.ndarray], batches: list[np.ndarray]) -> None:
    """Let workers load all batches."""
    exhaust(load_batches(load, batches, WORKERS))


def exhaust(batches: Iterable[object]) -> None:
    """Load all batches."""
    for _ in batches:
        pass


def processor_seconds(function: Callable[[], object]) -> float:
    """Return the processor time of a call, including workers that it starts and ends."""
    before = spent_so_far()
    function()
    return spent_so_far() - before


def spent_so_far() -> float:
    """Return the processor time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def pipe_speed(images: int) -> float:
    """Return how many images a second a process receives from workers that do nothing else."""
    batch = np.zeros((BATCH, PREPROCESS.size, PREPROCESS.size, 3), np.uint8)
    numbers, before = range(-(-images // BATCH)), time.process_time()
    exhaust(load_batches(lambda _: batch, numbers, WORKERS))
    return len(numbers) * BATCH / (time.process_time() - before)


if __name__ == "__main__":
    main()
