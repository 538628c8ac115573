"""Extraction against bare forward passes of the same tower: the table of extraction.md.

Both take turns in one process, on the same photographs and with random weights. Bare passes get
batches that are preprocessed and on the device already. Extraction is what stage `extract` does,
once from images in memory at the tower's size and once from a dataset's JPEGs, which worker
processes decode: with a GPU they decode while it computes, on a CPU both share the processors.
"""

import tempfile
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.tables import Row, ratios_in_turn, write_table
from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.encoders.activations import (
    computed_activations,
    extract_dataset,
    image_tower,
)
from interpreting_clip.encoders.encoder import forward_passes, initialise
from interpreting_clip.encoders.encoder_entries import AnyBackbone, ComputeType, OpenClipModel
from interpreting_clip.encoders.saved_activations import read_activations, write_activations
from interpreting_clip.loading.batches import image_batches
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.preprocess import to_tower
from runner.process import keep_memory
from tests.pipeline.official_layouts import jpeg, photograph

BACKBONES: dict[str, AnyBackbone] = {
    "RN50": OpenClipModel(model="RN50-quickgelu"),
    "ViT-B/32": OpenClipModel(model="ViT-B-32"),
}
IMAGES, BATCH, ROUNDS = 128, 32, 5
DRAWN, SIZE = 64, (375, 500)


def main() -> None:
    """Measure, print and write the table."""
    keep_memory()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch, "photographs")
        write_dataset(dataset, IMAGES)
        machine, rows = Machine(batch_size=BATCH), list[Row]()
        for name, backbone in BACKBONES.items():
            rows += compared(name, backbone, dataset, machine, ROUNDS)
    title = f"Extraction of {IMAGES} photographs in batches of {BATCH}, {machine.workers} workers"
    write_table("extraction", title, rows)


def write_dataset(folder: Path, images: int) -> None:
    """Write photographs into a dataset's folder, each several times to get enough."""
    drawn = [jpeg(photograph(f"{image}", image, SIZE)) for image in range(min(DRAWN, images))]
    stored = ((data, 0, None) for data in islice(cycle(drawn), images))
    shards = write_images(stored, images, folder)
    card = DatasetCard(
        dataset=folder.name,
        images=images,
        classes=["photograph"],
        class_indices=[0],
        source="drawn",
        licence="none",
        shards=shards,
    )
    write_card(card, folder)


def compared(
    name: str,
    backbone: AnyBackbone,
    dataset: Path,
    machine: Machine,
    rounds: int,
    *,
    precision: ComputeType = "float32",
) -> list[Row]:
    """Return the lines for one tower; activations are written next to the dataset."""
    encoder, out = initialise(backbone, 0), dataset.parent
    preprocess, tower = encoder.card.preprocess, image_tower(encoder, machine.device)
    with open_shards(dataset, decode_fast) as images:
        every = np.arange(len(images))
        squares = list(
            image_batches(images, every, preprocess, machine.batch_size, machine.workers)
        )
    pixels = np.concatenate(squares)
    batches = [to_tower(batch, preprocess, machine.device) for batch in squares]

    def bare_passes() -> np.ndarray:
        with forward_passes(machine.device, precision):
            return torch.cat([tower(batch) for batch in batches]).float().cpu().numpy()

    def from_memory() -> None:
        values = computed_activations(encoder, pixels, machine, precision)
        indices = np.arange(1)
        write_activations(out, "memory", values, classes=every, class_indices=indices)

    def from_jpegs() -> None:
        extract_dataset(encoder, dataset, out, machine, precision)

    ways = {"bare": bare_passes, "memory": from_memory, "JPEGs": from_jpegs}
    ratio = ratios_in_turn(ways, rounds)
    extracted, expected = read_activations(out, dataset.name).values, bare_passes()
    difference = np.abs(extracted - expected).max() / np.abs(expected).max()
    return [
        Row(
            f"{name}, {precision}: images a second from memory over bare passes",
            f"{ratio('bare', 'memory'):.3g}",
            "at least 0.93",
        ),
        Row("… from JPEGs over bare passes", f"{ratio('bare', 'JPEGs'):.3g}"),
        Row("… … largest difference from them", f"{difference:.0e} of the largest value"),
    ]


if __name__ == "__main__":
    main()
