"""Stage `extract`: an encoder's activations on ImageNet and on the testbed's shifts."""

import torch

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.activations import extract_dataset
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import Precision, Threads
from interpreting_clip.encoders.given_activations import write_given_test_sets
from interpreting_clip.encoders.saved_activations import write_card
from interpreting_clip.loading.processes import is_first, own_machine
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s activations on ImageNet's test images and on the testbed's shifts."""
    machine = read_machine()
    weights = inputs[f"data/weights/{key}"]
    there = {name: inputs.if_present(f"data/datasets/{name}") for name in TEST_SETS}
    datasets = {name: folder for name, folder in there.items() if folder}
    if are_given(weights):
        write_given_test_sets(weights, datasets, outputs[f"data/activations/{key}"])
        return
    if run_in_processes(machine, "stages", "extract", key, resumes=False):
        return
    own = own_machine(machine)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder = load_encoder(weights)
    out = outputs[f"data/activations/{key}"] if is_first() else None
    for folder in datasets.values():
        extract_dataset(encoder, folder, out, own, precision)
    if out is not None:
        card, shifts = encoder.card, [*datasets][1:]
        write_card(out, card.representation, card.feature_width, shifts)
