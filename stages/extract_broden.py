"""Stage `extract_broden`: an encoder's activations on the probe images."""

import torch

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.encoders.activations import computed_activations
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import Precision, Threads
from interpreting_clip.encoders.given_activations import write_given_broden
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.loading.processes import is_first, own_machine
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s activations on the probe images, in the order of index.csv."""
    machine = read_machine()
    weights, dataset = inputs[f"data/weights/{key}"], inputs["data/datasets/broden"]
    out = outputs[f"data/broden_activations/{key}"]
    if are_given(weights):
        write_given_broden(weights, dataset, out)
        return
    if run_in_processes(machine, "stages", "extract_broden", key, resumes=False):
        return
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder = load_encoder(weights)
    with open_broden(dataset) as broden:
        values = computed_activations(encoder, broden, own_machine(machine), precision)
    if is_first():
        write_tensors(out / "activations.safetensors", {"activations": values})
