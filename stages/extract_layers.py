"""Stage `extract_layers`: Gram matrices of an encoder's layers, for CKA, and pooled outputs."""

import torch

from interpreting_clip.arrays.pooled_layer import arrays_of_layers
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import Layers, Precision, Threads
from interpreting_clip.encoders.layer_activations import gathered_layers, recorded_layers
from interpreting_clip.encoders.layers import (
    evenly_spaced_minibatches,
    layer_grams,
    named_layers,
)
from interpreting_clip.errors import AbsentError
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.quantities import Positive, Share
from interpreting_clip.statistics.grams import OutlierLimits
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the U-centred Gram matrices of encoder `key`'s layers, minibatch by minibatch.

    `without_outliers` has the Grams of layers with outlier features, without these; the card
    has the most that a layer has in any minibatch. The same passes give the layers' outputs for
    `layer_outliers`, pooled by the mean over tokens or positions.
    """
    machine = read_machine()
    weights, dataset = inputs[f"data/weights/{key}"], inputs[f"data/datasets/{TEST_SETS[0]}"]
    if are_given(weights):
        # A folder has no activations of layers; the check of a study allows no comparison of it.
        raise AbsentError(dataset="layers")
    if run_in_processes(machine, "stages", "extract_layers", key, resumes=False):
        return
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    layers = params.read("layers", Layers)
    limits = OutlierLimits(
        params.read("cka.outlier_sigma", Positive), params.read("cka.outlier_share", Share)
    )
    encoder = load_encoder(weights)
    with open_shards(dataset, decode_fast) as data:
        minibatches = evenly_spaced_minibatches(len(data), layers.images, layers.minibatch)
        names = list(named_layers(encoder.visual))
        with recorded_layers(encoder.visual, names, "mean") as recorded:
            grams = layer_grams(
                encoder, data, minibatches, own_machine(machine), precision, limits=limits
            )
    pooled = gathered_layers(recorded, *minibatches.shape)
    if is_first():
        out = outputs[f"data/layer_grams/{key}"]
        write_tensors(out / "grams.safetensors", grams.whole)
        write_tensors(out / "without_outliers.safetensors", grams.rest)
        card = {"layers": list(grams.whole), "outliers": list(grams.outliers.values())}
        write_json(out / "card.json", card)
        out = outputs[f"data/layer_activations/{key}"]
        write_tensors(out / "layers.safetensors", arrays_of_layers(pooled))
        write_json(out / "card.json", {"layers": names})
