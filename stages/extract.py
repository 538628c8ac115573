"""Stage `extract`: an encoder's activations on ImageNet's test images."""

from contextlib import nullcontext
from pathlib import Path

from interpreting_clip.config.encoders import Precision, Threads
from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.formats.saved_activations import write_card
from runner.machine import read_machine
from runner.outputs import new_output, open_outputs


def main(key: str) -> None:
    """Write encoder `key`'s activations on ImageNet's test images."""
    import torch

    from interpreting_clip.encoders.activations import extract_dataset
    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.loading.processes import is_first, own_machine, run_in_processes

    params, machine, directory = Params(), read_machine(), Path("data/activations") / key
    if run_in_processes(machine, "stages", "extract", key, output=directory):
        return
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    weights, dataset = Path("data/weights") / key, Path("data/datasets") / TEST_SETS[0]
    inputs = open_outputs(weights, dataset)
    encoder = load_encoder(weights)
    with new_output(directory, inputs) if is_first() else nullcontext() as out:
        extract_dataset(encoder, dataset, out, own_machine(machine), precision)
        if out is not None:
            write_card(out, encoder.card.representation, encoder.card.feature_width)
