"""How close the extraction of activations is to bare forward passes: the table of extraction.md.

Four ways to compute the same activations, of the same photographs with the same weights, on all
processors, each in a process of its own, one after the other and then in the opposite order:

* the bare loop: `encode_image` in `inference_mode` on tensors that are in memory already,
  preprocessed and in the layout that is faster for convolutions; once with torch's defaults, and
  once with threads and memory set as in our stages. The faster one counts;
* ours, as the stage `extract` does it: shards read and verified, photographs decoded, activations
  checked and written;
* clip_benchmark's own: its webdataset, `DataLoader` and `run_classification`, as many workers;
* thingsvision's own: its dataset, loader and `extract_features`. It needs TensorFlow and numpy 1,
  so it has an environment of its own below `.scratch`, with the same torch.

The clock starts when the model is loaded and has seen two images, and stops at the last activation.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.other_extractor import (
    ENVIRONMENT,
    Extracted,
    Task,
    thingsvision,
    thingsvision_python,
)
from benchmarks.tables import Cost, Row, alone, write_table
from runner.machine import usable_processors

IMAGES = {"RN50-quickgelu": 192, "ViT-B-32": 320}
BATCH, SHARDS = 32, 4
SIZES = ((375, 500), (500, 375), (333, 500), (375, 500))


def main() -> None:
    """Measure, print and write the table."""
    threads, rows = usable_processors(), []
    python = thingsvision_python(ENVIRONMENT)
    for model, images in IMAGES.items():
        with tempfile.TemporaryDirectory() as scratch:
            once, twice = (Path(scratch) / name for name in ("once", "twice"))
            write_inputs(once, model, images)
            write_inputs(twice, model, 2 * images)
            task = Task(once, model, BATCH, threads)
            costs = measure(task, python)
            more = alone(ours, task._replace(folder=twice)).memory
            rows += model_rows(model, images, costs, more)
    title = f"Extraction of activations, batches of {BATCH}, {threads} threads and workers"
    write_table("extraction", title, rows)


def write_inputs(folder: Path, model: str, images: int) -> None:
    """Write photographs and weights in the form that each way needs; image i is of class i."""
    from interpreting_clip.config.encoders import OpenClipModel
    from interpreting_clip.datasets.card import DatasetCard, write_card
    from interpreting_clip.datasets.shards import write_images
    from interpreting_clip.encoders.encoder import clip_encoder, save_encoder
    from tests.pipeline.official_layouts import jpeg, photograph

    for name in ("files", "shards", "wds/test"):
        (folder / name).mkdir(parents=True)
    for image in range(images):
        data = jpeg(photograph(f"{image}", image, SIZES[image % len(SIZES)]))
        (folder / f"files/{image:08d}.jpg").write_bytes(data)
    files = sorted((folder / "files").iterdir())
    stored = ((file.read_bytes(), image, None) for image, file in enumerate(files))
    shards = write_images(stored, -(-images // SHARDS), folder / "shards")
    names = [f"class {image}" for image in range(images)]
    card = DatasetCard(
        dataset="photographs",
        images=images,
        classes=names,
        class_indices=list(range(images)),
        source="drawn",
        licence="none",
        shards=shards,
    )
    write_card(card, folder / "shards")
    for number, shard in enumerate(sorted(shards)):
        (folder / f"wds/test/{number}.tar").symlink_to(folder / "shards" / shard)
    (folder / "wds/test/nshards.txt").write_text(str(len(shards)))
    (folder / "wds/classnames.txt").write_text("\n".join(names))
    (folder / "wds/zeroshot_classification_templates.txt").write_text("{c}")
    save_encoder(folder / "weights", clip_encoder(OpenClipModel(model=model), None, 0))


def measure(task: Task, python: Path | None) -> dict[str, list[Cost]]:
    """Run every way twice: in one order and then in the other."""
    ways: dict[str, Callable[[Task], Extracted]] = {
        "bare": bare,
        "bare, tuned": tuned_bare,
        "ours": ours,
        "clip_benchmark": clip_benchmark,
    }
    costs: dict[str, list[Cost]] = {way: [] for way in (*ways, "thingsvision")}
    for order in (list(costs), list(costs)[::-1]):
        for way in order:
            if way in ways:
                costs[way].append(alone(ways[way], task))
            elif python is not None:
                costs[way].append(Cost(thingsvision(task, python), 0.0, 0.0))
    return costs


def open_clip_model(task: Task) -> tuple[Any, Any]:
    """Return open_clip's own model with the weights, and its own preprocessing."""
    import open_clip
    import torch
    from PIL import Image
    from safetensors.torch import load_file

    torch.set_num_threads(task.threads)
    created: Any = open_clip.create_model_and_transforms(task.model)
    model, _, preprocess = created
    model.load_state_dict(load_file(task.folder / "weights/weights.safetensors"))
    model.eval()
    with torch.no_grad():
        model.encode_image(torch.stack([preprocess(Image.new("RGB", (9, 9)))] * 2))
    return model, preprocess


def tuned_bare(task: Task) -> Extracted:
    """Run the bare loop with sleeping threads and kept memory, as in our stages."""
    from runner.process import keep_memory, wait_passively

    wait_passively()
    keep_memory()
    return bare(task)


def bare(task: Task) -> Extracted:
    """Pass tensors that are in memory through the image tower."""
    import torch

    from interpreting_clip.datasets.shards import open_shards
    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.loading.batches import image_batches
    from interpreting_clip.loading.preprocess import to_tower

    model, _ = open_clip_model(task)
    preprocess = load_encoder(task.folder / "weights").card.preprocess
    with open_shards(task.folder / "shards") as images:
        every = np.arange(len(images))
        batches = [
            to_tower(squares, preprocess)
            for squares in image_batches(images, every, preprocess, task.batch, task.threads)
        ]
    start = time.perf_counter()
    with torch.inference_mode():
        features = torch.cat([model.encode_image(batch) for batch in batches])
    return Extracted(features.numpy(), time.perf_counter() - start)


def ours(task: Task) -> Extracted:
    """Do what stage `extract` does with one dataset."""
    from runner.process import keep_memory, wait_passively

    wait_passively()
    keep_memory()
    import torch

    from interpreting_clip.datasets.shards import open_shards
    from interpreting_clip.encoders.activations import extract_dataset, streamed_activations
    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.formats.saved_activations import read_activations
    from runner.machine import Machine

    torch.set_num_threads(task.threads)
    machine = Machine(device="cpu", batch_size=task.batch, workers=task.threads)
    encoder = load_encoder(task.folder / "weights")
    with open_shards(task.folder / "shards") as images:
        list(streamed_activations(encoder, [images[0], images[1]], machine, "float32").blocks)
    start = time.perf_counter()
    extract_dataset(encoder, task.folder / "shards", task.folder, machine, "float32")
    seconds = time.perf_counter() - start
    return Extracted(np.array(read_activations(task.folder, "shards").values), seconds)


def clip_benchmark(task: Task) -> Extracted:
    """Classify as clip_benchmark does, with a classifier whose logits are the unit features."""
    import torch
    from clip_benchmark.datasets.builder import build_wds_dataset
    from clip_benchmark.metrics.zeroshot_classification import run_classification

    model, preprocess = open_clip_model(task)
    identity = torch.eye(model.visual.output_dim) / 100
    start = time.perf_counter()
    dataset: Any = build_wds_dataset("photographs", preprocess, "test", str(task.folder / "wds"))
    loader = torch.utils.data.DataLoader(
        dataset.batched(task.batch),
        batch_size=None,
        shuffle=False,
        num_workers=task.threads,
        multiprocessing_context="fork",  # as its own command line does
    )
    logits, classes = run_classification(model, identity, loader, "cpu", amp=False)
    seconds = time.perf_counter() - start
    return Extracted(logits[classes.argsort()].numpy(), seconds)


def model_rows(model: str, images: int, costs: dict[str, list[Cost]], more: float) -> list[Row]:
    """Return the lines of one model; `more` is our peak memory for twice the images."""
    memory = max(cost.memory for cost in costs["ours"])
    speed = {way: throughput([cost.result for cost in runs]) for way, runs in costs.items() if runs}
    rows = [
        Row(f"{model}: {way}", f"{speed[way]:.1f} images/s" if way in speed else "not installable")
        for way in costs
    ]
    faster = max("bare", "bare, tuned", key=speed.__getitem__)
    for way, bound in ((faster, "at least 0.95"), ("clip_benchmark", ""), ("thingsvision", "")):
        ratio = f"{speed['ours'] / speed[way]:.3f}" if way in speed else "not measured"
        rows.append(Row(f"… ours over {way}", ratio, bound))
    expected = costs["bare"][0].result.features
    for way, runs in costs.items():
        if way != "bare" and runs:
            difference = largest_difference(runs[0].result.features, expected)
            rows.append(Row(f"… {way}: largest difference to bare", f"{difference:.0e}"))
    rows.append(Row(f"… ours: peak memory of {images} images", f"{memory:.0f} MiB"))
    rows.append(Row(f"… of {2 * images} images", f"{more:.0f} MiB", "the same"))
    return rows


def throughput(runs: Sequence[Extracted]) -> float:
    """Return the images per second of several runs."""
    return sum(len(run.features) for run in runs) / sum(run.seconds for run in runs)


def largest_difference(features: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference between rows that are scaled to unit length."""
    one, other = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (features, expected)
    )
    return float(np.abs(one - other).max())


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
