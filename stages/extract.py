"""Stage `extract`: an encoder's activations on ImageNet and on its distribution shifts."""

import torch

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.datasets.card import is_absent
from interpreting_clip.encoders.activations import extract_dataset
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.entries import Precision, Threads
from interpreting_clip.encoders.given_activations import write_given_test_sets
from interpreting_clip.formats.saved_activations import write_card
from interpreting_clip.formats.shift_folders import read_shift_folders
from interpreting_clip.loading.processes import is_first, own_machine
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s activations on ImageNet's test images and on the study's shifts."""
    machine = read_machine()
    weights = inputs[f"data/weights/{key}"]
    datasets = {name: inputs[f"data/datasets/{name}"] for name in TEST_SETS}
    further = read_shift_folders(inputs["data/shifts"])
    if are_given(weights):
        out = outputs[f"data/activations/{key}"]
        write_given_test_sets(weights, datasets | further, out)
        return
    if run_in_processes(machine, "stages", "extract", key, resumes=False):
        return
    own = own_machine(machine)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder = load_encoder(weights)
    present = [shift for shift in TESTBED_SHIFTS if not is_absent(datasets[shift])]
    shifts, datasets = [*present, *further], datasets | further
    out = outputs[f"data/activations/{key}"] if is_first() else None
    for name in (TEST_SETS[0], *shifts):
        extract_dataset(encoder, datasets[name], out, own, precision)
    if out is not None:
        write_card(out, encoder.card.representation, encoder.card.feature_width, shifts)
