"""Stage `extract_shift`: an encoder's activations on a shift of the study's own."""

import torch

from interpreting_clip.encoders.activations import extract_dataset
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import Precision, Threads
from interpreting_clip.encoders.given_activations import write_given_shift
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.study.dataset_entries import ShiftEncoder
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the activations of the encoder of entry `key` on the shift of this entry."""
    machine, entry = read_machine(), params.read(f"shift_encoders.{key}", ShiftEncoder)
    weights, shift = inputs[f"data/weights/{entry.encoder}"], inputs[f"data/shifts/{entry.shift}"]
    if are_given(weights):
        write_given_shift(weights, shift, outputs[f"data/shift_activations/{key}"])
        return
    if run_in_processes(machine, "stages", "extract_shift", key, resumes=False):
        return
    own = own_machine(machine)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    out = outputs[f"data/shift_activations/{key}"] if is_first() else None
    extract_dataset(load_encoder(weights), shift, out, own, precision)
