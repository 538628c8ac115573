"""Stage `extract_train`: the activations on labelled images that a linear probe learns from."""

import numpy as np
import torch

from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import ImagesPerClass, Precision, Threads
from interpreting_clip.encoders.given_activations import train_activations
from interpreting_clip.encoders.probed import ChosenImages, choose_images, probed_encoder
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import write_rows
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
    source, dataset = inputs[f"data/weights/{item.start}"], inputs[f"data/datasets/{item.dataset}"]
    given = are_given(source)
    if not given and run_in_processes(machine, "stages", "extract_train", key, resumes=False):
        return
    with open_shards(dataset, decode_fast) as images:
        with error_context(dataset):
            rows = choose_images(images.classes, images.card.classes, most)
        if given:
            values = train_activations(source, dataset)
            parts, width = np.array_split(rows, len(rows) // 4096 + 1), values.shape[1]
            blocks = (values[part] for part in parts)
        else:
            torch.set_num_threads(params.read("threads", Threads).inference)
            precision = params.read("precision", Precision).inference
            start, chosen = load_encoder(source), ChosenImages(images, rows)
            with error_context(source):
                encoder = probed_encoder(start, item.features)
            blocks = streamed_activations(encoder, chosen, own_machine(machine), precision)
            width = encoder.card.feature_width
            if not is_first():
                list(blocks)  # no rows here: they go to the first process
                return
        out = outputs[f"data/train_activations/{key}"]
        write_rows(out / "activations.npy", (len(rows), width), blocks)
        np.save(out / "classes.npy", images.classes[rows].astype("<i8"))
        write_json(out / "card.json", {"classes": images.card.classes})
