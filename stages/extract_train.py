"""Stage `extract_train`: the activations on labelled images that a linear probe learns from."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from interpreting_clip.datasets.shards import ShardedDataset, open_shards
from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.entries import ImagesPerClass, Precision, Threads
from interpreting_clip.encoders.given_activations import train_activations
from interpreting_clip.encoders.probed import ChosenImages, choose_images, probed_encoder
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import StreamedArray
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.saved_activations import write_activations
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.training.probes import Probe
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the activations that probe `key` reads, on the images that it learns from."""
    machine = read_machine()
    item = params.read(f"probe.{key}", Probe)
    most = params.read("heads.probe.images_per_class", ImagesPerClass)
    source = inputs[f"data/weights/{item.start}"]
    dataset = inputs[f"data/datasets/{item.dataset}"]
    if are_given(source):
        values = train_activations(source, dataset)
        with open_shards(dataset) as images:
            with error_context(dataset):
                rows = choose_images(images.classes, images.card.classes, most)
            write_train(outputs[f"data/train_activations/{key}"], item, images, rows, values[rows])
        return
    if run_in_processes(machine, "stages", "extract_train", key, resumes=False):
        return
    own = own_machine(machine)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    start = load_encoder(source)
    with error_context(source):
        encoder = probed_encoder(start, item.features)
    with open_shards(dataset, decode_fast) as images:
        with error_context(dataset):
            rows = choose_images(images.classes, images.card.classes, most)
        chosen = ChosenImages(images, rows)
        streamed = streamed_activations(encoder, chosen, own, precision)
        if is_first():
            out = outputs[f"data/train_activations/{key}"]
            write_train(out, item, images, rows, streamed)
        else:
            list(streamed.blocks)  # no rows here: they go to the first process


def write_train(
    out: Path,
    item: Probe,
    images: ShardedDataset,
    rows: Int[np.ndarray, " chosen"],
    values: Float[np.ndarray, "chosen feature"] | StreamedArray,
) -> None:
    """Write the activations of the chosen images, with the names of the classes."""
    write_activations(
        out,
        item.dataset,
        values,
        classes=images.classes[rows],
        class_indices=np.array(images.card.class_indices),
    )
    write_json(out / "card.json", {"classes": images.card.classes})
