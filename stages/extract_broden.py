"""Stage `extract_broden`: an encoder's activations on the probe images."""

from pathlib import Path

from interpreting_clip.config.encoders import Precision, Threads
from interpreting_clip.config.params import Params
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from runner.machine import read_machine
from runner.outputs import new_output, open_outputs

BRODEN = Path("data/datasets/broden")


def main(key: str) -> None:
    """Write encoder `key`'s activations on the probe images, in the order of index.csv."""
    import torch

    from interpreting_clip.encoders.activations import streamed_activations
    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.loading.processes import is_first, own_machine, run_in_processes

    weights, directory = Path("data/weights") / key, Path("data/broden_activations") / key
    params, machine = Params(), read_machine()
    if is_absent(BRODEN):
        write_absent(BRODEN.name, directory, open_outputs(weights, BRODEN))
        return
    if run_in_processes(machine, "stages", "extract_broden", key, output=directory):
        return
    inputs = open_outputs(weights, BRODEN)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder = load_encoder(weights)
    with open_broden(BRODEN) as broden:
        streamed = streamed_activations(encoder, broden, own_machine(machine), precision)
        if not is_first():
            list(streamed.blocks)  # no rows here: they go to the first process
            return
        with new_output(directory, inputs) as out:
            write_tensors(out / "activations.safetensors", {"activations": streamed})
