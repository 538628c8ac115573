"""Stage `extract_shifts`: an encoder's activations on the distribution shifts of ImageNet."""

from contextlib import nullcontext
from pathlib import Path

from interpreting_clip.config.encoders import Precision, Threads
from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import SHIFTS
from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.saved_activations import write_shifts
from runner.machine import read_machine
from runner.outputs import new_output, open_outputs

DATASETS = Path("data/datasets")


def main(key: str) -> None:
    """Write encoder `key`'s activations on the shifts that the study has."""
    import torch

    from interpreting_clip.encoders.activations import extract_dataset
    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.loading.processes import is_first, own_machine, run_in_processes

    params, machine, directory = Params(), read_machine(), Path("data/shift_activations") / key
    if run_in_processes(machine, "stages", "extract_shifts", key, output=directory):
        return
    machine = own_machine(machine)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    weights = Path("data/weights") / key
    inputs = open_outputs(weights, *(DATASETS / shift for shift in SHIFTS))
    encoder = load_encoder(weights)
    present = [shift for shift in SHIFTS if not is_absent(DATASETS / shift)]
    with new_output(directory, inputs) if is_first() else nullcontext() as out:
        for shift in present:
            extract_dataset(encoder, DATASETS / shift, out, machine, precision)
        if out is not None:
            write_shifts(out, present)
